"""One entry for every event of the log, what was refused among them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from domain.audit import Denial, SignedIn
from domain.kernel import Circumstances, Personal, Recorded
from domain.predictions import Made, Promoted, Refitted
from projections.audit.about import resource, subjects
from projections.audit.said import said
from projections.kernel import Home, View, Where

FOUND_BY = ("ip", "session", "agent", "reason")
"""What is about the actor, found by its exact value alone."""


class Entry(Struct, frozen=True, gc=False):
    position: int
    at: datetime
    actor_kind: str
    actor: UUID
    type: str
    capability: str
    resource: UUID
    """With `capability`, the stream: of what was done, of what somebody was refused to do, or of who signed in."""
    version: int
    """The stream's after the event; 0 where it was refused, or somebody signed in: the stream has no such event."""
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
    """When it happened, as who asked for it says; of reads, when the last of the answers was given."""
    circumstances: Annotated[Personal[Circumstances], Meta(extra={"lookup": FOUND_BY})] | None = None
    subject: UUID | None = None
    """The person it is about, done or refused; where it is about several, the first, and each of them finds it."""
    model: str | None = None
    """The model that decided, or that was changed."""
    model_version: str | None = None
    """SHA-256 of the model's state; None where the event names none."""


_OF_MODELS = (Made, Promoted, Refitted)


def select(recorded: Recorded) -> Where | None:
    return Where("position", recorded.position)


def evolve(_: list[Entry], recorded: Recorded) -> list[Entry]:
    meta, fact = recorded.meta, recorded.fact
    refused = fact if isinstance(fact, Denial) else None
    capability, id = resource(recorded)
    return [
        Entry(
            position=recorded.position,
            at=recorded.at,
            actor_kind=meta.actor.kind,
            actor=meta.actor.id,
            type=recorded.type,
            capability=capability,
            resource=id,
            version=0 if isinstance(fact, Denial | SignedIn) else recorded.version,
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
            subject=next(iter(subjects(recorded)), None),
            model=fact.model if isinstance(fact, _OF_MODELS) else None,
            model_version=fact.digest if isinstance(fact, Made | Refitted) else None,
        )
    ]


def _home(event: UUID, capability: str, resource: UUID, version: int) -> str:
    # A refusal or a sign-in has a stream of its own, named like its event.
    return f"{capability}/{resource}@{version}#" if version else f"audit/{event}@"


audit = View(
    "audit",
    7,
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
        "model",
        "model_version",
        "at",
    ),
    sorts=("at",),
    indexes=(
        *((column, "at") for column in ("actor", "actor_kind", "on_behalf_of", "type", "capability", "resource")),
        *((column, "at") for column in ("permission", "rule")),
        *((column,) for column in ("event", "causation", "correlation", "trace", "model_version")),
    ),
    unreadable=True,
    home=Home(("event", "capability", "resource", "version"), _home),
    words=said,
)
