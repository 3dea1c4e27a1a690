"""What an append commits beside its events, held against the log: reservations, stamps, and the keys of subjects.

All of it is written in the transaction of the events, or none is. Each is looked at from both sides, but for a key that
no event needs: keys of whom a log has not heard by the stream's own name are written before the append that wants them
(`adapters.keyring.Ring.ensure`), which may then be refused, or never come. What somebody erased had reserved goes with
a worker's clearing up, and until then may stand.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from adapters.ledger import Erased as Entry
from adapters.ledger import Ledger
from adapters.log import Logs, TenantLog
from adapters.postgres.database import Database
from domain.kernel import Erased, Recorded, Sealed
from tenants.keys import Misplaced, Missing
from tests.faults.evidence import Ledger as Account

PAGE = 1000
_RESERVED = "select scope, token, stream from everlog.reservations where tenant_id = %s"
_STAMPED = """
    select first, last, stream, recorded_at, generation from everlog.stamps where tenant_id = %s order by first, last"""
_KEYS = "select subject, wrapped is not null from everlog.subject_keys where tenant_id = %s"

Reservation = tuple[str, bytes, str]
"""Scope, token and stream."""


class Stamp(NamedTuple):
    first: int
    last: int
    stream: str | None
    at: object
    generation: int


class Beside(Struct, frozen=True):
    """What stands beside one tenant's log, and what the log says of it."""

    stamps: list[Stamp]
    reserved: set[Reservation]
    wanted: set[Reservation]
    """What the log's facts reserve."""
    gone: set[str]
    """The streams of those whose facts do not open any more: nobody can tell what they had reserved."""
    keys: Mapping[UUID, bool]
    """By subject, whether the key is live."""
    needed: Mapping[UUID, int]
    """By subject, the position of the first event under their key."""
    erased: set[UUID]
    unread: list[str]
    """What of the log does not open, though there is a key for it."""


def beside(logs: Logs, database: Database, tenant: UUID, log: Sequence[Recorded], ledger: Ledger) -> Beside:
    """Of a tenant whose log is at rest. `ledger` is the installation's, which says who was erased."""
    keys = {subject: bool(alive) for subject, alive in database.query(tenant, _KEYS, [tenant])}
    found = Beside(
        stamps=[Stamp(*row) for row in database.query(tenant, _STAMPED, [tenant])],
        reserved={
            (scope, bytes(token), stream) for scope, token, stream in database.query(tenant, _RESERVED, [tenant])
        },
        wanted=set(),
        gone=set(),
        keys=keys,
        needed={subject: each.position for each in reversed(log) for subject in _subjects(each)},
        erased={each.subject for each in ledger.read() if isinstance(each, Entry) and each.tenant == tenant},
        unread=[],
    )
    for start in range(0, len(log), PAGE):
        _open(logs, logs.of(tenant), log[start : start + PAGE], found)
    return found


def astray(found: Beside, log: Sequence[Recorded]) -> list[str]:
    """What does not fit the log; nothing, where all is well."""
    return [*found.unread, *_misreserved(found), *_misstamped(found.stamps, log), *_unlocked(found)]


def unstamped(account: Account, found: Beside, log: Iterable[Recorded]) -> list[str]:
    """What was asked for under an idempotency key, stands in the log, and would be done again if it were repeated."""
    stamped = {position for each in found.stamps for position in range(each.first, each.last + 1)}
    bare = [each.position for each in log if (each.stream, each.type) in account.keyed and each.position not in stamped]
    return [f"{len(bare)} events under an idempotency key have no stamp, the first at {bare[0]}"] if bare else []


