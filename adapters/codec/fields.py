"""Rows of one type opened, field by field: what `Opener` does for anything, without looking where it might stand.

A page of rows is the same few fields many times over, each row about one subject.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from adapters.crypto import SubjectKey
from domain.kernel import Erased, Sealed


class Elsewhere(Exception):
    """Something sealed may stand within a field's value, or was recorded under a name that no fact has any more."""


class Opened(NamedTuple):
    rows: list[dict[str, Any]]
    """Of each row the fields that were sealed, by name: open, or `Erased`."""
    missing: set[UUID]
    """The subjects whose keys were not at hand."""


class Fields:
    """`decoders` read what was recorded under a path, as `Opener` has them."""

    def __init__(self, decoders: Mapping[str, msgspec.json.Decoder[Any]]) -> None:
        self._decoders = decoders
        self._met: dict[tuple[type, str], Way] = {}

    def open(
        self, rows: Sequence[Struct], names: Sequence[str], key_of: Callable[[UUID], SubjectKey | Erased | None]
    ) -> Opened:
        """Raises `Elsewhere`, and `tenants.keys.Misplaced` for a value that was not recorded in this place."""
        found = Opened([], set())
        for row in rows:
            opened: dict[str, Any] = {}
            whose, key = -1, None
            for name in names:
                value = getattr(row, name)
                if type(value) is not Sealed:
                    _must_be_plain(value)
                    continue
                subject = value.subject
                if subject.int != whose:
                    whose, key = subject.int, key_of(subject)
                if key is None:
                    found.missing.add(subject)
                elif type(key) is Erased:
                    opened[name] = key
                else:
                    binding = value.binding
                    suffix, decode = self._met.get((type(row), name)) or _NOWHERE
                    if not binding.endswith(suffix):
                        decode = self._way(type(row), name, binding).decode
                    opened[name] = decode(key.open(value.box, binding))  # type: ignore[union-attr] # neither None nor Erased
            found.rows.append(opened)
        return found

    def _way(self, kind: type, name: str, binding: str) -> "Way":
        path = binding.partition("#")[2]
        if (decoder := self._decoders.get(path)) is None:
            raise Elsewhere(path)
        way = self._met[kind, name] = Way(f"#{path}", decoder.decode)
        return way


class Way(NamedTuple):
    """What ends the bindings of a field's values, as they were last met, and what reads such a value."""

    suffix: str
    decode: Callable[[bytes], Any]


_NOWHERE = Way("\0", bytes)


def _must_be_plain(value: Any) -> None:
    if isinstance(value, tuple | list | dict) or (isinstance(value, Struct) and type(value) is not Erased):
        raise Elsewhere
