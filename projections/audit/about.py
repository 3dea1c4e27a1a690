"""What and whom an event is about."""

from uuid import UUID

from domain.audit import Denial
from domain.kernel import Recorded

_ABOUT_ONE = ("prospects", "privacy")
"""Capabilities whose streams bear the identifier of the person they are about."""


def resource(recorded: Recorded) -> tuple[str, UUID]:
    """Capability and identifier; a refusal that names nothing is about the capability whose permission was missing."""
    refused = recorded.fact
    if not isinstance(refused, Denial):
        return recorded.capability, recorded.id
    try:
        return refused.resource[:-37], UUID(refused.resource[-36:])
    except ValueError:
        return refused.permission.partition(".")[0], recorded.id


def subjects(recorded: Recorded) -> tuple[UUID, ...]:
    """The persons, also of what was only tried."""
    if recorded.meta.subjects:
        return recorded.meta.subjects
    capability, id = resource(recorded)
    return (id,) if capability in _ABOUT_ONE else ()
