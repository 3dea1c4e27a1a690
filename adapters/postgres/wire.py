"""PostgreSQL's binary form of one-dimensional arrays, put together from pieces that are encoded ahead.

An element is its length (4 bytes) and its bytes; length -1 is null. psycopg's own array dumpers are pure Python and
look at every element; a drain only joins what its callers' threads have prepared.
"""

import struct
from collections.abc import Iterable, Sequence
from uuid import UUID

BOOL, BYTEA, INT8, INT4, TEXT, UUIDS = 16, 17, 20, 23, 25, 2950
ARRAY_OF = {BYTEA: 1001, INT8: 1016, INT4: 1007, TEXT: 1009, UUIDS: 2951}
NULL = struct.pack(">i", -1)

_HEADER = struct.Struct(">iiIii")
_SIXTEEN = b"\x00\x00\x00\x10"
_LENGTH = struct.Struct(">i")
_INT4 = struct.Struct(">ii")
_INT8 = struct.Struct(">iq")


def array(kind: int, count: int, pieces: Iterable[bytes]) -> bytes:
    """The whole array of `count` elements. 1 says that there may be nulls."""
    if not count:
        return struct.pack(">iiI", 0, 0, kind)
    return _HEADER.pack(1, 1, kind, count, 1) + b"".join(pieces)


def blob(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def text(value: str) -> bytes:
    """Raises `ValueError` on what PostgreSQL's text cannot hold: the character 0 and lone surrogates."""
    encoded = value.encode()
    if b"\0" in encoded:
        raise ValueError("A text may not hold the character 0.")
    return _LENGTH.pack(len(encoded)) + encoded


def uuid(value: UUID) -> bytes:
    return _SIXTEEN + value.bytes


def int4(value: int) -> bytes:
    return _INT4.pack(4, value)


def int8(value: int) -> bytes:
    return _INT8.pack(8, value)


def blobs(values: Sequence[bytes]) -> bytes:
    pack = _LENGTH.pack
    return b"".join([piece for value in values for piece in (pack(len(value)), value)])


def texts(values: Sequence[str]) -> bytes:
    """Most of an atom's texts are one and the same."""
    first = values[0] if values else ""
    if values.count(first) == len(values):
        return text(first) * len(values)
    known = {value: text(value) for value in set(values)}
    return b"".join([known[value] for value in values])


def uuids(values: Sequence[UUID]) -> bytes:
    return b"".join([_SIXTEEN + value.bytes for value in values])


def int8s(values: Sequence[int]) -> bytes:
    pack = _INT8.pack
    return b"".join([pack(8, value) for value in values])
