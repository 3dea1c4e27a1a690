"""From a file of the journal into the logs, each answer once.

What becomes one fact follows from the file alone, and so does the stream it stands in. A file that was carried over
before it could be taken away meets its own streams, and adds nothing.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, Protocol, Self, TypeVar
from uuid import UUID, uuid5

import msgspec

from adapters.crypto import Cipher
from adapters.journal.segment import Segment, Unread
from application.pending import Pending
from application.ports import Appended, Closed, Conflict, Seen, SubjectErased
from domain.audit import Damaged, Look, Read, audit
from domain.kernel import Actor, Meta
from tenants.context import SYSTEM
from tenants.keys import Denied, Left, Misplaced, Unserved

MOST = 1_000
"""Subjects that one fact names, a single answer's aside."""
SECONDS = 30
"""That the log may take for one fact."""
GRACE = 600.0
"""Seconds that a file waits for a closed log to open again before it is kept for whoever opens it."""

LEFT = "left"
ASIDE = ("damaged", LEFT)
"""Why a file was set aside: its ending."""

T = TypeVar("T")
Waiting = dict[UUID, frozenset[UUID]]
TENANT = 16
"""Bytes of a payload that name its tenant."""
_NOWHERE = (0, 0)
_NONE = Look(datetime.min.replace(tzinfo=UTC), 0, ())
_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Seen).decode


class Log(Protocol):
    def submit(self, stream: str, expected: int, facts: Any, meta: Meta, once: Any = None) -> Pending[Appended]: ...

    def token(self, scope: str, value: str) -> bytes: ...


class Logs(Protocol):
    def of(self, tenant: UUID) -> Any: ...


def seal(key: bytes, seen: Seen) -> bytes:
    """A frame's payload: the tenant's identifier in the clear, and the rest under the tenant's key."""
    return seen.tenant.bytes + Cipher(key).seal(_encode(seen), b"journal" + seen.tenant.bytes)


def carry(segment: Segment, logs: Logs, waiting: Waiting | None = None, held: list[Seen] | None = None) -> None:
    """Put all of a file into the logs, then take it away. Raises what the logs raise; the file then stays as it is.

    `held` is what its own process has written to it, which spares opening every frame; anybody else has to read it.

    What was read of an organisation whose keys are not to be had just now waits in its file, and the rest of it is
    carried over meanwhile, once: `waiting` tells of a file which tenants that is for.

    What was read of an organisation that has left for good cannot be recorded here: its file is set aside after
    `GRACE`, or it would be tried for ever and stand in the way of everybody's reads. A file that is damaged is set
    aside once the rest of it is in the logs, and the logs tell of the damage.
    """
    waiting = {} if waiting is None else waiting
    contents = Contents.of(segment, logs) if held is None else Contents(held)
    shut = frozenset(contents.shut)
    if shut and waiting.get(segment.id) == shut:
        raise next(iter(contents.shut.values()))
    closed = _recorded(segment, contents, logs)
    waiting.pop(segment.id, None)
    if closed and segment.age() < GRACE:
        raise closed[0]
    if shut:
        waiting[segment.id] = shut
        raise next(iter(contents.shut.values()))
    if contents.places:
        _log.error(
            "%s is damaged in %d places: reads may be missing from the trail. It is kept beside the journal.",
            segment.path.name,
            contents.places,
        )
        segment.set_aside("damaged")
    elif closed:
        _log.error("%s is kept beside the journal: an organisation in it has left.", segment.path.name)
        segment.set_aside(LEFT)
    else:
        segment.drop()


def _recorded(segment: Segment, contents: "Contents", logs: Logs) -> list[Closed]:
    """Everything that could be opened, recorded; what logs that are closed said."""
    numbers = Counter[UUID]()
    pending = []
    for group in _groups(contents.found):
        # By tenant, since some tenants' may be missing now and there the next time.
        tenant = group[0].tenant
        pending.append(_submit(uuid5(segment.id, f"{tenant}/{numbers[tenant]}"), group, logs))
        numbers[tenant] += 1
    pending += [_damage(segment.id, tenant, contents, logs) for tenant in contents.told(logs)]
    closed: list[Closed] = []
    for again, each in pending:
        try:
            _settled(each, again)
        except Closed as left:
            closed.append(left)
    return closed


