"""A digest of a read model that is kept as its rows change: the sum of their SHA-256 digests, modulo 2**256.

The sum does not depend on the order of the rows, so a rebuilt copy gives the same one, and a changed row takes its old
digest off and puts its new one on. It tells copies apart that differ by accident or by hand in the database; whoever
may choose many rows freely could make two sums agree, so it is no proof against an author of rows.
"""

from collections.abc import Callable
from hashlib import sha256
from operator import attrgetter
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from msgspec import Struct, msgpack
from msgspec.structs import replace

SIZE = 2**256
EMPTY = bytes(32)


def digester(row: type[Struct]) -> Callable[[Any], int]:
    """A function that gives the digest of a row of this type, as a number below `SIZE`.

    It reads the row as the database will give it back: a whole number in a column of floats is a float.
    """
    encode = msgpack.Encoder(order="deterministic").encode
    from_bytes = int.from_bytes
    floats = [name for name, hint in get_type_hints(row).items() if _is_float(hint)]
    if not floats:
        return lambda each: from_bytes(sha256(encode(each)).digest(), "big")
    values = attrgetter(*floats) if len(floats) > 1 else (lambda each, get=attrgetter(floats[0]): (get(each),))

    def digest(each: Struct) -> int:
        if int in map(type, values(each)):
            each = replace(each, **{name: float(value) for name in floats if type(value := getattr(each, name)) is int})
        return from_bytes(sha256(encode(each)).digest(), "big")

    return digest


def moved(digest: bytes, change: int) -> bytes:
    """The digest after rows with a sum of `change` were added (below 0: taken off)."""
    return ((int.from_bytes(digest, "big") + change) % SIZE).to_bytes(32, "big")


def _is_float(hint: Any) -> bool:
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return set(options) - {type(None)} == {float}
