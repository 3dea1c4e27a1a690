"""What people consented to, or do no longer."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec import Struct

from domain.kernel import Recorded
from domain.privacy import ConsentFacts, ConsentGiven, ConsentWithdrawn
from projections.kernel import Is, Page, Query, Reads, View, Where


class Consent(Struct, frozen=True):
    id: str
    """`<subject>/<purpose>`."""
    subject: UUID
    purpose: str
    given: bool
    since: datetime
    by: UUID
    """Who recorded it."""
    source: str
    changes: int = 1
    """How often it was said, one way or the other."""


def select(recorded: Recorded) -> Where | None:
    return Where("id", f"{recorded.id}/{getattr(recorded.fact, 'purpose', '')}")


def evolve(rows: list[Consent], recorded: Recorded) -> list[Consent]:
    match recorded.fact:
        case (
            ConsentGiven(by=by, purpose=purpose, source=source)
            | ConsentWithdrawn(by=by, purpose=purpose, source=source)
        ):
            given = isinstance(recorded.fact, ConsentGiven)
            key, before = f"{recorded.id}/{purpose}", sum(row.changes for row in rows)
            return [Consent(key, recorded.id, purpose, given, recorded.at, by, source, before + 1)]
    return rows


consents = View(
    "consents",
    1,
    Consent,
    select,
    evolve,
    facts=ConsentFacts,
    filters=("subject", "purpose", "given"),
    sorts=("since",),
    indexes=(("subject", "since"), ("purpose", "since")),
)


class ListConsents(Query, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.read"
    subject: UUID | None = None
    purpose: str | None = None
    given: bool | None = None
    sort: str = "-since"
    limit: int = 50
    cursor: str = ""

    async def answer(self, reads: Reads) -> Page[Consent]:
        asked = {"subject": self.subject, "purpose": self.purpose, "given": self.given}
        where = [Is(column, value) for column, value in asked.items() if value is not None]
        return await reads.page(consents, where, sort=self.sort, limit=self.limit, cursor=self.cursor)
