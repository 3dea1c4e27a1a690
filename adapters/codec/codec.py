"""Facts and their metadata as the log keeps them."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from adapters.codec import meta as metas
from adapters.codec.shape import ABOUT, MARK, Shape, shapes
from adapters.crypto import SubjectKey
from domain.kernel import Decider, Erased, Fact, Meta, Recorded, Sealed, Unreadable

Raw = tuple[int, str, int, str, datetime, bytes, bytes, int]
"""position, stream, version, type, recorded at, meta, body, generation."""
KeyOf = Callable[[UUID], SubjectKey]

_BLOCK = 16
_PADS = [b" " * each for each in range(_BLOCK)]
_HIDDEN = (Sealed, Erased)
_encode = msgspec.json.Encoder().encode


class Illegal(Exception):
    """A fact cannot be recorded as it is given."""


class Codec:
    """All facts of the program. Building one looks at each type once, and refuses what could not be stored."""

    def __init__(self, deciders: Iterable[Decider[Any]]) -> None:
        """Raises `TypeError`, with the fact and the reason."""
        self.deciders = tuple(deciders)
        self.shapes = shapes(self.deciders)
        self._by_type = {each.fact: each for each in self.shapes.values()}

    def of(self, fact: Fact) -> Shape:
        """Raises `Illegal` for a fact of no decider."""
        try:
            return self._by_type[type(fact)]
        except KeyError:
            raise Illegal(f"{type(fact).__qualname__} belongs to no decider that this program was given.") from None

    def subjects(self, fact: Fact, own: UUID) -> Iterator[UUID]:
        """Whose data the personal fields are; `own` is the stream's subject."""
        for field in self.of(fact).personal:
            yield getattr(fact, field.about) if field.about else own

    def unique(self, fact: Fact) -> Iterator[tuple[str, str]]:
        """Scope and value of what the fact wants to be the only one to hold; nothing is reserved for an empty value."""
        for each in self.of(fact).unique:
            if (value := getattr(fact, each.name)) not in (None, ""):
                yield each.scope, str(value)

    def encode(self, fact: Fact, stream: str, version: int, key_of: KeyOf, subject_of: UUID | None = None) -> bytes:
        """A fact's body: JSON with its tag, in which each personal field is a box in base 64.

        `subject_of` is the stream's own subject, where the caller has read it from the name already.

        A field at its default or empty is sealed like any other, so that not even this can be read off a body, and what
        is sealed is padded to multiples of 16 bytes. Raises `Illegal` for a value that is sealed or erased.
        """
        shape = self.of(fact)
        if not shape.personal:
            return _encode(fact)
        values = list(shape.values(fact))
        own = key_of(subject_of or subject(stream)) if shape.own else None
        place = f"{stream}@{version}"
        for index, suffix, about in shape.sealed:
            key = key_of(getattr(fact, about)) if own is None or about else own
            values[index] = seal(values[index], key, place + suffix)
        return _encode(shape.twin(*values))

    def encode_meta(
        self, meta: Meta, stream: str, version: int, key_of: KeyOf, told: metas.Told | None = None
    ) -> bytes:
        """Metadata: JSON, with the circumstances sealed under the actor's key; what is `told` replaces their own.

        Raises `Illegal`.
        """
        box = None
        if meta.circumstances is not None:
            box = seal(meta.circumstances, key_of(meta.actor.id), f"{stream}@{version}#{metas.PATH}")
        return metas.encode(meta, box, told or metas.Told(meta.event, meta.schema, meta.subjects))

    def decode(self, raw: Raw) -> Recorded:
        """An event with its personal values left sealed. Never raises: what cannot be read is `Unreadable`.

        The metadata wait until they are asked for; they are `NOBODY` where they cannot be read.
        """
        position, stream, version, tag, at, meta_bytes, body, generation = raw
        place = f"{stream}@{version}"
        try:
            fact = self._fact(tag, metas.schema(meta_bytes), stream, place, body)
        except (msgspec.MsgspecError, ValueError, LookupError, TypeError) as problem:
            fact = Unreadable(tag, _why(problem))
        return Recorded(position, stream, version, at, metas.Unread(meta_bytes, place), fact, tag, generation)

    def _fact(self, tag: str, schema: int, stream: str, place: str, body: bytes) -> Fact:
        shape = self.shapes.get(tag)
        if shape is None:
            return Unreadable(tag, "no fact of this program has this tag")
        if schema != shape.schema:
            return self._older(shape, schema, stream, place, body)
        stored = shape.decoder.decode(body)
        if not shape.personal:
            return stored  # type: ignore[no-any-return] # the decoder is of this shape's fact
        values = list(shape.values(stored))
        own = subject(stream)
        for index, suffix, about in shape.sealed:
            box = values[index]
            values[index] = (
                shape.defaults[index]()
                if box is None
                else Sealed(getattr(stored, about) if about else own, place + suffix, box)
            )
        return shape.fact(*values)

    def _older(self, shape: Shape, schema: int, stream: str, place: str, body: bytes) -> Fact:
        """What an earlier schema of a tag has become.

        The upcasters run on the decoded body with personal values left sealed in it: they may move, rename and drop
        them, but not look into them. So no replay waits for keys, and a body whose keys are gone is led on like any.
        """
        if schema > shape.schema:
            return Unreadable(shape.tag, f"schema {schema} is of a later program; this one knows {shape.schema}")
        found = msgspec.json.decode(body, type=dict[str, Any])
        known: dict[str, Any] = {}
        for key, value in found.items():
            if key.startswith(MARK):
                name, _, about = key[len(MARK) :].partition(ABOUT)
                whose = UUID(found[about]) if about else subject(stream)
                known[name] = Sealed(whose, f"{place}#{shape.tag}.{name}", b64decode(value))
            elif key != "type":
                known[key] = value
        for number in range(schema, shape.schema):
            known = shape.upcasts[number](known)
        return msgspec.convert({"type": shape.tag, **known}, shape.fact)


@lru_cache(20_000)
def subject(stream: str) -> UUID:
    """The subject that a stream is about by itself: its identifier."""
    # msgspec reads one faster than UUID does.
    return msgspec.convert(stream[-36:], UUID)


def seal(value: Any, key: SubjectKey, binding: str) -> bytes:
    """A value's JSON, padded with spaces that JSON passes over. Raises `Illegal` for one that is sealed or erased."""
    if isinstance(value, _HIDDEN):
        raise Illegal(f"{binding} is {type(value).__name__.lower()}: only what is in the clear can be recorded.")
    plain = _encode(value)
    return key.seal(plain + _PADS[-len(plain) % _BLOCK], binding)


def _why(problem: Exception) -> str:
    """What is wrong with an event, without a value of it."""
    if isinstance(problem, msgspec.ValidationError):
        return f"does not fit its type at {str(problem).rpartition(' - at ')[2]}"
    return f"cannot be read ({type(problem).__name__})"