class Contents(NamedTuple):
    """What a file holds, and between which two answers it is damaged."""

    found: list[Seen]
    places: int = 0
    since: datetime | None = None
    until: datetime | None = None
    hinted: AbstractSet[UUID] = frozenset()
    """Tenants that damaged places may be about."""
    shut: Mapping[UUID, Exception] = {}
    """Tenants whose keys are not to be had, and why."""

    @classmethod
    def of(cls, segment: Segment, logs: Logs) -> Self:
        found: list[Seen] = []
        since = until = None
        places, hinted, shut = 0, set(), dict[UUID, Exception]()
        for frame in segment.frames():
            try:
                seen = None if isinstance(frame, Unread) else _open(frame, logs)
            except Left:
                # Its key is destroyed, and its log takes nothing more here.
                continue
            except (Denied, Unserved) as problem:
                shut[UUID(bytes=bytes(frame)[:TENANT])] = problem  # type: ignore[arg-type] # it was opened, so it is bytes
                continue
            if seen:
                found.append(seen)
                until = until or (seen.look.at if places else None)
                continue
            if not places and found:
                since = found[-1].look.at
            places, until = places + 1, None
            begin = frame.begin if isinstance(frame, Unread) else frame
            hinted |= {UUID(bytes=begin[:16])} if len(begin) >= TENANT else set()
        return cls(found, places, since, until, hinted, shut)

    def told(self, logs: Logs) -> set[UUID]:
        """Whose logs tell of the damage: nobody knows for certain what was in it."""
        if not self.places:
            return set()
        hinted = {tenant for tenant in self.hinted if logs.of(tenant).head() != _NOWHERE}
        return {SYSTEM} | hinted | {each.tenant for each in self.found}


def _open(payload: bytes, logs: Logs) -> Seen | None:
    """None for what no process of this installation has written."""
    try:
        tenant = UUID(bytes=payload[:TENANT])
        key = logs.of(tenant).token("journal", "seal")
        return _decode(Cipher(key).open(payload[TENANT:], b"journal" + tenant.bytes))
    except (Misplaced, msgspec.DecodeError, ValueError):
        return None


def _groups(found: Iterable[Seen]) -> Iterator[list[Seen]]:
    """Answers that differ in nothing but when and whom they showed."""
    groups: dict[bytes, list[Seen]] = {}
    size: dict[bytes, int] = {}
    for each in found:
        key = _encode(msgspec.structs.replace(each, look=_NONE))
        if key in groups and size[key] + len(each.look.subjects) > MOST:
            yield groups.pop(key)
            size[key] = 0
        groups.setdefault(key, []).append(each)
        size[key] = size.get(key, 0) + len(each.look.subjects)
    yield from groups.values()


def _submit(event: UUID, group: list[Seen], logs: Logs) -> tuple[Any, Pending[Appended]]:
    first, log = group[0], logs.of(group[0].tenant)
    fact = Read(
        query=first.query,
        under=first.actor.id,
        fields=first.fields,
        looks=tuple(each.look for each in group),
        filter=first.filter,
    )
    meta = Meta(
        event=event,
        actor=first.actor,
        permission=first.permission,
        rule=first.rule,
        on_behalf_of=first.on_behalf_of,
        correlation=_shared({each.look.correlation for each in group}),
        trace=_shared({each.look.trace for each in group}) or "",
        occurred_at=group[-1].look.at,
        # By the integers of UUIDs, which hash many times faster than UUIDs do.
        subjects=tuple({each.int: each for seen in group for each in seen.look.subjects}.values()),
        circumstances=first.circumstances,
    )
    submit = partial(log.submit, f"{audit.name}/{event}", 0)
    bare = msgspec.structs.replace(fact, under=event, filter=()), msgspec.structs.replace(meta, circumstances=None)
    return partial(submit, [bare[0]], bare[1]), submit([fact], meta)


def _shared(values: AbstractSet[T]) -> T | None:
    """What all answers have, if they have the same."""
    return next(iter(values)) if len(values) == 1 else None


def _damage(file: UUID, tenant: UUID, contents: Contents, logs: Logs) -> tuple[Any, Pending[Appended]]:
    event = uuid5(file, f"damaged {tenant}")
    fact = Damaged(file, contents.places, contents.since, contents.until)
    meta = Meta(event=event, actor=Actor("system", SYSTEM), permission="")
    submit = partial(logs.of(tenant).submit, f"{audit.name}/{event}", 0, [fact], meta)
    return submit, submit()


def _settled(pending: Pending[Appended], again: Any) -> None:
    try:
        pending.result(SECONDS)
    except Conflict:
        return
    except SubjectErased:
        # The reader was erased meanwhile: that somebody read stays, without filter and circumstances.
        try:
            again().result(SECONDS)
        except Conflict:
            return
