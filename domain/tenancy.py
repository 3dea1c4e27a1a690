"""A tenant as the installation sees it: that there is one. Its own log holds everything else.

A tenant's own log has a stream of this kind too: what happened to the log as a whole.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Refused

Cause = Literal["restore", "promotion"]


class Created(Fact, frozen=True, tag="tenancy.created"):
    name: str


class Resumed(Fact, frozen=True, tag="tenancy.resumed"):
    """The log goes on in a new generation: whatever an earlier one held beyond `after` never happened."""

    generation: int
    previous: int
    """The generation that it takes the place of."""
    after: int
    """The position of the last event that was kept."""
    cause: Cause


class Left(Fact, frozen=True, tag="tenancy.left"):
    """The log ends here: it goes on in another installation."""

    to: str
    """That installation's fingerprint."""


class Stayed(Fact, frozen=True, tag="tenancy.stayed"):
    """It never arrived there: the log goes on here after all."""


class Arrived(Fact, frozen=True, tag="tenancy.arrived"):
    """The log goes on here from now on."""

    origin: str
    """The fingerprint of the installation that it came from."""
    after: int
    """The position of the last event that was recorded there."""


class Resides(Fact, frozen=True, tag="tenancy.resides"):
    """The organisation's data stay in a region: no cell of another one takes it in."""

    region: str


Facts = Created | Resumed | Left | Stayed | Arrived | Resides


class Tenant(Struct, frozen=True):
    created: Created | None = None
    region: str = ""
    """Where its data stay; "" where that was never said."""


def evolve(tenant: Tenant, fact: Facts) -> Tenant:
    match fact:
        case Created():
            return replace(tenant, created=fact)
        case Resides(region=region):
            return replace(tenant, region=region)
        case Resumed() | Left() | Stayed() | Arrived():
            return tenant


def create(tenant: Tenant, name: str) -> list[Fact]:
    created = Created(name)
    if tenant.created not in (None, created):
        raise Refused("tenancy.exists")
    return [] if tenant.created else [created]


def reside(tenant: Tenant, region: str) -> list[Fact]:
    return [] if tenant.region == region else [Resides(region)]


tenancy = Decider("tenancy", Facts, Tenant(), evolve)
