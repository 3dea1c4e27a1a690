"""What an event changed in its stream, field by field."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from domain.kernel import Erased, Sealed


class Change(Struct, frozen=True):
    field: str
    """Names joined by dots, as `captured.email`."""
    before: Any
    after: Any


def changes(before: Any, after: Any) -> list[Change]:
    """Field by field, what differs between two states; a part that was not there before has None in each field."""
    return list(_changes("", before, after))


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    names = _fields(before, after)
    if not names:
        yield Change(path, before, after)
    for name in names:
        inner = f"{path}.{name}" if path else name
        yield from _changes(inner, getattr(before, name, None), getattr(after, name, None))


def _fields(before: Any, after: Any) -> tuple[str, ...]:
    """The fields to look at one by one: those of a struct that became another of its kind, came or went."""
    kinds = {type(each) for each in (before, after) if each is not None}
    if len(kinds) != 1:
        return ()
    [kind] = kinds
    return kind.__struct_fields__ if issubclass(kind, Struct) and not issubclass(kind, Sealed | Erased) else ()
