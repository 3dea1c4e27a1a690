"""What was sent, what was acknowledged, and what the log then holds: whether anything was lost or repeated."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct, field

from domain.kernel import Recorded
from domain.predictions import Made
from tests.faults.trial import Found

FACTS = {
    "prospects.capture": "prospects.captured",
    "prospects.observe": "prospects.signal-observed",
    "prospects.win": "prospects.won",
    "prospects.lose": "prospects.lost",
}


class Ledger(Struct):
    """One client's own account. Each command makes one fact, at most once for a prospect; `key` makes it idempotent."""

    attempted: list[tuple[str, str]] = field(default_factory=list)
    """(stream, type) of the fact that each command asks for."""
    acknowledged: list[tuple[int, str, str]] = field(default_factory=list)
    """(position, stream, type) as each outcome tells."""
    keyed: set[tuple[str, str]] = field(default_factory=set)
    """Which of them were asked for under an idempotency key."""

    def attempt(self, command: dict[str, Any]) -> dict[str, Any]:
        what = f"prospects/{command['id']}", FACTS[command["command"]]
        self.attempted.append(what)
        if command.get("key"):
            self.keyed.add(what)
        return command

    def acknowledge(self, bulk: Sequence[dict[str, Any]], outcomes: Sequence[dict[str, Any]]) -> None:
        for command, outcome in zip(bulk, outcomes, strict=True):
            what = f"prospects/{command['id']}", FACTS[command["command"]]
            self.acknowledged.append((outcome["position"], *what))

    def take(self, other: "Ledger") -> None:
        """Another client's account of the same log, to be one with this."""
        self.attempted += other.attempted
        self.acknowledged += other.acknowledged
        self.keyed |= other.keyed


def wrong(ledger: Ledger, log: Sequence[Recorded], *, learned: bool = True) -> list[str]:
    """What is wrong with a tenant's log, given what was asked of it; nothing, where all is well.

    `learned`: a model predicts each prospect that has a signal.
    """
    return [*_numbered(log), *_kept(ledger, log), *(_predicted(log) if learned else ())]


def counted(ledger: Ledger, log: Sequence[Recorded], *, learned: bool = True) -> Found:
    """The same as counts: what was attempted and acknowledged, lost and repeated."""
    facts = Counter((each.stream, each.type) for each in log if each.capability == "prospects")
    stands = {each.position: (each.stream, each.type) for each in log}
    return Found(
        attempted=len(ledger.attempted),
        acknowledged=len(ledger.acknowledged),
        lost=sum(stands.get(position) != tuple(what) for position, *what in ledger.acknowledged),
        duplicated=sum(times - 1 for times in facts.values()),
        violations=wrong(ledger, log, learned=learned),
    )


def torn(carried: Sequence[tuple[int, str]], log: Sequence[tuple[int, str]]) -> list[str]:
    """What is wrong with what JetStream holds, by position and digest, given the log."""
    if list(carried) == list(log):
        return []
    if missing := set(log) - set(carried):
        return [f"JetStream lacks {len(missing)} events of the log, the first at {min(missing)[0]}"]
    if repeated := len(carried) - len(set(carried)):
        return [f"JetStream holds {repeated} messages twice"]
    return ["JetStream holds something else than the log, or in another order"]


def _numbered(log: Sequence[Recorded]) -> Iterator[str]:
    """Positions from 1 on and each stream's versions from 1 on, without gap or repeat, in the order of time."""
    positions = [each.position for each in log]
    if positions != list(range(1, len(log) + 1)):
        yield f"positions are not 1 to {len(log)}"
    versions: Counter[str] = Counter()
    for each in log:
        versions[each.stream] += 1
        if each.version != versions[each.stream]:
            yield f"{each.stream} has version {each.version} where {versions[each.stream]} comes next"
    if [each.at for each in log] != sorted(each.at for each in log):
        yield "time goes backwards"
    if repeated := _twice(each.meta.event for each in log):
        yield f"event ids stand twice: {repeated}"


def _kept(ledger: Ledger, log: Sequence[Recorded]) -> Iterator[str]:
    """Every acknowledged fact once and where its acknowledgement says, and none that nobody attempted."""
    facts = [(each.stream, each.type) for each in log if each.capability == "prospects"]
    if repeated := _twice(facts):
        yield f"repeated: {repeated}"
    if strange := set(facts) - set(ledger.attempted):
        yield f"never attempted: {sorted(strange)[:3]}"
    stands = {each.position: (each.stream, each.type) for each in log}
    for position, *what in ledger.acknowledged:
        if stands.get(position) != tuple(what):
            yield f"acknowledged at {position} and not there: {what}"


def _predicted(log: Sequence[Recorded]) -> Iterator[str]:
    """One prediction for each prospect with a signal, numbered without gap in the order of their first signals."""
    made = [each.fact for each in log if isinstance(each.fact, Made) and each.fact.number]
    seen = list(dict.fromkeys(each.id for each in log if each.type == "prospects.signal-observed"))
    if sorted(each.number for each in made) != list(range(1, len(seen) + 1)):
        yield f"{len(made)} predictions of {len(seen)} prospects with a signal, or their numbers have gaps"
    for each in made:
        if each.number <= len(seen) and each.prospect != seen[each.number - 1]:
            yield f"prediction {each.number} is of {each.prospect}"


def _twice(values: Iterable[Any]) -> list[Any]:
    return [value for value, times in Counter(values).items() if times > 1][:3]
