"""The audit trail: one entry for every event, what was refused among them; and what an event changed."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from msgspec import Meta, Struct

from domain.audit import Denial
from domain.kernel import Circumstances, Erased, Personal, Recorded, Sealed
from domain.predictions import Made, Promoted, Refitted, predictions
from projections.kernel import Is, Page, Query, Reads, View, Where, Within

Outcome = Literal["accepted", "refused"]
Kind = Literal["user", "key", "system", "model", "operator"]
FOUND_BY = ("ip", "session", "agent", "reason")
"""What is about the actor, found by its exact value alone."""
LONGEST = 200
"""Entries in a chain; what goes on beyond them is asked for from its last one."""


class Entry(Struct, frozen=True, gc=False):
    position: int
    at: datetime
    actor_kind: str
    actor: UUID
    type: str
    capability: str
    resource: UUID
    """With `capability`, the stream: of what was done, or of what somebody was refused to do."""
    version: int
    """The stream's after the event; 0 where it was refused."""
    permission: str
    rule: str
    """The rule that granted the permission, or denied it."""
    outcome: str
    code: str
    """Why it was refused; "" where it was not."""
    command: str
    """What was refused; "" where it was not."""
    event: UUID
    on_behalf_of: str | None = None
    causation: UUID | None = None
    correlation: UUID | None = None
    trace: str = ""
    occurred_at: datetime | None = None
    circumstances: Annotated[Personal[Circumstances], Meta(extra={"lookup": FOUND_BY})] | None = None
    subject: UUID | None = None
    """The person it is about, done or refused; where an event names several, the first."""
    model: str | None = None
    """The model that decided, or that was changed."""
    model_version: str | None = None
    """SHA-256 of the model's state; None where the event names none."""


_ABOUT_ONE = ("prospects", "privacy")
"""Capabilities whose streams bear the identifier of the person they are about."""
_OF_MODELS = (Made, Promoted, Refitted)


def select(recorded: Recorded) -> Where | None:
    return Where("position", recorded.position)


def evolve(_: list[Entry], recorded: Recorded) -> list[Entry]:
    meta, fact = recorded.meta, recorded.fact
    refused = fact if isinstance(fact, Denial) else None
    capability, resource = _resource(recorded, refused)
    return [
        Entry(
            position=recorded.position,
            at=recorded.at,
            actor_kind=meta.actor.kind,
            actor=meta.actor.id,
            type=recorded.type,
            capability=capability,
            resource=resource,
            version=0 if refused else recorded.version,
            permission=meta.permission,
            rule=meta.rule,
            outcome="refused" if refused else "accepted",
            code=refused.code if refused else "",
            command=refused.command if refused else "",
            event=meta.event,
            on_behalf_of=str(meta.on_behalf_of) if meta.on_behalf_of else None,
            causation=meta.causation,
            correlation=meta.correlation,
            trace=meta.trace,
            occurred_at=meta.occurred_at,
            circumstances=meta.circumstances,
            subject=next(iter(meta.subjects), resource if capability in _ABOUT_ONE else None),
            model=fact.model if isinstance(fact, _OF_MODELS) else None,
            model_version=fact.digest if isinstance(fact, Made | Refitted) else None,
        )
    ]


def _resource(recorded: Recorded, refused: Denial | None) -> tuple[str, UUID]:
    """What the event is about; a refusal that names nothing is about the capability whose permission was missing."""
    if refused is None:
        return recorded.capability, recorded.id
    try:
        return refused.resource[:-37], UUID(refused.resource[-36:])
    except ValueError:
        return refused.permission.partition(".")[0], recorded.id


audit = View(
    "audit",
    2,
    Entry,
    select,
    evolve,
    filters=(
        "actor",
        "actor_kind",
        "on_behalf_of",
        "type",
        "capability",
        "resource",
        "permission",
        "rule",
        "outcome",
        "code",
        "command",
        "event",
        "causation",
        "correlation",
        "trace",
        "subject",
        "model",
        "model_version",
        "at",
    ),
    sorts=("at",),
    indexes=(
        *((column, "at") for column in ("actor", "actor_kind", "on_behalf_of", "type", "capability", "resource")),
        *((column, "at") for column in ("subject", "permission", "rule")),
        *((column,) for column in ("event", "causation", "correlation", "trace", "model_version")),
    ),
    unreadable=True,
)


