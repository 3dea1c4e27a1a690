"""Which entries of the trail, as a command line asks for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from api.settings import Unset
from api.shell import zoned
from projections.audit.trail import Kind, Outcome

Position = Annotated[int | None, Parameter(validator=Number(gte=1, lte=2**53))]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Filters:
    """What is asked for; all of it must match."""

    actor: UUID | None = None
    """Only what this user, key or model did."""
    actor_kind: Kind | None = None
    """Only what users, keys, the system, models or operators did."""
    on_behalf_of: str | None = None
    """Only what was done for this one (KIND:UUID)."""
    type: str | None = None
    """Only this kind of event, such as prospects.won."""
    capability: str | None = None
    """Only what is about this capability, such as prospects."""
    resource: UUID | None = None
    """Only what is about this resource."""
    subject: UUID | None = None
    """Only what is about this person."""
    permission: str | None = None
    """Only what this permission allowed, or was refused for want of it."""
    rule: str | None = None
    """Only what this rule allowed or denied."""
    outcome: Outcome | None = None
    """Only what was accepted, or refused."""
    code: str | None = None
    """Only what was refused with this code."""
    command: str | None = None
    """Only refusals of this command."""
    event: UUID | None = None
    """Only this event."""
    causation: UUID | None = None
    """Only what this event led to."""
    correlation: UUID | None = None
    """Only what one request did."""
    trace: str | None = None
    """Only what belongs to this trace."""
    model: str | None = None
    """Only what this model decided."""
    model_version: str | None = None
    """Only what a model in this state decided (SHA-256)."""
    q: str | None = None
    """Only what has all of these words in what was recorded, in the clear."""
    since: datetime | None = None
    """Only from this time on (ISO 8601; without a zone, this machine's)."""
    before: datetime | None = None
    """Only before this time."""
    first: Position = None
    """The first position of the span."""
    last: Position = None
    """The last one; the log's last, if left out."""

    def given(self) -> dict[str, Any]:
        """As fields of `projections.audit.Trail`."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        first, last = told.pop("first"), told.pop("last")
        if first and last and last < first:
            raise Unset(f"The span would end at --last {last}, before it begins at --first {first}.")
        told |= {
            "asked_permission": told.pop("permission"),
            "since": zoned(self.since),
            "before": zoned(self.before),
            "position_least": first,
            "position_below": last + 1 if last else None,
        }
        return {name: value for name, value in told.items() if value is not None}


EVERYTHING = Filters()
