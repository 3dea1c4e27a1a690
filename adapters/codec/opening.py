"""Sealed values opened, wherever they stand in facts, states, rows and collections of them."""

from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters.codec import meta
from adapters.codec.codec import Codec
from adapters.codec.fields import Fields
from adapters.codec.shape import clear, holds_sealed
from adapters.crypto import SubjectKey
from domain.kernel import Erased, Sealed

KeyOf = Callable[[UUID], SubjectKey | Erased | None]
"""A subject's key, `Erased` where it is gone, None where it is not at hand."""


class Opener:
    """Knows what every sealed value is in the clear, by the path it was recorded under."""

    def __init__(self, codec: Codec) -> None:
        known = {field.path: field.type for shape in codec.shapes.values() for field in shape.personal}
        known[meta.PATH] = meta.CIRCUMSTANCES
        self._decoders = {path: msgspec.json.Decoder(type) for path, type in known.items()}
        self.fields = Fields(self._decoders)

    def open(self, value: Any, key_of: KeyOf) -> tuple[Any, set[UUID]]:
        """A copy with everything opened, and the subjects whose keys were not at hand (their values stay sealed).

        Raises `tenants.keys.Misplaced` for a value that was not recorded in this place.
        """
        walk = _Walk(self._decoders, key_of)
        return walk.value(value, Any), walk.missing


class _Walk:
    def __init__(self, decoders: dict[str, msgspec.json.Decoder[Any]], key_of: KeyOf) -> None:
        self._decoders = decoders
        self._key_of = key_of
        self._keys: dict[int, SubjectKey | Erased | None] = {}
        """By the integers of subjects, which hash many times faster: a batch is often about a few of them."""
        self.missing: set[UUID] = set()

    def value(self, value: Any, hint: Any) -> Any:
        if type(value) is Sealed:
            return self._sealed(value, hint)
        if isinstance(value, Struct):
            return self._struct(value() if type(value) is meta.Unread else value)
        if isinstance(value, tuple):
            sealed, inner = self._sealed, self.value
            opened = [sealed(each, Any) if type(each) is Sealed else inner(each, Any) for each in value]
            return type(value)._make(opened) if hasattr(value, "_make") else tuple(opened)
        if isinstance(value, list):
            return [self.value(each, Any) for each in value]
        if isinstance(value, dict):
            return {key: self.value(each, Any) for key, each in value.items()}
        return value

    def _struct(self, value: Struct) -> Struct:
        changed = {}
        for name, hint in _plan(type(value)):
            before = getattr(value, name)
            after = self.value(before, hint)
            if after is not before:
                changed[name] = after
        return replace(value, **changed) if changed else value

    def _sealed(self, value: Sealed, hint: Any) -> Any:
        key = self._key(value.subject)
        if key is None:
            self.missing.add(value.subject)
            return value
        if isinstance(key, Erased):
            return key
        binding = value.binding
        plain = key.open(value.box, binding)
        decoder = self._decoders.get(binding[binding.find("#") + 1 :])
        # A field that has another name by now: what holds the value knows its type.
        return decoder.decode(plain) if decoder else msgspec.json.decode(plain, type=clear(hint))

    def _key(self, subject: UUID) -> SubjectKey | Erased | None:
        number = subject.int
        if number not in self._keys:
            self._keys[number] = self._key_of(subject)
        return self._keys[number]


@cache
def _plan(kind: type[Struct]) -> tuple[tuple[str, Any], ...]:
    """The fields in which something sealed may stand, with their types."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple((name, hints[name]) for name in kind.__struct_fields__ if holds_sealed(hints[name]))
