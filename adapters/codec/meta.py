"""Metadata as bytes, the circumstances sealed in them."""

from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
from msgspec import NODEFAULT, Struct, defstruct
from msgspec.structs import fields

from adapters.codec.shape import MARK
from domain.kernel import NOBODY, Circumstances, Meta, Sealed

PATH = "meta.circumstances"
_SUFFIX = f"#{PATH}"
CIRCUMSTANCES = Circumstances
_EVENT, _SCHEMA, _SUBJECTS, _CIRCUMSTANCES = map(
    Meta.__struct_fields__.index, ("event", "schema", "subjects", "circumstances")
)


def _twin() -> type[Struct]:
    """`Meta`, in which the circumstances are a ciphertext."""
    members: list[object] = []
    for info in fields(Meta):
        if info.name == "circumstances":
            members.append((info.name, bytes | None, None))
        elif info.default is NODEFAULT:
            members.append((info.name, info.type))
        else:
            members.append((info.name, info.type, info.default))
    named = {"circumstances": MARK + "circumstances"}
    return defstruct("MetaStored", members, frozen=True, gc=False, omit_defaults=True, rename=named)  # type: ignore[arg-type] # the stub wants one kind of tuple


STORED = _twin()
_values = attrgetter(*Meta.__struct_fields__)
_told = attrgetter("event", "schema", "subjects")
_encode = msgspec.json.Encoder().encode
_stored: msgspec.json.Decoder[Any] = msgspec.json.Decoder(STORED)


class Told(Struct, frozen=True, gc=False):
    """What an append adds to the metadata that its events share."""

    event: UUID
    schema: int
    subjects: tuple[UUID, ...]


def encode(meta: Meta, box: bytes | None, told: Told) -> bytes:
    """JSON without the members that have nothing to say; `box` is the circumstances' ciphertext."""
    values = list(_values(meta))
    values[_EVENT], values[_SCHEMA], values[_SUBJECTS], values[_CIRCUMSTANCES] = *_told(told), box
    return _encode(STORED(*values))


class Schemed(Struct, frozen=True, gc=False):
    """Metadata as far as reading the fact needs them."""

    schema: int = 1


_schemed = msgspec.json.Decoder(Schemed)


class Unread(Struct, frozen=True, gc=False):
    """Metadata as they are stored, at `place`, which is `<stream>@<version>`."""

    raw: bytes
    place: str

    def __call__(self) -> Meta:
        """Never raises: what cannot be read is `NOBODY`'s."""
        try:
            return decode(self.raw, self.place)
        except (msgspec.MsgspecError, ValueError):
            return NOBODY


def schema(raw: bytes) -> int:
    """Of the fact beside the metadata. Raises `msgspec.DecodeError`."""
    return _schemed.decode(raw).schema


def decode(raw: bytes, place: str) -> Meta:
    """`place` is `<stream>@<version>`. Raises `msgspec.DecodeError`."""
    stored = _stored.decode(raw)
    # The circumstances are the last field.
    *others, box = _values(stored)
    sealed = Sealed(stored.actor.id, place + _SUFFIX, box) if box else None
    return Meta(*[*others, sealed])
