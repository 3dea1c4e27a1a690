"""What a prediction costs beside River alone, on the demo's own applications."""

import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from adapters.learning import Libraries
from benchmarks import grants
from benchmarks.ground import Ground
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import alone
from domain.kernel import Recorded
from domain.predictions import Made
from projections.predictions.definition import Definition, conversion
from projections.predictions.learner import Learner

RIVER = ("online", "plain")
ONLINE = replace(conversion, candidates=tuple(each for each in conversion.candidates if each.name in RIVER), refits=())
"""The product's model without its challengers: what River does in it, and everything around that."""


def run(ground: Ground, session: Session) -> Iterator[Line]:  # noqa: ARG001 - this job needs no server.
    applications = grants.applications()[: session.scale.predict]
    facts = grants.recorded(len(applications))

    def ours() -> Figures:
        learner, seconds = fold(conversion, facts)
        left.append(zlib.compress(learner.dump(), zlib.Z_BEST_SPEED))
        return {
            "whole": seconds * each,
            "online": fold(ONLINE, facts)[1] * each,
            "folded": seconds * 1e3,
            "resumed": resumed(left[-1]),
        }

    def theirs() -> Figures:
        return {"whole": alone.plain(applications) * each, "online": alone.same(applications) * each}

    left: list[bytes] = []
    each = 1e6 / len(facts)
    rounds = session.play({OURS: ours, "river": theirs})
    size = f"{len(applications):,} applications, {len(facts):,} events"
    note = f"{size}; ours also calibrates, explains and digests"
    for measure, case in (
        ("online", "its two River models, against the same two in River alone"),
        ("whole", "challengers and their refits too, against one plain River pipeline"),
    ):
        versus = Versus(against="river", kind="limit", case=case, measure=measure, unit="µs", aim=0.667, note=note)
        yield versus.line("predict", rounds)
    yield Versus(
        against="everlog",
        kind="limit",
        case="a worker that starts: what the last one left is loaded, against the log folded",
        measure="resumed",
        theirs="folded",
        unit="ms",
        note=f"{size}; what is left has {len(left[-1]):,} bytes",
    ).line("predict", rounds)


def resumed(left: bytes) -> float:
    """Milliseconds until a learner stands where another was left."""
    began = time.perf_counter()
    Learner(conversion, Libraries()).load(zlib.decompress(left))
    return (time.perf_counter() - began) * 1e3


def fold(definition: Definition, facts: Sequence[Recorded]) -> tuple[Learner, float]:
    """A learner that has folded them, refits waited for where the model needs them, and the seconds that it took."""
    with ThreadPoolExecutor(1) as executor:
        learner = Learner(definition, Libraries(), executor)
        began = time.perf_counter()
        made = learner.fold(facts)
        spent = time.perf_counter() - began
    assert len(made) >= len(facts) // 3
    assert max(each.learned for each in made if isinstance(each, Made)) > 0
    return learner, spent