class Trail(Query, frozen=True, kw_only=True):
    """Newest first. `ip`, `session`, `agent` and `reason` are looked for as they are, in the clear."""

    permission: ClassVar = "audit.read"
    actor: UUID | None = None
    actor_kind: Kind | None = None
    on_behalf_of: str | None = None
    """`<kind>:<uuid>`, as entries have it."""
    type: str | None = None
    capability: str | None = None
    resource: UUID | None = None
    asked_permission: str | None = None
    """What had to be held; `permission` is the query's own."""
    rule: str | None = None
    outcome: Outcome | None = None
    code: str | None = None
    command: str | None = None
    event: UUID | None = None
    causation: UUID | None = None
    correlation: UUID | None = None
    trace: str | None = None
    subject: UUID | None = None
    model: str | None = None
    model_version: str | None = None
    ip: str | None = None
    session: str | None = None
    agent: str | None = None
    reason: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    position_least: int | None = None
    position_below: int | None = None
    limit: int = 50
    cursor: str = ""

    async def answer(self, reads: Reads) -> Page[Entry]:
        return await reads.page(audit, self.where(), sort="-at", limit=self.limit, cursor=self.cursor)

    def where(self) -> list[Is | Within]:
        asked = {_COLUMNS.get(name, name): getattr(self, name) for name in _EXACT}
        where: list[Is | Within] = [Is(column, value) for column, value in asked.items() if value is not None]
        # What only refusals or only models' events have is found by way of an index: the same rows.
        if self.type is None and (self.outcome == "refused" or self.code or self.command):
            where.append(Is("type", Denial.__struct_config__.tag))
        if self.model is not None and self.capability is None:
            where.append(Is("capability", predictions.name))
        ranges = (
            Within("at", self.since, self.before),
            Within("position", self.position_least, self.position_below),
        )
        return [*where, *(each for each in ranges if each[1:] != (None, None))]


_COLUMNS = {"asked_permission": "permission", **{part: f"circumstances.{part}" for part in FOUND_BY}}
_RANGES = ("since", "before", "position_least", "position_below", "limit", "cursor")
_EXACT = tuple(name for name in Trail.__struct_fields__ if name not in _RANGES)


class Event(Query, frozen=True, kw_only=True):
    """One entry. What it changed follows from its stream's states before and after: see `changes`."""

    permission: ClassVar = "audit.read"
    position: int

    async def answer(self, reads: Reads) -> Entry | None:
        return await reads.one(audit, self.position)


class Chain(Struct, frozen=True):
    """Entries in the order of the log, without the one that was asked about."""

    entries: list[Entry]
    whole: bool
    """Whether there were no more of them."""


class Causes(Query, frozen=True, kw_only=True):
    """What led to an event, back to the first that no event of the log caused."""

    permission: ClassVar = "audit.read"
    position: int

    async def answer(self, reads: Reads) -> Chain | None:
        return await _chain(reads, self.position, lambda entry: Is("event", entry.causation))


class Effects(Query, frozen=True, kw_only=True):
    """What an event led to, and what that led to."""

    permission: ClassVar = "audit.read"
    position: int

    async def answer(self, reads: Reads) -> Chain | None:
        return await _chain(reads, self.position, lambda entry: Is("causation", entry.event))


async def _chain(reads: Reads, position: int, onwards: Callable[[Entry], Is]) -> Chain | None:
    """Nearest first, so that what is left out is what is farthest; a circle ends where it closes."""
    if (asked := await reads.one(audit, position)) is None:
        return None
    found = {position: asked}
    due, whole = [asked], True
    while due and len(found) <= LONGEST + 1:
        link = onwards(due.pop(0))
        if link.value is None:
            continue
        page = await reads.page(audit, [link], sort="position", limit=LONGEST)
        news = [each for each in page.rows if each.position not in found]
        whole = whole and not page.cursor
        found |= {each.position: each for each in news}
        due += news
    nearest = list(found.values())[1 : LONGEST + 1]
    return Chain(sorted(nearest, key=lambda each: each.position), whole and len(found) <= LONGEST + 1)


class Change(Struct, frozen=True):
    field: str
    """Names joined by dots, as `captured.email`."""
    before: Any
    after: Any


def changes(before: Any, after: Any) -> list[Change]:
    """Field by field, what differs between two states; a part that was not there before has None in each field."""
    return list(_changes("", before, after))


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    names = _fields(before, after)
    if not names:
        yield Change(path, before, after)
    for name in names:
        inner = f"{path}.{name}" if path else name
        yield from _changes(inner, getattr(before, name, None), getattr(after, name, None))


def _fields(before: Any, after: Any) -> tuple[str, ...]:
    """The fields to look at one by one: those of a struct that became another of its kind, came or went."""
    kinds = {type(each) for each in (before, after) if each is not None}
    if len(kinds) != 1:
        return ()
    [kind] = kinds
    return kind.__struct_fields__ if issubclass(kind, Struct) and not issubclass(kind, Sealed | Erased) else ()
