"""The verifier on one core: bundles of a log that the product recorded, sealed and wrote down, whole and filtered."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from adapters.proofs.sealer import Sealer
from api import bootstrap
from benchmarks.ground import Ground
from benchmarks.history import Past
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.product import Product, opened
from projections.proofs.chosen import Choice

FILE = Path(__file__).parents[2] / "clients" / "verifier" / "everlog_verify.py"
RATE = 10_000.0
"""Events per second on one core that were asked for."""
WHOLE, FILTERED = "a whole log, every field shown", "one kind of event, the others hidden"


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product:
        files = _written(product, session, ground.home.parent)
        turns: dict[str, Callable[[], Figures]] = {
            OURS: lambda: {case: verified(file, events) for case, (file, events) in files.items()},
            "target": lambda: {"rate": RATE},
        }
        rounds = session.play(turns)
    versus = Versus(
        against="target",
        kind="limit",
        case=WHOLE,
        measure=WHOLE,
        theirs="rate",
        unit="events/s",
        aim=1,
        note=f"{files[WHOLE][1]} events; CPU seconds of the whole process, its start and the signature included",
    )
    yield from session.compared(rounds, versus, replace(versus, case=FILTERED, measure=FILTERED, note=""))


def _written(product: Product, session: Session, folder: Path) -> dict[str, tuple[Path, int]]:
    """Bundles of one log by what is measured on them, with the events in each."""
    log = product.logs.of(product.tenant())
    past = Past(log)
    session.say("recording the log")
    past.grow(session.scale.catch_up, session.soon())
    session.say("sealing it, and writing bundles")
    sealer = Sealer(log.tenant, product.worker.database, bootstrap.signer_of(product.settings))
    while sealer.seal():
        pass
    proven, found = bootstrap.proofs(product.app), dict[str, tuple[Path, int]]()
    for name, choice in {WHOLE: Choice(), FILTERED: Choice(type=("prospects.won",))}.items():
        path = folder / f"{len(found)}.jsonl"
        with path.open("wb") as file:
            lines = sum(1 for line in proven.bundle(log.tenant, choice) if file.write(line))
        found[name] = path, lines - 2
    return found


def verified(path: Path, events: int) -> float:
    """Events per second of processor time, of a process of its own, as a stranger starts it."""
    before = _used()
    done = subprocess.run([sys.executable, "-I", "-S", FILE, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return events / (_used() - before)


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
