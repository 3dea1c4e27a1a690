"""A destination outside, such as a SIEM, to which an organisation's trail is delivered record by record."""

import re
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Refused

Kind = Literal["http", "splunk", "syslog", "s3"]
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?"
_URL = re.compile(rf"https?://{_HOST}(/[A-Za-z0-9/._~%+-]*)?")
_ADDRESSES = {
    "http": _URL,
    "splunk": _URL,
    "syslog": re.compile(rf"syslog://{_HOST}"),
    "s3": re.compile(rf"https?://{_HOST}/[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9](/[A-Za-z0-9/._-]*)?"),
}
"""What an address of each kind looks like; that of a bucket is `https://HOST/BUCKET/PREFIX`."""


class Added(Fact, frozen=True, tag="deliveries.added"):
    name: str
    kind: str
    """http, splunk, syslog or s3."""
    address: str
    secret: bytes
    """Sealed under the destination's own key: a token, the secret half of an access key, or what is shown of this
    side: a certificate with its key."""
    account: str = ""
    """The public half of an access key: of s3 alone."""
    region: str = ""
    authority: str = ""
    """Certificates in PEM that the destination's own is checked by, instead of the system's."""
    circumstances: bool = False
    """Whether addresses, sessions, user agents and reasons are delivered too."""
    after: int = 0
    """The first record is the one behind this position."""


class SecretChanged(Fact, frozen=True, tag="deliveries.secret-changed"):
    secret: bytes


class Paused(Fact, frozen=True, tag="deliveries.paused"):
    pass


class Resumed(Fact, frozen=True, tag="deliveries.resumed"):
    pass


class Replayed(Fact, frozen=True, tag="deliveries.replayed"):
    """Everything behind this position is delivered once more."""

    after: int


class Removed(Fact, frozen=True, tag="deliveries.removed"):
    pass


class Rejected(Fact, frozen=True, tag="deliveries.rejected"):
    """The destination refuses what it is sent, or is none to send to: recorded once until it accepts again."""

    why: str
    """In words of ours, which hold nothing that it answered."""
    after: int
    """Nothing behind this position was accepted."""


class Accepted(Fact, frozen=True, tag="deliveries.accepted"):
    """It accepts again what it had refused."""


Facts = Added | SecretChanged | Paused | Resumed | Replayed | Removed | Rejected | Accepted


class Destination(Struct, frozen=True):
    added: Added | None = None
    secret: bytes = b""
    paused: bool = False
    removed: bool = False
    rejected: bool = False
    round: int = 1
    """Goes up with each replay."""
    after: int = 0
    """Where the round begins."""


def evolve(destination: Destination, fact: Facts) -> Destination:
    match fact:
        case Added():
            return replace(destination, added=fact, secret=fact.secret, after=fact.after)
        case SecretChanged():
            return replace(destination, secret=fact.secret)
        case Paused() | Resumed():
            return replace(destination, paused=isinstance(fact, Paused))
        case Replayed():
            return replace(destination, round=destination.round + 1, after=fact.after)
        case Removed():
            return replace(destination, removed=True)
        case Rejected() | Accepted():
            return replace(destination, rejected=isinstance(fact, Rejected))


def add(destination: Destination, added: Added) -> list[Fact]:
    if destination.added:
        raise Refused("deliveries.exists")
    if not _ADDRESSES[added.kind].fullmatch(added.address):
        raise Refused("deliveries.address", kind=added.kind)
    if (added.kind == "s3") != bool(added.account) or (added.kind == "s3") != bool(added.region):
        raise Refused("deliveries.account", kind=added.kind)
    return [added]


def change_secret(destination: Destination, secret: bytes) -> list[Fact]:
    _there(destination)
    return [SecretChanged(secret)]


def pause(destination: Destination) -> list[Fact]:
    _there(destination)
    return [] if destination.paused else [Paused()]


def resume(destination: Destination) -> list[Fact]:
    _there(destination)
    return [Resumed()] if destination.paused else []


def replay(destination: Destination, after: int) -> list[Fact]:
    _there(destination)
    return [Replayed(after)]


def remove(destination: Destination) -> list[Fact]:
    if destination.added is None:
        raise Refused("deliveries.unknown")
    return [] if destination.removed else [Removed()]


def reject(destination: Destination, why: str, after: int) -> list[Fact]:
    return [] if destination.rejected or destination.removed else [Rejected(why, after)]


def accept(destination: Destination) -> list[Fact]:
    return [Accepted()] if destination.rejected and not destination.removed else []


def _there(destination: Destination) -> None:
    if destination.added is None or destination.removed:
        raise Refused("deliveries.unknown")


deliveries = Decider("deliveries", Facts, Destination(), evolve)
