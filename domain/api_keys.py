"""An API key: a secret that speaks for one role, or for one member, in one tenant until it expires or is revoked."""

from base64 import b32decode, b32encode
from binascii import Error
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Refused

MARK = "everlog"
_UUID, _SECRET = 16, 32


class Issued(Fact, frozen=True, tag="api_keys.issued"):
    name: str
    prefix: str
    """The text up to the secret's first characters: enough to recognise a key, too little to use it."""
    hash: bytes
    """SHA-256 of the secret's 32 random bytes, which are kept nowhere."""
    role: str
    """Empty where it is a member's."""
    scopes: tuple[str, ...] | None = None
    """The permissions that the role is cut down to; None cuts nothing."""
    expires_at: datetime | None = None
    member: UUID | None = None
    """Whose it is: it may do what they may, in the role that the organisation gives them at the time."""


class Revoked(Fact, frozen=True, tag="api_keys.revoked"):
    pass


Facts = Issued | Revoked


class ApiKey(Struct, frozen=True):
    issued: Issued | None = None
    revoked: bool = False


def evolve(key: ApiKey, fact: Facts) -> ApiKey:
    match fact:
        case Issued():
            return replace(key, issued=fact)
        case Revoked():
            return replace(key, revoked=True)


def issue(key: ApiKey, issued: Issued) -> list[Fact]:
    if key.issued not in (None, issued):
        raise Refused("api_keys.exists")
    return [] if key.issued else [issued]


def revoke(key: ApiKey) -> list[Fact]:
    if key.issued is None:
        raise Refused("api_keys.unknown")
    return [] if key.revoked else [Revoked()]


class Presented(NamedTuple):
    """What the text of a key says: whose it is, which one, and the proof."""

    tenant: UUID
    id: UUID
    secret: bytes


def write(tenant: UUID, id: UUID, secret: bytes) -> str:
    """`everlog_<tenant>_<key>_<secret>`, each in lower-case base 32 without padding: 26, 26 and 52 letters."""
    return "_".join((MARK, *map(_compact, (tenant.bytes, id.bytes, secret))))


def read(text: str) -> Presented | None:
    """What `write` wrote, or None where it cannot have written that."""
    parts = text.split("_")
    if len(parts) != len(Presented._fields) + 1 or parts[0] != MARK:
        return None
    tenant, id, secret = map(_spread, parts[1:])
    if (len(tenant), len(id), len(secret)) != (_UUID, _UUID, _SECRET):
        return None
    presented = Presented(UUID(bytes=tenant), UUID(bytes=id), secret)
    return presented if write(*presented) == text else None


def prefix(tenant: UUID, id: UUID) -> str:
    return write(tenant, id, bytes(_SECRET)).rpartition("_")[0]


def _compact(raw: bytes) -> str:
    return b32encode(raw).decode().rstrip("=").lower()


def _spread(text: str) -> bytes:
    try:
        return b32decode(text.upper() + "=" * (-len(text) % 8))
    except (Error, ValueError):
        return b""


api_keys = Decider("api_keys", Facts, ApiKey(), evolve)
