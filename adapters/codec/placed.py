"""Whether sealed values stand where they were recorded: what was moved as a whole, binding and all, would open."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from domain.kernel import Fact, Sealed


def placed(value: Any, stream: str) -> bool:
    """Whether all that is sealed in a stream's state is of that stream, and in a fact of the very field."""
    return all(
        each.binding.startswith(f"{stream}@") and each.binding.endswith(field) for each, field in _sealed(value, "")
    )


def _sealed(value: Any, field: str) -> Iterator[tuple[Sealed, str]]:
    """Each sealed value, and how its binding ends as far as its place says."""
    if type(value) is Sealed:
        yield value, field
    elif isinstance(value, Struct):
        tag = f"#{value.__struct_config__.tag}." if isinstance(value, Fact) else ""
        for name in value.__struct_fields__:
            yield from _sealed(getattr(value, name), f"{tag}{name}" if tag else "")
    elif isinstance(value, dict):
        for each in value.values():
            yield from _sealed(each, "")
    elif isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from _sealed(each, field)
