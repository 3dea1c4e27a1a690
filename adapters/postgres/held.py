"""Read models held against a fold of the log: each row, each sum, and how far they say they are."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from msgspec.structs import replace

from adapters.postgres.views import Transaction, Views
from projections.afresh import Afresh
from projections.builds import Build, Checkpoint, Tail, builds, mark
from projections.kernel import Aggregate, View
from projections.proofs.found import Findings

_BATCH = 1000


def held(
    views: Views, log: Tail, models: Iterable[View[Any] | Aggregate[Any]], findings: Findings, *, fold: bool = True
) -> list[str]:
    """The views that were looked at, all as they were at one moment.

    Where they are folded their rows are held in memory meanwhile; else only their kept digests speak for the rows, and
    nothing for the sums.
    """
    declared = {(each.view.name, each.view.version): each for each in builds(models)}
    with ExitStack() as stack:
        known, work = stack.enter_context(views.glimpse())
        copies = [
            (each, replace(declared[each.view, each.version], slot=each.slot))
            for each in known
            if (each.view, each.version) in declared
        ]
        head = log.head()[1]
        folds = [Afresh(build) for _, build in copies] if fold else []
        upto = min(head, max((each.position for each, _ in copies), default=0))
        for events in _batches(log, upto) if fold else ():
            for (checkpoint, _), afresh in zip(copies, folds, strict=True):
                afresh.add([each for each in events if each.position <= checkpoint.position])
        for checkpoint, _ in copies:
            _place(checkpoint, log, head, findings)
        for (_, build), afresh in zip(copies, folds, strict=False):
            _rows(work, build, afresh, findings)
            _sums(work, build, afresh, findings)
        for checkpoint, build in copies:
            if work.digest(build) != checkpoint.digest:
                findings.view(
                    "digest", "The kept digest is not that of the rows.", build.view.name, checkpoint.position
                )
        return [each.view for each, _ in copies]


def _batches(log: Tail, upto: int) -> Iterator[list[Any]]:
    after = 0
    while after < upto and (events := log.read(after, _BATCH, upto)):
        after = events[-1].position
        yield events


def _place(checkpoint: Checkpoint, log: Tail, head: int, findings: Findings) -> None:
    view, position = checkpoint.view, checkpoint.position
    if position > head:
        findings.view("checkpoint of a view", f"It is at {position}; the log ends at {head}.", view, position)
    elif position:
        found = log.read(position - 1, 1, position)
        if not found or mark(found[0]) != checkpoint.mark:
            findings.view("checkpoint of a view", "The event it stands at is another than it says.", view, position)
    if checkpoint.parked:
        why = f"{checkpoint.parked} events wait to be applied: see `everlog views parked`."
        findings.view("parked", why, view)


def _rows(work: Transaction, build: Build, fold: Afresh, findings: Findings) -> None:
    name, key, wanted = build.view.name, build.view.key, dict(fold.rows)
    for row in work.scan(build):
        which = getattr(row, key)
        folded = wanted.pop(which, None)
        if folded is None:
            findings.row("view", "No event makes this row.", f"{which}", name)
        elif folded != row:
            findings.row("view", "This row is not what the log makes of it.", f"{which}", name)
    for which in wanted:
        findings.row("view", "The row that the log makes is not there.", f"{which}", name)


def _sums(work: Transaction, build: Build, fold: Afresh, findings: Findings) -> None:
    wanted = {(name, group): by for name, groups in fold.sums.items() for group, by in groups.items() if by}
    for name, group, change in work.sums(build):
        if wanted.pop((name, group), 0) != change:
            findings.row("aggregate", "This sum is not what the log makes of it.", _told(group), name)
    for name, group in wanted:
        findings.row("aggregate", "The sum that the log makes is not there.", _told(group), name)


def _told(group: tuple[Any, ...]) -> str:
    return " ".join(map(str, group))
