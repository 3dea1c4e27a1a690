"""Commands: what is asked, of which stream, under which permission, and by whom."""

from typing import Any, ClassVar
from uuid import UUID

from msgspec import Struct

from domain.kernel import Actor, Circumstances, Decider, Fact


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to one stream. `decide` turns the stream's state into facts, or refuses."""

    permission: ClassVar[str]
    stream: ClassVar[Decider[Any]]
    opens: ClassVar[bool] = False
    """It usually is its stream's first command: decided on an empty stream at once, and anew if there was one."""
    own: ClassVar[bool] = False
    """Its stream is the organisation's own, also where an address names a part of that."""
    told: ClassVar[tuple[str, ...]] = ()
    """The fields that the edge fills in, from the path or from what else is recorded: no body names them."""

    def decide(self, state: Any) -> list[Fact]:
        raise NotImplementedError

    def decide_as(self, by: UUID, state: Any) -> list[Fact]:  # noqa: ARG002 - for those that it does not matter to
        """The same for a command to which it matters who gives it: `by` is `Caller.who`, and nobody they act for."""
        return self.decide(state)


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks, for which tenant, and from where: what the edge knows of a request once it is authenticated."""

    tenant: UUID
    actor: Actor
    scopes: frozenset[str] | None = None
    """The permissions a credential is cut down to; None cuts nothing."""
    member: UUID | None = None
    """Whose credential it is, where it is a member's."""
    on_behalf_of: Actor | None = None
    """A claim: it is recorded, and nothing is decided by it."""
    circumstances: Circumstances = Circumstances()
    correlation: UUID | None = None
    trace: str = ""

    @property
    def who(self) -> UUID:
        """Whoever owns what they make, and counts as one where it takes two: a member, by whichever of their keys."""
        return self.member or self.actor.id


class Once(Struct, frozen=True):
    """An `Idempotency-Key`: the same request under the same key of the same credential happens once."""

    credential: UUID
    key: str
    request: bytes
    """The canonical bytes of the whole request; the log keeps an HMAC of them."""
