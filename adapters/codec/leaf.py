"""What a proof will commit to: of every event, a salted digest per field, so that fields can be shown one by one.

The bytes made here are for ever. A digest is SHA-256(salt_i ‖ name ‖ bytes) with salt_i = HKDF-SHA256(salt, name),
`salt` being the event's own 16 random bytes: who is shown a field is given its salt_i, and can guess at no other.
Sealed values are digested as the ciphertexts that are recorded, so that erasing a key changes no leaf.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from adapters.crypto import expand, extract

FORMAT = b"\x01"
NAMES = (
    "tenant",
    "generation",
    "position",
    "recorded_at",
    "stream",
    "version",
    "type",
    "event",
    "actor",
    "subjects",
    "permission",
    "meta",
    "body",
)
"""The fields of an entry, in order."""
_APART = ("actor", "subjects", "permission")
"""The members of the metadata that are fields of their own; all others together are the field `meta`.

The event's id is in both: as the row holds it, and as the metadata do, which is what readers go by."""
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Bytes(Struct, frozen=True):
    """One event as the log holds it."""

    tenant: UUID
    generation: int
    position: int
    recorded_at: datetime
    stream: str
    version: int
    type: str
    event: UUID
    meta: bytes
    body: bytes
    salt: bytes


def leaf(event: Bytes) -> bytes:
    """The entry of an event: format version ‖ its fields' digests in the order of `NAMES`, 417 bytes."""
    extracted = extract(event.salt)
    return FORMAT + b"".join([_digest(extracted, name.encode(), raw) for name, raw in parts(event)])


def digest(salt: bytes, name: str, raw: bytes) -> bytes:
    """One field's digest, 32 bytes."""
    return _digest(extract(salt), name.encode(), raw)


def openings(event: Bytes) -> Iterator[tuple[str, bytes, bytes]]:
    """Each field's name, salt_i (32 bytes) and bytes: who has the last two can check that field, and guess at no other.

    Raises as `parts` does.
    """
    extracted = extract(event.salt)
    for name, raw in parts(event):
        yield name, expand(extracted, name.encode()), raw


def _digest(extracted: bytes, name: bytes, raw: bytes) -> bytes:
    return sha256(expand(extracted, name) + name + raw).digest()


def parts(event: Bytes) -> Iterator[tuple[str, bytes]]:
    """Each field, by name and as bytes.

    Whole numbers are 8 bytes, the highest first, recorded_at in microseconds since 1970; UUIDs are their 16 bytes;
    stream and type are UTF-8; members of the metadata are the JSON that is recorded, nothing where they are missing;
    what is left of the metadata is the recorded JSON without those members, in its order and without blanks.

    Raises `msgspec.DecodeError` where the metadata are not a JSON object.
    """
    meta = msgspec.json.decode(event.meta, type=dict[str, Raw])
    rest = b",".join(b'"%b":%b' % (name.encode(), bytes(raw)) for name, raw in meta.items() if name not in _APART)
    yield "tenant", event.tenant.bytes
    yield "generation", _number(event.generation)
    yield "position", _number(event.position)
    yield "recorded_at", _number((event.recorded_at - _UNIX) // _MICROSECOND)
    yield "stream", event.stream.encode()
    yield "version", _number(event.version)
    yield "type", event.type.encode()
    yield "event", event.event.bytes
    for name in _APART:
        yield name, bytes(meta.get(name, Raw(b"")))
    yield "meta", b"{%b}" % rest
    yield "body", event.body


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)
