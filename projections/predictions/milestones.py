"""The history of a model: each refit of a challenger and each change of champion, newest state last."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from domain.kernel import Recorded
from domain.predictions import Promoted, Refitted, Standing
from projections.kernel import View, Where


class Milestone(Struct, frozen=True, gc=False):
    event: UUID
    model: str
    number: int
    kind: str
    """`refitted` or `promoted`."""
    candidate: str
    """The challenger fitted, or the candidate that took over."""
    left: str
    """Who predicted before; empty for a refit."""
    position: int
    labels: int
    digest: str
    at: datetime
    standings: tuple[Standing, ...] = ()


def select(recorded: Recorded) -> Where | None:
    return Where("event", recorded.meta.event) if isinstance(recorded.fact, Refitted | Promoted) else None


def evolve(rows: list[Milestone], recorded: Recorded) -> list[Milestone]:
    event, at = recorded.meta.event, recorded.at
    match recorded.fact:
        case Refitted(model=model, number=number, challenger=name, position=position, labels=labels, digest=digest):
            return [Milestone(event, model, number, "refitted", name, "", position, labels, digest, at)]
        case Promoted(model=model, number=number, position=position, left=left, entered=name, standings=standings):
            labels = max((each.labels for each in standings), default=0)
            return [Milestone(event, model, number, "promoted", name, left, position, labels, "", at, standings)]
    return rows


milestones = View(
    "milestones",
    1,
    Milestone,
    select,
    evolve,
    facts=Refitted | Promoted,
    filters=("model", "kind", "candidate"),
    sorts=("number", "at"),
    indexes=(("model", "number"),),
)
