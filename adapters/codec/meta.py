"""Metadata as bytes, the circumstances sealed in them."""

from operator import attrgetter

import msgspec
from msgspec import NODEFAULT, Struct, defstruct
from msgspec.structs import fields

from adapters.codec.shape import MARK
from domain.kernel import Circumstances, Meta, Sealed

PATH = "meta.circumstances"
CIRCUMSTANCES = Circumstances
_SEALED = f'"{MARK}circumstances"'.encode()
_INDEX = Meta.__struct_fields__.index("circumstances")


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
_encode = msgspec.json.Encoder().encode
_plain = msgspec.json.Decoder(Meta)
_stored = msgspec.json.Decoder(STORED)


def encode(meta: Meta, box: bytes | None) -> bytes:
    """JSON without the members that have nothing to say; `box` is the circumstances' ciphertext."""
    if box is None:
        return _encode(meta)
    values = list(_values(meta))
    values[_INDEX] = box
    return _encode(STORED(*values))


def decode(raw: bytes, place: str) -> Meta:
    """`place` is `<stream>@<version>`. Raises `msgspec.DecodeError`."""
    if _SEALED not in raw:
        return _plain.decode(raw)
    stored = _stored.decode(raw)
    values = list(_values(stored))
    if box := values[_INDEX]:
        values[_INDEX] = Sealed(values[1].id, f"{place}#{PATH}", box)
    return Meta(*values)
