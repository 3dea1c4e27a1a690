"""Who could see something at a moment, and why: folded from the organisation's facts and those of its keys.

What each role holds is this release's: roles cannot be changed by facts yet.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.access import KINDS, READS, ROLES, Way, ways
from domain.api_keys import Issued, Revoked
from domain.kernel import Recorded
from domain.orgs import Joined, Removed, RoleChanged

MOST = 1000
"""Keys that are looked at."""


Members = dict[UUID, tuple[str, Recorded]]
"""Each member's role, and the fact by which it was given."""


class WayIn(Struct, frozen=True, kw_only=True):
    """One of the ways in which somebody could see it."""

    permissions: tuple[str, ...]
    """Those that it took together."""
    rules: tuple[str, ...]
    """By which they were allowed, as entries of the trail have them."""
    personal: bool
    """Whether what identifies persons was shown as well."""
    always: bool
    """False where it took something else besides: a report about it that somebody had asked for."""


class Holder(Struct, frozen=True, kw_only=True):
    kind: Literal["user", "key", "system", "model", "operator"]
    id: UUID | None
    """None of kinds that no request can claim to be: the program, who runs it, and its models."""
    role: str | None
    """Of a member's key, the member's."""
    rule: str
    """The first rule of `by`."""
    granted_at: datetime | None
    granted_by: str | None
    """`<kind>:<uuid>` of who gave the role or issued the key."""
    position: int | None
    """Of the fact by which it was given."""
    personal: bool
    """Whether what identifies persons was shown as well, in one of these ways."""
    by: list[WayIn]
    """Every way in which they could see it."""
    member: UUID | None = None
    """Whose key it is, where it is a member's."""


class Could(Struct, frozen=True, kw_only=True):
    """Everybody who could see what a resource held.

    Who made or changed it knows that besides: the resource's events say who.
    """

    capability: str
    id: UUID
    permission: str
    """To read the capability's resources; `by` has the others that show one."""
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
    org: Sequence[Recorded], keys: Iterable[Sequence[Recorded]], capability: str, at: datetime
) -> Iterator[Holder]:
    """Members, then keys, then kinds; histories up to the moment."""
    known = ways(capability)
    members = roles(org)
    for member, (role, recorded) in members.items():
        if by := _by(known, ROLES.get(role, frozenset()), f"role:{role}"):
            yield _holder("user", member, role, recorded, by)
    for history in keys:
        if history and (holder := _key(history, members, known, at)):
            yield holder
    for kind, held in KINDS.items():
        if by := _by(known, held, f"kind:{kind}"):
            yield Holder(
                kind=kind,  # type: ignore[arg-type]  # the kinds of actors are these
                id=None,
                role=None,
                rule=by[0].rules[0],
                granted_at=None,
                granted_by=None,
                position=None,
                personal=any(each.personal for each in by),
                by=by,
            )


def _by(known: Iterable[Way], held: AbstractSet[str], whose: str) -> list[WayIn]:
    return [
        WayIn(
            permissions=each.needs,
            rules=tuple(f"p, {whose}, {permission}" for permission in each.needs),
            personal=each.personal is None or not each.personal.isdisjoint(held),
            always=each.always,
        )
        for each in known
        if held >= set(each.needs)
    ]


def roles(org: Iterable[Recorded]) -> Members:
    given = Members()
    for recorded in org:
        match recorded.fact:
            case Joined(member=member, role=role) | RoleChanged(member=member, taken=role):
                given[member] = role, recorded
            case Removed(member=member):
                del given[member]
    return given


def role_of(issued: Issued, members: Members) -> str:
    """A key's own, or its member's; empty where they are no member any more."""
    return members[issued.member][0] if issued.member in members else issued.role


def _key(history: Sequence[Recorded], members: Members, known: Iterable[Way], at: datetime) -> Holder | None:
    issued = history[0].fact
    if not isinstance(issued, Issued) or any(isinstance(each.fact, Revoked) for each in history):
        return None
    if issued.expires_at and issued.expires_at <= at:
        return None
    role = role_of(issued, members)
    held = ROLES.get(role, frozenset[str]())
    if issued.scopes is not None:
        held = held.intersection(issued.scopes)
    by = _by(known, held, f"role:{role}")
    return replace(_holder("key", history[0].id, role, history[0], by), member=issued.member) if by else None


def _holder(kind: Literal["user", "key"], id: UUID, role: str, recorded: Recorded, by: list[WayIn]) -> Holder:
    return Holder(
        kind=kind,
        id=id,
        role=role,
        rule=by[0].rules[0],
        granted_at=recorded.at,
        granted_by=str(recorded.meta.actor),
        position=recorded.position,
        personal=any(each.personal for each in by),
        by=by,
    )
