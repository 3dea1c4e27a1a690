"""Read models held against a fold of the log: each row, each sum, and how far they say they are."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from operator import attrgetter
from typing import Any, get_type_hints

from msgspec.structs import replace

from adapters.postgres.heard import Heard
from adapters.postgres.tables import table
from adapters.postgres.views import Transaction, Views
from adapters.sqlite import Rows
from domain.kernel import Erased, Recorded
from projections.afresh import Afresh
from projections.builds import Build, Checkpoint, Tail, builds, mark
from projections.kernel import Aggregate, View
from projections.proofs.found import Findings
from tenants.keys import Misplaced, Missing

_BATCH = 1000


def held(
    views: Views, log: Tail, models: Iterable[View[Any] | Aggregate[Any]], findings: Findings, *, fold: bool = True
) -> list[str]:
    """The views that were looked at, all as they were at one moment.

    Where they are folded their rows lie in files meanwhile; else only their kept digests speak for the rows, and
    nothing for words and sums.
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
        folds = _folded(views, log, head, copies, stack) if fold else []
        for checkpoint, _ in copies:
            _place(checkpoint, log, head, findings)
        for (checkpoint, build), (afresh, words) in zip(copies, folds, strict=False):
            wrong = _rows(work, build, afresh)
            wrong = _looked_up(views, work, build, afresh) | wrong
            last = _last(build.view, afresh, wrong, _batches(log, checkpoint.position)) if wrong else {}
            for which, why in wrong.items():
                findings.row("view", why, f"{which}", build.view.name, last.get(which))
            _words(work, build, words, findings)
            _sums(work, build, afresh, findings)
        for checkpoint, build in copies:
            if work.digest(build) != checkpoint.digest:
                findings.view(
                    "digest", "The kept digest is not that of the rows.", build.view.name, checkpoint.position
                )
        return [each.view for each, _ in copies]


def _folded(
    views: Views, log: Tail, head: int, copies: Sequence[tuple[Checkpoint, Build]], stack: ExitStack
) -> list[tuple[Afresh, Heard]]:
    """Each copy folded from the log up to where it stands, all in one reading."""
    made = list[tuple[Afresh, Heard]]()
    for _, build in copies:
        heard = Heard(views.keys)
        rows = Rows(build.view.row, get_type_hints(build.view.row)[build.view.key])
        made.append((Afresh(build, stack.enter_context(closing(rows)), heard.say), heard))
    for events in _batches(log, min(head, max((each.position for each, _ in copies), default=0))):
        for (checkpoint, _), (afresh, _) in zip(copies, made, strict=True):
            afresh.add([each for each in events if each.position <= checkpoint.position])
    return made


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


def _rows(work: Transaction, build: Build, fold: Afresh) -> dict[Hashable, str]:
    """What is wrong with which rows."""
    key_of, wrong, met = attrgetter(build.view.key), dict[Hashable, str](), 0
    for row in work.scan(build):
        folded = fold.rows.get(key_of(row))
        if folded is None:
            wrong[key_of(row)] = "No event makes this row."
            continue
        met += 1
        if folded != row:
            wrong[key_of(row)] = "This row is not what the log makes of it."
    if met < len(fold.rows):
        stored = {key_of(row) for row in work.scan(build)}
        wrong |= {which: "The row that the log makes is not there." for which in fold.rows if which not in stored}
    return wrong


def _looked_up(views: Views, work: Transaction, build: Build, fold: Afresh) -> dict[Hashable, str]:
    """Rows that are found by something else than their values, or not found by them."""
    wrong, kept = dict[Hashable, str](), dict[Hashable, tuple[Any, ...]]()
    if not table(build.view, build.slot).lookups:
        return wrong
    for which, *tokens in chain(work.looked_up(build), [(None,)]):
        if which in fold.rows:
            kept[which] = tuple(tokens)
        if len(kept) == _BATCH or (which is None and kept):
            wanted = _tokens(views, build, [fold.rows[each] for each in kept])
            wrong |= {
                each: "What this row is looked up by is not what its values say."
                for (each, stored), made in zip(kept.items(), wanted, strict=True)
                if any(one != other and not isinstance(other, Erased) for one, other in zip(stored, made, strict=True))
            }
            kept.clear()
    return wrong


def _tokens(views: Views, build: Build, rows: list[Any]) -> list[tuple[Any, ...]]:
    """Of rows whose key is gone or damaged nothing can be told, and something else is found."""
    try:
        return views.tokens(build, rows)
    except (Misplaced, Missing, LookupError):
        if len(rows) == 1:
            return [(Erased(),) * len(table(build.view, build.slot).lookups)]
        return [each for row in rows for each in _tokens(views, build, [row])]


def _last(
    view: View[Any], fold: Afresh, wrong: Iterable[Hashable], batches: Iterable[list[Recorded]]
) -> dict[Hashable, int]:
    """The last event that each of these rows is made of, where it is made of any."""
    rows = {which: fold.rows[which] for which in wrong if which in fold.rows}
    last: dict[Hashable, int] = {}
    for recorded in (each for batch in batches for each in batch):
        if isinstance(recorded.fact, view.types) and (where := view.select(recorded)):
            if where.column == view.key:
                touched = [where.value] if where.value in rows else []
            else:
                touched = [which for which, row in rows.items() if getattr(row, where.column) == where.value]
            last |= dict.fromkeys(touched, recorded.position)
    return last


def _words(work: Transaction, build: Build, heard: Heard, findings: Findings) -> None:
    for position in heard.unlike(work.words(build)) if build.view.words else ():
        why = "The words by which this event is found are not those that it says."
        findings.view("words", why, build.view.name, position)


def _sums(work: Transaction, build: Build, fold: Afresh, findings: Findings) -> None:
    wanted = {(name, group): by for name, groups in fold.sums.items() for group, by in groups.items() if by}
    for name, group, change in work.sums(build):
        if wanted.pop((name, group), 0) != change:
            findings.row("aggregate", "This sum is not what the log makes of it.", _told(group), name)
    for name, group in wanted:
        findings.row("aggregate", "The sum that the log makes is not there.", _told(group), name)


def _told(group: tuple[Any, ...]) -> str:
    return " ".join(map(str, group))
