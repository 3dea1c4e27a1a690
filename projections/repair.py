"""Copies built beside the live one: begun, compared, swapped in; and parked events tried again."""

import logging
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

from msgspec.structs import replace

from domain.kernel import Recorded
from projections.builds import Build, Checkpoint, Difference, Later, Parked, Stale, Tail, Unstorable, Work
from projections.digest import moved
from projections.looks import Seen
from projections.passes import Passes, load

_log = logging.getLogger(__name__)


def rebuild(passes: Passes, known: Sequence[Checkpoint], view: str) -> None:
    """Begin a second copy of a view's live rows, in the other slot. Raises `Stale` where one is under way already."""
    for each in known:
        if each.view == view and passes.live().get((each.view, each.version)) == each.slot:
            fresh = _other(passes, each)
            with passes.store.work() as work:
                work.begin(fresh)
                work.clear(passes.build(fresh))


def check(passes: Passes, known: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Those live copies whose rows are not what was folded: somebody else has written, or lost, some.

    It reads every row, and delays nobody.
    """
    live = {each.key for each in known if passes.live().get((each.view, each.version)) == each.slot}
    with passes.store.still() as (standing, work):
        copies = [each for each in standing if each.key in live]
        wrong = [each for each in copies if _digest(work, passes.build(each)) != each.digest]
    for each in wrong:
        _log.error("The rows of %s, tenant %s, are not what was folded.", passes.build(each).name, passes.store.tenant)
    return wrong


def restart(passes: Passes, group: Sequence[Checkpoint]) -> None:
    """Build anew what rests on events that the log has no longer; readers keep the old rows until then."""
    for each in group:
        live = passes.live().get((each.view, each.version)) == each.slot
        fresh = _other(passes, each) if live else Checkpoint(each.view, each.version, each.slot)
        _log.error(
            "View %s of tenant %s has seen an event %d that its log does not have; it is built anew.",
            passes.build(each).name,
            passes.store.tenant,
            each.position,
        )
        with passes.store.work() as work:
            work.lock([each])
            work.forget(each)
            try:
                work.begin(fresh)
            except Stale:
                continue
            work.clear(passes.build(fresh))


def settle(passes: Passes, known: Sequence[Checkpoint], head: int) -> bool:
    """Let readers read what has caught up, after looking at it once more; whether anything was moved.

    Raises `Later`, after what could be done, where a look takes its time or somebody else holds the checkpoints.
    """
    beside = [each for each in known if passes.live().get((each.view, each.version)) != each.slot]
    passes.looks.keep(beside)
    some = later = False
    for each in beside:
        old = [other for other in known if other.key[:2] == each.key[:2] and other.slot != each.slot]
        ready = each.place == old[0].place if old else each.position >= head
        if ready and each not in passes.wrong:
            try:
                some |= _swap(passes, each, *old)
            except Later:
                later = True
    if later:
        raise Later
    return some


def _swap(passes: Passes, fresh: Checkpoint, *old: Checkpoint) -> bool:
    """The lock is held for as long as it takes to move the pointer: the rows were looked at before."""
    seen = passes.looks.of(fresh, lambda: _look(passes, fresh, *old))
    if not seen.right:
        passes.looks.drop(fresh)
        passes.wrong.add(fresh)
        _log.error("The rows of %s, tenant %s, are not what was folded.", passes.build(fresh).name, passes.store.tenant)
        return False
    with passes.store.work() as work:
        work.lock([fresh, *old])
        if not seen.speaks_for(fresh, work.pointed(fresh)):
            passes.looks.drop(fresh)
            raise Stale
        for each in old:
            work.forget(each)
        work.point(fresh)
    passes.looks.drop(fresh)
    passes.live(again=True)
    for each in old:
        passes.found[each.view] = seen.found
        if seen.found:
            keys = ", ".join(str(one.key) for one in seen.found[:10])
            _log.error("%d rows of %s were wrong: %s.", len(seen.found), passes.build(each).name, keys)
    return True


def _look(passes: Passes, fresh: Checkpoint, *old: Checkpoint) -> Seen:
    """All rows of these copies, as they are at one moment. Raises `Stale` where they do not stand level then."""
    with passes.store.still() as (known, work):
        standing = {each.key: each for each in known}
        now = [standing.get(each.key) for each in (fresh, *old)]
        if now[0] is None or any(each is None or each.place != now[0].place for each in now):
            raise Stale
        right = _digest(work, passes.build(fresh)) == now[0].digest
        pairs = [(passes.build(each), passes.build(fresh)) for each in old if right]
        found = [each for pair in pairs for each in differences(work, *pair)]
        return Seen(now[0], work.pointed(fresh), right, found)


def _digest(work: Work, build: Build) -> bytes:
    return work.digest(build)


def differences(work: Work, one: Build, other: Build) -> list[Difference]:
    """The rows in which two copies of a view differ, then the changes in which their aggregates do."""
    key = attrgetter(one.view.key)
    rows = [
        Difference(key(left or right), left, right)
        for left, right in _side_by_side(work.scan(one), work.scan(other), key)
        if left != right
    ]
    return rows + [Difference((name, *group), left, right) for name, group, left, right in work.unequal(one, other)]


def _side_by_side(lefts: Iterator[Any], rights: Iterator[Any], key: Any) -> Iterator[tuple[Any, Any]]:
    """Rows of two copies paired by key, both in the order of keys; None where one has no such row."""
    left, right = next(lefts, None), next(rights, None)
    while left is not None or right is not None:
        behind = left is None or (right is not None and key(right) < key(left))
        ahead = right is None or (left is not None and key(left) < key(right))
        yield (None if behind else left), (None if ahead else right)
        left = left if behind else next(lefts, None)
        right = right if ahead else next(rights, None)


def retry(passes: Passes, log: Tail, checkpoint: Checkpoint) -> int:
    """Try a build's parked events again, in the order of the log; how many are left."""
    with passes.store.work() as work:
        work.lock([checkpoint])
        parked = work.parked(passes.build(checkpoint))
    events = [event for each in parked for event in log.read(each.position - 1, 1)]
    try:
        return len(_again(passes, checkpoint, events, [], {})[1])
    except Unstorable:
        return len(_one_by_one(passes, checkpoint, events))


def _one_by_one(passes: Passes, checkpoint: Checkpoint, events: Sequence[Recorded]) -> list[Parked]:
    left: list[Parked] = []
    for event in events:
        try:
            checkpoint, still = _again(passes, checkpoint, [event], left, {})
        except Unstorable as refused:
            checkpoint, still = _again(passes, checkpoint, [event], left, {event.position: refused.why})
        left += still
    return left


def _again(
    passes: Passes, checkpoint: Checkpoint, events: Sequence[Recorded], ahead: Sequence[Parked], failed: dict[int, str]
) -> tuple[Checkpoint, list[Parked]]:
    """Apply parked events behind those that are still parked ahead of them."""
    fold = passes.fold(checkpoint)
    wanted = fold.prepare(events, failed)
    with passes.store.work() as work:
        work.lock([checkpoint])
        [loaded] = load(work, [wanted])
        changes = fold.run(loaded, ahead)
        work.unpark(fold.build, [each.position for each in events])
        work.write(fold.build, passes.store.pack(fold.build, changes))
        after = replace(
            checkpoint,
            digest=moved(checkpoint.digest, changes.digest),
            rows=checkpoint.rows + changes.rows,
            parked=checkpoint.parked + len(changes.parked) - len(events),
        )
        work.advance([after])
    passes.meter.parked(checkpoint.view, len(changes.parked) - len(events))
    return after, changes.parked


def _other(passes: Passes, checkpoint: Checkpoint) -> Checkpoint:
    return Checkpoint(checkpoint.view, checkpoint.version, passes.build(checkpoint).other)
