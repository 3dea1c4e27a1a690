"""Who could see something at a moment, and why: folded from the organisation's facts and those of its keys.

What each role holds is this release's: roles cannot be changed by facts yet.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from msgspec import Struct

from domain.access import KINDS, PERSONAL, READS, ROLES
from domain.api_keys import Issued, Revoked
from domain.kernel import Recorded
from domain.orgs import Joined, Removed, RoleChanged

_PERSONAL = frozenset({"prospects.read-personal"})
MOST = 1000
"""Keys that are looked at."""


class Holder(Struct, frozen=True, kw_only=True):
    kind: Literal["user", "key", "system", "model", "operator"]
    id: UUID | None
    """None of kinds that no request can claim to be: the program, who runs it, and its models."""
    role: str | None
    rule: str
    """By which it was allowed, as entries of the trail have it."""
    granted_at: datetime | None
    granted_by: str | None
    """`<kind>:<uuid>` of who gave the role or issued the key."""
    position: int | None
    """Of the fact by which it was given."""
    personal: bool
    """Whether what identifies persons was shown as well."""


class Could(Struct, frozen=True, kw_only=True):
    """Everybody who could see a resource."""

    capability: str
    id: UUID
    permission: str
    at: datetime
    """By the log's clock: whatever was recorded up to then counts."""
    holders: list[Holder]
    whole: bool
    """False where there are more keys than are looked at."""


class WhoCould(Struct, frozen=True, kw_only=True):
    """`at` is a position, or a time; None is now."""

    permission: ClassVar = "audit.read"
    capability: str
    id: UUID
    at: str | None = None


def seen_by(capability: str) -> str | None:
    """The permission under which a capability may be read; None where nobody may."""
    return READS.get(capability)


def holders(
    org: Sequence[Recorded], keys: Iterable[Sequence[Recorded]], permission: str, at: datetime
) -> Iterator[Holder]:
    """Members, then keys, then kinds; histories up to the moment."""
    for member, (role, recorded) in _roles(org).items():
        if permission in ROLES.get(role, ()):
            yield _holder("user", member, role, permission, recorded, personal=_personal(permission, ROLES[role]))
    for history in keys:
        if history and (holder := _key(history, permission, at)):
            yield holder
    for kind, held in KINDS.items():
        if permission in held:
            yield Holder(
                kind=kind,  # type: ignore[arg-type]  # the kinds of actors are these
                id=None,
                role=None,
                rule=f"p, kind:{kind}, {permission}",
                granted_at=None,
                granted_by=None,
                position=None,
                personal=_personal(permission, held),
            )


def _personal(permission: str, held: AbstractSet[str]) -> bool:
    return not PERSONAL.get(permission.partition(".")[0], _PERSONAL).isdisjoint(held)


def _roles(org: Iterable[Recorded]) -> dict[UUID, tuple[str, Recorded]]:
    """Each member's role, and the fact by which it was given."""
    given: dict[UUID, tuple[str, Recorded]] = {}
    for recorded in org:
        match recorded.fact:
            case Joined(member=member, role=role) | RoleChanged(member=member, taken=role):
                given[member] = role, recorded
            case Removed(member=member):
                del given[member]
    return given


def _key(history: Sequence[Recorded], permission: str, at: datetime) -> Holder | None:
    issued = history[0].fact
    if not isinstance(issued, Issued) or any(isinstance(each.fact, Revoked) for each in history):
        return None
    if issued.expires_at and issued.expires_at <= at:
        return None
    held = ROLES.get(issued.role, frozenset[str]())
    if issued.scopes is not None:
        held = held.intersection(issued.scopes)
    if permission not in held:
        return None
    return _holder("key", history[0].id, issued.role, permission, history[0], personal=_personal(permission, held))


def _holder(
    kind: Literal["user", "key"], id: UUID, role: str, permission: str, recorded: Recorded, *, personal: bool
) -> Holder:
    return Holder(
        kind=kind,
        id=id,
        role=role,
        rule=f"p, role:{role}, {permission}",
        granted_at=recorded.at,
        granted_by=str(recorded.meta.actor),
        position=recorded.position,
        personal=personal,
    )
