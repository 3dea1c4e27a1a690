"""Facts with any values that their types allow, and keys to seal them with."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st
from msgspec import Struct

from adapters.codec import Codec, Opener
from adapters.crypto import SubjectKey
from domain.kernel import Actor, Erased, Meta, Sealed
from tests.deciders import DECIDERS

CODEC = Codec(DECIDERS)
OPENER = Opener(CODEC)
TENANT = UUID("0199f0aa-0000-7000-8000-000000000001")
AT = datetime(2026, 11, 22, tzinfo=UTC)
STREAM = "prospects/0199f0aa-0000-7000-8000-000000000002"
ACTOR = Actor("user", UUID(int=7))

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_FLOAT = st.floats(allow_nan=False, allow_infinity=False)
_LEAVES: dict[Any, Any] = {
    str: _TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    float: _FLOAT,
    bool: st.booleans(),
    bytes: st.binary(max_size=40),
    NoneType: st.none(),
    datetime: st.datetimes(timezones=st.just(UTC)),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type, personal ones in the clear."""
    made = st.from_type(hint) if hint not in _LEAVES and not get_args(hint) else _LEAVES.get(hint)
    if get_origin(hint) is Annotated:
        made = values(get_args(hint)[0])
    elif get_origin(hint) in (Union, UnionType):
        made = st.one_of([values(each) for each in get_args(hint) if each not in (Sealed, Erased)])
    elif get_origin(hint) is Literal:
        made = st.sampled_from(get_args(hint))
    elif get_origin(hint) is tuple:
        of = get_args(hint)
        made = st.lists(values(of[0]), max_size=4).map(tuple) if of[-1] is ... else st.tuples(*map(values, of))
    elif get_origin(hint) in (dict, Mapping):
        made = st.dictionaries(*map(values, get_args(hint)), max_size=4)
    elif isinstance(hint, type) and issubclass(hint, Struct):
        made = structs(hint)
    assert made is not None, hint
    return made


def structs(kind: type[Struct]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, *(values(hints[name]) for name in kind.__struct_fields__))


def keys(tenant: UUID = TENANT):
    """A key for each subject, the same each time."""
    return lambda subject: SubjectKey((tenant.bytes + subject.bytes)[:32], tenant, subject)


def recorded(fact, codec=CODEC, version=1, stream=STREAM, tenant=TENANT, **meta):
    known = keys(tenant)
    noted = Meta(UUID(int=1), ACTOR, "test", schema=codec.of(fact).schema, **meta)
    body = codec.encode(fact, stream, version, known)
    tag = codec.of(fact).tag
    return (1, stream, version, tag, AT, codec.encode_meta(noted, stream, version, known), body, 1)


def decoded(raw, codec: Codec = CODEC) -> Any:
    return codec.decode(tuple(raw))


def gone(subject):
    return Erased()
