"""What and whom an event is about."""

from uuid import UUID

from domain.audit import Denial, SignedIn
from domain.kernel import Recorded

_ABOUT_ONE = ("prospects", "privacy")
"""Capabilities whose streams bear the identifier of the person they are about."""


def resource(recorded: Recorded) -> tuple[str, UUID]:
    """Capability and identifier; a refusal that names nothing is about the capability whose permission was missing."""
    fact = recorded.fact
    if not isinstance(fact, Denial | SignedIn):
        return recorded.capability, recorded.id
    named = fact.resource if isinstance(fact, Denial) else fact.credential
    try:
        return named[:-37], UUID(named[-36:])
    except ValueError:
        return fact.permission.partition(".")[0] if isinstance(fact, Denial) else recorded.capability, recorded.id


def subjects(recorded: Recorded) -> tuple[UUID, ...]:
    """The persons, also of what was only tried."""
    if recorded.meta.subjects:
        return recorded.meta.subjects
    capability, id = resource(recorded)
    return (id,) if capability in _ABOUT_ONE else ()