def unseen(account: Account, found: Beside, log: Sequence[Recorded]) -> list[str]:
    """The control: which row could be missing or moved without being seen, of what was just found right."""
    wanted, subject = min(found.wanted), min(found.needed, key=lambda each: found.needed[each])
    stamp = next(each for each in found.stamps if each.first <= each.last)
    rest = [each for each in found.stamps if each is not stamp]
    more = wanted[0], b"", wanted[2]
    judged = {
        "a reservation is gone": astray(replace(found, reserved=found.reserved - {wanted}), log),
        "a reservation too many": astray(replace(found, reserved=found.reserved | {more}), log),
        "a stamp is gone": unstamped(account, replace(found, stamps=rest), log),
        "a stamp points beyond the log": astray(replace(found, stamps=[*rest, stamp._replace(last=len(log) + 1)]), log),
        "a stamp points to another's event": astray(
            replace(found, stamps=[*rest, stamp._replace(first=1, last=1)]), log
        ),
        "a key is gone": astray(replace(found, keys={**found.keys, subject: False}), log),
        "a key was never there": astray(
            replace(found, keys={each: live for each, live in found.keys.items() if each != subject}), log
        ),
    }
    return [what for what, seen in judged.items() if not seen]


def _open(logs: Logs, of: TenantLog, page: Sequence[Recorded], found: Beside) -> None:
    # What lacks its key is told of by that.
    sound = [each for each in page if all(subject in found.keys for subject in _subjects(each))]
    found.gone.update({each.stream for each in page} - {each.stream for each in sound})
    try:
        opened = of.open(tuple((each.fact, each.meta.circumstances) for each in sound))
    except (Misplaced, Missing) as problem:
        found.gone.update(each.stream for each in sound)
        found.unread.append(f"of {sound[0].position} to {sound[-1].position} something does not open: {problem!r}")
        return
    for recorded, (fact, _) in zip(sound, opened, strict=True):
        shape = logs.codec.shapes.get(recorded.type)
        if shape is None or not shape.unique:
            continue
        if any(isinstance(getattr(fact, each.name), Erased) for each in shape.unique):
            found.gone.add(recorded.stream)
        else:
            made = logs.codec.unique(fact)
            found.wanted.update((scope, of.token(scope, value), recorded.stream) for scope, value in made)


def _subjects(recorded: Recorded) -> Iterator[UUID]:
    """Under whose keys something of it lies."""
    fields = (getattr(recorded.fact, name) for name in recorded.fact.__struct_fields__)
    yield from (each.subject for each in (*fields, recorded.meta.circumstances) if isinstance(each, Sealed))


def _misreserved(found: Beside) -> Iterator[str]:
    for scope, _, stream in sorted(found.reserved - found.wanted):
        if stream not in found.gone:
            yield f"{stream} holds a reservation of {scope} that no event of it makes"
    for scope, _, stream in sorted(found.wanted - found.reserved):
        yield f"{stream} does not hold its reservation of {scope}"


def _misstamped(stamps: Sequence[Stamp], log: Sequence[Recorded]) -> Iterator[str]:
    filled = [each for each in stamps if each.first <= each.last]
    for each in stamps:
        where = f"a stamp points to {each.first} to {each.last}"
        if not (1 <= each.first <= each.last + 1 <= len(log) + 1):
            yield f"{where} of {len(log)}"
        elif each.first <= each.last and len({_made(one) for one in log[each.first - 1 : each.last]} | {each[2:]}) > 1:
            yield f"{where}, which is not what one append recorded then"
    for one, other in pairwise(filled):
        if other.first <= one.last:
            yield f"two stamps point to {other.first}"


def _made(recorded: Recorded) -> tuple[object, ...]:
    """What the events of one append have in common with its stamp."""
    return recorded.stream, recorded.at, recorded.generation


def _unlocked(found: Beside) -> Iterator[str]:
    for subject, position in found.needed.items():
        if subject not in found.keys:
            yield f"event {position} lies under the key of {subject}, of which there is none"
    for subject, alive in found.keys.items():
        if alive == (subject in found.erased):
            yield (
                f"{subject} was erased, and has a key" if alive else f"the key of {subject} is gone, who was not erased"
            )
