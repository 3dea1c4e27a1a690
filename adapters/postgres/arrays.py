"""Columns of a batch as PostgreSQL arrays in binary: psycopg's own array dumpers are pure Python per value and slow.

Measured for 5,000 rows of eight columns: packing 4 µs a row and inserting from `unnest` 6 µs, against 3 and 13 for one
JSON parameter with `json_to_recordset`. COPY would need a temporary table: it is refused under row-level security.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from struct import Struct
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_NULL = b"\xff\xff\xff\xff"
_length = Struct(">i").pack
_long = Struct(">iq").pack
_double = Struct(">id").pack
_day = Struct(">ii").pack
_head = Struct(">iiiii").pack
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST = date(2000, 1, 1)
_UUID = _length(16)
_BOOL = (_length(1) + b"\0", _length(1) + b"\1")


class Packed:
    """An array as the bytes that go over the wire; each element type has a class of its own, which names it."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class Kind:
    """How values of one type become an array. `name` is PostgreSQL's for the type, in lower case."""

    def __init__(self, name: str, oid: int, array: int, pack: Callable[[Any], bytes], *, often: bool = False) -> None:
        """`often` says that the same value is likely to come again in a batch."""
        self.name = name
        self._often = often
        self._oid = oid
        self._pack = pack
        self._type = type(f"Packed_{oid}", (Packed,), {"__slots__": ()})
        psycopg.adapters.register_dumper(self._type, type(f"Dumper_{oid}", (_Dumper,), {"oid": array}))

    def array(self, values: Sequence[Any]) -> Packed:
        """Raises whatever `struct` or the value raises where one is not of the type."""
        if self._often:
            packs = _Packs(self._pack)
            body = b"".join([packs[value] for value in values])
        else:
            pack = self._pack
            body = b"".join([_NULL if value is None else pack(value) for value in values])
        packed: Packed = self._type(_head(1, 1, self._oid, len(values), 1) + body)
        return packed


class _Packs(dict[Any, bytes]):
    def __init__(self, pack: Callable[[Any], bytes]) -> None:
        super().__init__({None: _NULL})
        self._pack = pack

    def __missing__(self, value: Any) -> bytes:
        self[value] = packed = self._pack(value)
        return packed


class _Dumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Packed) -> Buffer | None:
        return obj.data


def _text(value: str) -> bytes:
    data = value.encode()
    return _length(len(data)) + data


def _bytes(value: bytes) -> bytes:
    return _length(len(value)) + value


def _time(value: datetime) -> bytes:
    since = value - _EPOCH
    # Microseconds in whole numbers: dividing one span of time by another takes twice as long.
    return _long(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


TEXT = Kind("text", 25, 1009, _text, often=True)
UUID = Kind("uuid", 2950, 2951, lambda value: _UUID + value.int.to_bytes(16, "big"))
BIGINT = Kind("bigint", 20, 1016, lambda value: _long(8, value))
FLOAT = Kind("double precision", 701, 1022, lambda value: _double(8, value))
TIME = Kind("timestamp with time zone", 1184, 1185, _time, often=True)
DAY = Kind("date", 1082, 1182, lambda value: _day(4, (value - _FIRST).days))
BOOL = Kind("boolean", 16, 1000, lambda value: _BOOL[value])
BYTES = Kind("bytea", 17, 1001, _bytes)


def arrays(kinds: Iterable[Kind], columns: Iterable[Sequence[Any]]) -> list[Packed]:
    return [kind.array(values) for kind, values in zip(kinds, columns, strict=True)]
