"""Break the product in every way that production does, and count what is lost: `make faults`.

Each fault prints what was attempted and acknowledged, what was lost, repeated or skipped, and whether its control,
with one thing wrong on purpose, was found out. Any violation, and any control that stays green, ends it with 1.
"""

import importlib
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from msgspec.structs import asdict
from rich.console import Console
from rich.table import Table

from tests.faults.trial import Fault, Found, Line, Run, Trial

FAULTS = {
    "clock": Fault("clock:run", cycles=12, long=60),
    "disk-full": Fault("disk_full:run", cycles=6, long=60),
    "failover": Fault("failover:run", cycles=3, long=30),
    "failpoints": Fault("failpoints:run", cycles=20, long=20),
    "journal": Fault("journal:run", cycles=10, long=100),
    "kills": Fault("kills:run", cycles=50, long=500),
    "model": Fault("broken:run", cycles=200, long=20_000),
    "nats-cluster": Fault("nats_cluster:run", cycles=5, long=50),
    "neighbour": Fault("neighbour:run", cycles=3, long=20),
    "network": Fault("network:run", cycles=15, long=150),
    "overload": Fault("overload:run", cycles=2, long=10),
    "planted": Fault("planted:run", cycles=20, long=1000),
    "poison": Fault("poison:run", cycles=3, long=30),
    "power-cut": Fault("power_cut:run", cycles=10, long=100),
    "promotion": Fault("promotion:run", cycles=2, long=20),
    "rebuild": Fault("rebuild:run", cycles=20, long=1000),
    "relay": Fault("relay:run", cycles=9, long=90),
    "restore": Fault("restore:run", cycles=2, long=20),
    "soak": Fault("soak:run", cycles=2, long=120),
    "stops": Fault("stops:run", cycles=4, long=40),
    "tail": Fault("tail:run", cycles=60, long=600),
    "takeover": Fault("takeover:run", cycles=8, long=80),
}
"""Imported when it is done: a fault needs what others do not."""

TOLD = 5
"""Violations that a line tells in words."""

app = App(name="python -m tests.faults", help=__doc__, version_flags=[], help_format="plaintext")


@app.default
def faults(
    *names: str,
    cycles: int | None = None,
    seed: int | None = None,
    long: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Break the product in every way that production does, and count what is lost.

    Args:
        names: Which faults, in this order; all of them if none is named.
        cycles: How often each is done, instead of its own number.
        seed: Of everything that is drawn by lot, to do the same again.
        long: As often as `make faults-long` does it.
        as_json: One JSON object a line on standard output instead of a table.
    """
    if unknown := [name for name in names if name not in FAULTS]:
        Console(stderr=True).print(f"No such fault: {', '.join(unknown)}. There are: {', '.join(FAULTS)}.")
        return 2
    # Ended from outside, the servers are stopped and their folders are removed all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    lines = []
    for name in dict.fromkeys(names) or FAULTS:
        fault = FAULTS[name]
        line = tried(name, cycles or (fault.long if long else fault.cycles), seed or random.getrandbits(32))
        lines.append(line)
        if as_json:
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
            sys.stdout.flush()
    if not as_json:
        as_table(lines)
    return 1 if any(line.violations or not line.control_red for line in lines) else 0


def tried(name: str, cycles: int, seed: int) -> Line:
    """Do one fault; one that fails by itself has violated something."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="everlog-", ignore_cleanup_errors=True) as home:
        try:
            found = of(name)(Trial(Path(home), cycles, seed))
        except Exception as problem:  # noqa: BLE001 - whatever goes wrong in one fault, the others are still done
            traceback.print_exc()
            found = Found(violations=[f"{type(problem).__name__}: {problem}"])
    counts = asdict(found)
    wrong = found.violations + counts.pop("late")
    counts |= {"violations": len(wrong), "what": wrong[:TOLD]}
    return Line(fault=name, cycles=cycles, seed=seed, seconds=round(time.monotonic() - began, 1), **counts)


def of(name: str) -> Run:
    module, function = FAULTS[name].run.split(":")
    run: Run = getattr(importlib.import_module(f"tests.faults.{module}"), function)
    return run


def as_table(lines: Sequence[Line]) -> None:
    table = Table(title="Nothing may be lost, repeated or skipped, and every control must be red", title_justify="left")
    for name in Line.__struct_fields__[:-2]:
        table.add_column(name.replace("_", " "), justify="left" if name == "fault" else "right")
    for line in lines:
        table.add_row(*(str(value) for name, value in asdict(line).items() if name not in ("what", "notes")))
    screen = Console(width=None if sys.stdout.isatty() else 160)
    screen.print(table)
    for line in lines:
        for each in line.what:
            screen.print(f"{line.fault}: {each}", style="red", highlight=False)
        for what, value in line.notes.items():
            screen.print(f"{line.fault}: {what}: {value}", style="dim", highlight=False)


if __name__ == "__main__":
    sys.exit(app())
