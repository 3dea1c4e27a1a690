"""The columns that a row type's fields are stored in."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from msgspec import Struct

from adapters.postgres import arrays
from adapters.postgres.arrays import Kind

_KINDS: dict[Any, Kind] = {
    str: arrays.TEXT,
    UUID: arrays.UUID,
    int: arrays.BIGINT,
    float: arrays.FLOAT,
    datetime: arrays.TIME,
    date: arrays.DAY,
    bool: arrays.BOOL,
    bytes: arrays.BYTES,
}


class Lookup(Struct, frozen=True):
    """A column of tokens, by which a personal value, or a field of one, is found without being opened."""

    column: str
    name: str
    """As queries name it: the field's name, or `field.part`."""
    part: str
    """The field of the value; "" for the value itself."""


class Column(Struct, frozen=True):
    """How a field is stored. `encode` and `decode` lead from its value to what the database gets, and back."""

    name: str
    kind: Kind
    hint: Any
    optional: bool = False
    personal: bool = False
    lookups: tuple[Lookup, ...] = ()
    encode: Callable[[Any], bytes] | None = None
    decode: Callable[[bytes], Any] | None = None

    @property
    def plain(self) -> bool:
        """Whether the database sees the value itself, and can compare it."""
        return self.encode is None

    def values(self, rows: Sequence[Struct]) -> list[Any]:
        values = map(attrgetter(self.name), rows)
        encode = self.encode
        return list(values) if encode is None else [None if each is None else encode(each) for each in values]


def columns(row: type[Struct]) -> tuple[Column, ...]:
    """In the order of the fields, the key first."""
    hints = get_type_hints(row, include_extras=True)
    return tuple(_column(name, hints[name]) for name in row.__struct_fields__)


def _column(name: str, hint: Any) -> Column:
    bare, optional, extra = _unwrap(hint)
    if extra.get("personal"):
        found = extra.get("lookup", ())
        parts: tuple[str, ...] = ("",) if found is True else tuple(found)
        lookups = tuple(_lookup(name, part) for part in parts)
        decode = msgspec.msgpack.Decoder(hint).decode
        return Column(name, arrays.BYTES, hint, optional, personal=True, lookups=lookups, encode=_pack, decode=decode)
    if bare in _KINDS:
        return Column(name, _KINDS[bare], hint, optional)
    if get_origin(bare) is Literal and all(isinstance(each, str) for each in get_args(bare)):
        return Column(name, arrays.TEXT, hint, optional)
    return Column(name, arrays.BYTES, hint, optional, encode=_json, decode=msgspec.json.Decoder(hint).decode)


def _lookup(name: str, part: str) -> Lookup:
    return Lookup(f"{name}_{part}_token", f"{name}.{part}", part) if part else Lookup(f"{name}_token", name, "")


def _unwrap(hint: Any) -> tuple[Any, bool, dict[str, Any]]:
    """The type itself, whether it may be None, and what its annotations say."""
    if get_origin(hint) is Annotated:
        bare, optional, extra = _unwrap(get_args(hint)[0])
        for each in get_args(hint)[1:]:
            extra = extra | (each.extra or {} if isinstance(each, msgspec.Meta) else {})
        return bare, optional, extra
    if get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
        rest = [each for each in get_args(hint) if each is not NoneType]
        if len(rest) > 1:
            return hint, True, {}
        bare, _, extra = _unwrap(rest[0])
        return bare, True, extra
    return hint, False, {}


_json = msgspec.json.Encoder(order="deterministic").encode
_pack = msgspec.msgpack.Encoder(order="deterministic").encode
