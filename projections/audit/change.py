"""What an event changed in its stream, field by field."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from domain.kernel import Erased, Sealed


class Change(Struct, frozen=True):
    field: str
    """Names joined by dots, as `captured.email`; in a mapping, its key, as `roles.<uuid>`."""
    before: Any
    after: Any


def changes(before: Any, after: Any) -> list[Change]:
    """Field by field, what differs between two states; a part that was not there before has None in each field."""
    return list(_changes("", before, after))


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    kinds = {type(each) for each in (before, after) if each is not None}
    # The parts to look at one by one: of what became another of its kind, came or went.
    was, became = (_parts(each) if len(kinds) == 1 else {} for each in (before, after))
    names = dict.fromkeys([*was, *became])
    if not names:
        yield Change(path, before, after)
    for name in names:
        yield from _changes(f"{path}.{name}" if path else f"{name}", was.get(name), became.get(name))


def _parts(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, Struct) and not isinstance(value, Sealed | Erased):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    return value if isinstance(value, Mapping) else {}
