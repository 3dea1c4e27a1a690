"""What a view could not take: whether exactly that is put aside, and whether it was applied in its order afterwards."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from adapters.postgres.views import Views
from api import settings as configuration
from api.settings import Settings
from application.ports import Log
from domain.kernel import Recorded
from domain.prospects import SignalObserved
from projections.builds import Build
from projections.digest import EMPTY, digester, moved
from projections.funnel import funnel
from projections.prospects import prospects
from tests.served import answered, environment

POISON = "poison"
MOST = 200
"""Parked events that the operator's command lists at most."""
ROWS, SUMS = "the rows are not what the log folds to", "the sums are not what the log folds to"
PAGE = 1000

Held = list[tuple[int, int | None]]
"""The position of each event that is parked, and of the one that it waits for; None where it failed itself."""


def whole(log: Log) -> list[Recorded]:
    return [each for start in range(0, log.head()[1], PAGE) for each in log.read(start, PAGE)]


def poisonous(recorded: Recorded) -> bool:
    return isinstance(recorded.fact, SignalObserved) and recorded.fact.kind.startswith(POISON)


def due(events: Sequence[Recorded]) -> Held:
    """What has to be parked: the poison, and what comes after it in the same stream."""
    first: dict[str, int] = {}
    found = Held()
    for each in events:
        if each.stream in first:
            found.append((each.position, first[each.stream]))
        elif poisonous(each):
            first[each.stream] = each.position
            found.append((each.position, None))
    return found


def misplaced(settings: Settings, store: Views, wanted: Held) -> list[str]:
    """Whether exactly this is parked, and listed to whoever asks as an operator does."""
    found = [(each.event.position, each.event.behind) for each in store.parked(100_000)]
    wrong = [] if found == wanted else [f"{len(found)} events are parked, and {len(wanted)} have to be"]
    listed = parked(settings, store.tenant)
    if listed != wanted[:MOST]:
        wrong.append(f"an operator is told of {len(listed)} parked events, where there are {len(wanted)}")
    return wrong


def parked(settings: Settings, tenant: UUID) -> Held:
    """By `everlog views parked`."""
    named = environment(**configuration.environment(settings))
    told = answered(["views", "parked", str(tenant), "--limit", str(MOST)], named)
    return [(each["position"], each["behind"]) for each in told if each["view"] == prospects.name]


def folded(events: Sequence[Recorded]) -> tuple[dict[UUID, Any], Counter[tuple[Any, ...]]]:
    """The rows that the sound view makes of a log in its order, and the sums of its funnel by day and group."""
    rows: dict[UUID, Any] = {}
    sums = Counter[tuple[Any, ...]]()
    for recorded in events:
        where = prospects.select(recorded)
        if isinstance(recorded.fact, prospects.types) and where is not None:
            before = [rows[recorded.id]] if recorded.id in rows else []
            after = prospects.evolve(before, recorded)
            rows |= {row.id: row for row in after}
            sums.subtract((recorded.at.date(), *funnel.group(row)) for row in before)
            sums.update((recorded.at.date(), *funnel.group(row)) for row in after)
    return rows, sums


def unlike(store: Views, events: Sequence[Recorded]) -> list[str]:
    """How rows, sums and digest of the stored view differ from what the log folds to."""
    rows, sums = folded(events)
    [checkpoint] = store.checkpoints()
    build = Build(prospects, (funnel,), checkpoint.slot)
    with store.work() as work:
        stored = {row.id: row for row in work.scan(build)}
        counted = {group: change for _, group, change in work.sums(build) if change}
    found = [] if stored == rows else [ROWS]
    if counted != {group: change for group, change in sums.items() if change}:
        found.append(SUMS)
    if checkpoint.digest != moved(EMPTY, sum(map(digester(prospects.row), rows.values()))):
        found.append("the digest is not that of what the log folds to")
    return found
