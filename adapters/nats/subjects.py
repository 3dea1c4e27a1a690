"""Where messages go. The tenant's part is always a UUID in its one spelling: no name reaches another's subjects."""

import re
from uuid import UUID

STREAM = "EVERLOG"
EVERY = "everlog.>"
"""Core subjects begin with `everlog-`, so the stream does not catch them."""

_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")


def event(tenant: UUID, type: str) -> str:
    """`everlog.<tenant>.<capability>.<fact>`. A tag is written as it is; anything else is made harmless."""
    capability, _, fact = type.partition(".")
    return f"everlog.{tenant}.{_token(capability)}.{_token(fact)}"


def events(tenant: UUID, capability: str = "") -> str:
    """The filter for a tenant's events, or for those of one of its capabilities."""
    return f"everlog.{tenant}.{_token(capability)}.>" if capability else f"everlog.{tenant}.>"


def wake(tenant: UUID) -> str:
    """Told after each commit of the tenant's log."""
    return f"everlog-wake.{tenant}"


def seen(tenant: UUID) -> str:
    """Told after the tenant's views have moved."""
    return f"everlog-seen.{tenant}"


EVERY_GONE = "everlog-gone.*"


def gone(tenant: UUID) -> str:
    """Told of each subject of the tenant that was erased, and when all of its keys were destroyed."""
    return f"everlog-gone.{tenant}"


def score(tenant: UUID) -> str:
    """Asked for a prediction in real time."""
    return f"everlog-score.{tenant}"


def tenant(subject: str) -> UUID:
    """Whose a subject is.

    Raises:
        ValueError: its second part is not a UUID as this module writes it.
    """
    part = subject.split(".", 2)[1] if "." in subject else ""
    found = UUID(part)
    if str(found) != part:
        raise ValueError("not a tenant's subject")
    return found


def _token(word: str) -> str:
    return _FOREIGN.sub("_", word) or "_"
