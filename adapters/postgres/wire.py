"""PostgreSQL's binary form of one-dimensional arrays.

An element is its length (4 bytes) and its bytes; length -1 is null. psycopg's own array dumpers are pure Python and
look at every element; here a column is a few calls, whose loops are Python's own C.
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from uuid import UUID

BOOL, BYTEA, INT8, INT4, TEXT, UUIDS = 16, 17, 20, 23, 25, 2950
ARRAY_OF = {BYTEA: 1001, INT8: 1016, INT4: 1007, TEXT: 1009, UUIDS: 2951}
NULL = struct.pack(">i", -1)

_HEADER = struct.Struct(">iiIii")
_SIXTEEN = b"\x00\x00\x00\x10"
_LENGTH = struct.Struct(">i").pack
_INT4 = struct.Struct(">ii")
_INT8 = struct.Struct(">iq")


def array(kind: int, count: int, pieces: Iterable[bytes]) -> bytes:
    """The whole array of `count` elements, which the pieces hold. 1 says that there may be nulls."""
    if not count:
        return struct.pack(">iiI", 0, 0, kind)
    return _HEADER.pack(1, 1, kind, count, 1) + b"".join(pieces)


def blob(value: bytes) -> bytes:
    return _LENGTH(len(value)) + value


def text(value: str) -> bytes:
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


def uuid(value: UUID) -> bytes:
    return _SIXTEEN + value.int.to_bytes(16, "big")


def int4(value: int) -> bytes:
    return _INT4.pack(4, value)


def int8(value: int) -> bytes:
    return _INT8.pack(8, value)


def blobs(values: Sequence[bytes]) -> bytes:
    """An array of bytea."""
    return array(BYTEA, len(values), chain.from_iterable(zip(map(_LENGTH, map(len, values)), values, strict=True)))


def texts(values: Sequence[str | None]) -> bytes:
    """An array of text. Many are often one and the same."""
    known = {value: NULL if value is None else text(value) for value in dict.fromkeys(values)}
    return array(TEXT, len(values), [known[value] for value in values])


def uuids(values: Sequence[UUID]) -> bytes:
    return array(UUIDS, len(values), [_SIXTEEN + value.int.to_bytes(16, "big") for value in values])


def int4s(values: Sequence[int]) -> bytes:
    return array(INT4, len(values), map(_INT4.pack, [4] * len(values), values))


def int8s(values: Sequence[int]) -> bytes:
    return array(INT8, len(values), map(_INT8.pack, [8] * len(values), values))
