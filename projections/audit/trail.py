"""What is asked of the trail: entries by what they say, newest first, and one by its position."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from domain.audit import Denial
from domain.predictions import predictions
from projections.audit.entry import FOUND_BY, Entry, audit
from projections.audit.said import ABOUT, BECAUSE, REQUESTS
from projections.kernel import Either, Is, Page, Query, Reads, Wanted, Within
from projections.words import Names, Says, carried

Outcome = Literal["accepted", "refused"]
SAID = {"q": "", "about": ABOUT, "because": BECAUSE}
"""What is asked for by words, each in its scope."""
HIDDEN = (*FOUND_BY, "about", "because")
"""What is about persons: asked for in a body alone."""
Kind = Literal["user", "key", "system", "model", "operator"]


class Filter(Query, frozen=True, kw_only=True):
    """Which entries. `ip`, `session`, `agent` and `reason` are looked for as they are, in the clear."""

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
    """Of the request that it was recorded for, or of one of several that were shown something."""
    trace: str | None = None
    """The same, of that request's trace."""
    subject: UUID | None = None
    """A person it is about, one of several among them."""
    model: str | None = None
    model_version: str | None = None
    ip: str | None = None
    session: str | None = None
    agent: str | None = None
    reason: str | None = None
    q: str | None = None
    """Words that have all to stand in what was recorded, in the clear; identifiers are words."""
    about: str | None = None
    """Words in what was recorded about a person: a name, a mail address, a note."""
    because: str | None = None
    """Words in the reason that was given."""
    since: datetime | None = None
    before: datetime | None = None
    position_least: int | None = None
    position_below: int | None = None

    def where(self) -> list[Wanted]:
        asked = {_COLUMNS.get(name, name): getattr(self, name) for name in _EXACT}
        where: list[Wanted] = [
            Either(column, value, carried(column, value)) if column in REQUESTS else Is(column, value)
            for column, value in asked.items()
            if value is not None
        ]
        # What only refusals or only models' events have is found by way of an index: the same rows.
        if self.type is None and (self.outcome == "refused" or self.code or self.command):
            where.append(Is("type", Denial.__struct_config__.tag))
        if self.model is not None and self.capability is None:
            where.append(Is("capability", predictions.name))
        ranges = (
            Within("at", self.since, self.before),
            Within("position", self.position_least, self.position_below),
        )
        where += [Says(text, scope) for name, scope in SAID.items() if (text := getattr(self, name)) is not None]
        if self.subject is not None:
            where.append(Names(self.subject))
        return [*where, *(each for each in ranges if each[1:] != (None, None))]


_COLUMNS = {"asked_permission": "permission", **{part: f"circumstances.{part}" for part in FOUND_BY}}
_RANGES = ("since", "before", "position_least", "position_below")
_EXACT = tuple(name for name in Filter.__struct_fields__ if name not in (*_RANGES, *SAID, "subject"))


class Trail(Filter, frozen=True, kw_only=True):
    """Newest first."""

    limit: int = 50
    cursor: str = ""
    facts: bool = False
    """Whether what was recorded comes with each entry."""

    async def answer(self, reads: Reads) -> Page[Entry]:
        return await reads.page(audit, self.where(), sort=self._newest, limit=self.limit, cursor=self.cursor)

    @property
    def _newest(self) -> str:
        """The last position is the latest too; words are found in the order of positions."""
        return "-position" if any(getattr(self, name) is not None for name in (*SAID, "subject")) else "-at"


class Event(Query, frozen=True, kw_only=True):
    """One entry. What it changed follows from its stream's states before and after: see `changes`."""

    permission: ClassVar = "audit.read"
    position: int

    async def answer(self, reads: Reads) -> Entry | None:
        return await reads.one(audit, self.position)
