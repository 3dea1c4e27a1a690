"""How each type of fact is stored: the twin of its struct, in which personal fields are ciphertexts."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, Struct, defstruct
from msgspec.structs import FieldInfo, fields

from domain.kernel import Decider, Erased, Fact, Sealed, Upcast

MARK = "*"
"""Begins the name of each sealed field in a stored body, which so tells by itself what is sealed in it."""
ABOUT = "@"
"""Begins, behind the field's name, that of the field which holds its subject, where that is not the stream's own."""


class Field(Struct, frozen=True):
    """A personal field of a fact."""

    index: int
    name: str
    path: str
    """`<tag>.<name>`: what the field's ciphertexts are bound to, besides stream and version."""
    about: str
    """The field that holds the subject; "" for the stream's own."""
    type: Any
    """What the value is in the clear."""

    @property
    def suffix(self) -> str:
        """Ends the binding of the field's ciphertexts."""
        return f"#{self.path}"


class Unique(Struct, frozen=True):
    """A field whose values are one of their kind in a tenant."""

    name: str
    scope: str


class Shape(Struct, frozen=True):
    """One type of fact."""

    fact: type[Fact]
    tag: str
    schema: int
    names: tuple[str, ...]
    personal: tuple[Field, ...]
    own: bool
    """Whether a personal field is about the stream's own subject."""
    sealed: tuple[tuple[int, str, str], ...]
    """Index, suffix and `about` of each personal field."""
    unique: tuple[Unique, ...]
    twin: type[Struct]
    """The fact itself where nothing in it is personal."""
    values: Callable[[Any], tuple[Any, ...]]
    """All fields of a fact or of its twin, in order."""
    decoder: msgspec.json.Decoder[Any]
    defaults: Mapping[int, Callable[[], Any]]
    """Of the personal fields that have one, by index."""
    upcasts: Mapping[int, Upcast]
    """By the schema that each reads."""


def shapes(deciders: tuple[Decider[Any], ...]) -> dict[str, Shape]:
    """Every type of fact by its tag. Raises `TypeError` where one cannot be stored, with the reason."""
    found: dict[str, Shape] = {}
    for decider in deciders:
        for fact in get_args(decider.facts) or (decider.facts,):
            made = shape(fact, decider.upcasts)
            if made.tag in found:
                raise TypeError(f"The tag {made.tag} is used twice.")
            found[made.tag] = made
    return found


def shape(fact: type[Fact], upcasts: Mapping[tuple[str, int], Upcast]) -> Shape:
    """Raises `TypeError`."""
    tag = fact.__struct_config__.tag
    if not isinstance(tag, str):
        raise TypeError(f"{fact.__qualname__} has no tag.")
    hints = get_type_hints(fact, include_extras=True)
    infos = fields(fact)
    personal = tuple(_personal(infos, hints, tag))
    chain = {number: upcasts[tag, number] for number in range(1, fact.schema) if (tag, number) in upcasts}
    if len(chain) != fact.schema - 1:
        raise TypeError(f"{tag} has schema {fact.schema}, but not an upcaster from each earlier one.")
    twin = _twin(fact, tag, infos, personal) if personal else fact
    names = fact.__struct_fields__
    return Shape(
        fact=fact,
        tag=tag,
        schema=fact.schema,
        names=names,
        personal=personal,
        own=any(not each.about for each in personal),
        sealed=tuple((each.index, each.suffix, each.about) for each in personal),
        unique=tuple(Unique(name, extra(hints[name])["unique"]) for name in names if "unique" in extra(hints[name])),
        twin=twin,
        values=_values(names),
        decoder=msgspec.json.Decoder(twin),
        defaults={each.index: default for each in personal if (default := _default(infos[each.index]))},
        upcasts=chain,
    )


def extra(hint: Any) -> dict[str, Any]:
    """What the annotations of a type say, from the inside out; those behind `| None` count too."""
    if get_origin(hint) is Annotated:
        inner, *metas = get_args(hint)
        found = extra(inner)
        for meta in metas:
            found = found | (meta.extra or {} if isinstance(meta, msgspec.Meta) else {})
        return found
    if get_origin(hint) in (Union, UnionType):
        return {key: value for each in get_args(hint) for key, value in extra(each).items()}
    return {}


def clear(hint: Any) -> Any:
    """The type of a personal value in the clear: without `Sealed` and `Erased`."""
    if get_origin(hint) is Annotated:
        return clear(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        kept = [clear(each) for each in get_args(hint) if each not in (Sealed, Erased)]
        return Union[tuple(kept)]  # noqa: UP007 - the members are known at run time only
    return hint


def holds_sealed(hint: Any) -> bool:
    """Whether a value of this type may have something sealed in it."""
    return _holds(hint, frozenset())


def _holds(hint: Any, seen: frozenset[Any]) -> bool:
    if hint in (Sealed, Any, object):
        return True
    if isinstance(hint, type) and issubclass(hint, Struct):
        if hint in seen:
            return False
        # A base class stands for whatever is derived from it.
        within = get_type_hints(hint, include_extras=True)
        return not hint.__struct_fields__ or any(_holds(within[name], seen | {hint}) for name in hint.__struct_fields__)
    arguments = get_args(hint)
    return (not isinstance(hint, type) and not arguments) or any(_holds(each, seen) for each in arguments)


def _personal(infos: tuple[FieldInfo, ...], hints: dict[str, Any], tag: str) -> list[Field]:
    found = []
    for index, info in enumerate(infos):
        said = extra(hints[info.name])
        if said.get("personal"):
            about = said.get("subject", "")
            if about and about not in hints:
                raise TypeError(f"{tag}.{info.name} names a subject {about} that the fact does not have.")
            found.append(Field(index, info.name, f"{tag}.{info.name}", about, clear(hints[info.name])))
        elif _within(hints[info.name]):
            raise TypeError(f"{tag}.{info.name} has something personal in it: declare the whole field as Personal.")
    return found


def _within(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, Struct):
        return any(_within(each) for each in get_type_hints(hint, include_extras=True).values())
    return bool(extra(hint).get("personal")) or any(_within(each) for each in get_args(hint) if each is not hint)


def _twin(fact: type[Fact], tag: str, infos: tuple[FieldInfo, ...], personal: tuple[Field, ...]) -> type[Struct]:
    stored = {each.name: MARK + each.name + (ABOUT + each.about if each.about else "") for each in personal}
    members: list[Any] = []
    for info in infos:
        optional = info.default is not NODEFAULT or info.default_factory is not NODEFAULT
        if info.name in stored:
            # A field that came later is missing in what was recorded before.
            members.append((info.name, bytes | None, None) if optional else (info.name, bytes))
        else:
            members.append((info.name, info.type, _given(info)) if optional else (info.name, info.type))
    return defstruct(f"{fact.__name__}Stored", members, tag=tag, frozen=True, gc=False, rename=stored)


def _given(info: FieldInfo) -> Any:
    if info.default is not NODEFAULT:
        return info.default
    return msgspec.field(default_factory=info.default_factory)


def _default(info: FieldInfo) -> Callable[[], Any] | None:
    if info.default is not NODEFAULT:
        return lambda: info.default
    return info.default_factory if info.default_factory is not NODEFAULT else None


def _values(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)
