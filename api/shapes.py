"""Types of requests and answers, derived from the commands, queries and rows behind them."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct
from msgspec.structs import FieldInfo, fields

from api.problems import Problem
from application.kernel import Command
from domain.kernel import Erased, Sealed

LARGEST = 2**63 - 1
"""What a bigint holds."""
YEARS = range(2, 9999)
"""Of a time: any time zone's offset leaves it a time."""
_PARAMETERS = 50
_DATE = re.compile(r"\d{4}-", re.ASCII)

Occurred = Annotated[datetime, Meta(tz=True, description="When it happened, as far as the caller knows.")]


def body(
    command: type[Command],
    name: str,
    *,
    extra: Iterable[tuple[str, Any, Any]] = (),
    tag: str = "",
    types: Mapping[str, Any] = MappingProxyType({}),
) -> type[Struct]:
    """A command's fields and those of the envelope it comes in: `extra` as (name, type, default).

    `types` are those of fields that are something else in the body.
    """
    known = [_field(each) for each in fields(command) if each.name not in command.told]
    own = [(each[0], types.get(each[0], each[1]), *each[2:]) for each in known]
    envelope = [*extra, ("occurred_at", Occurred | UnsetType, UNSET)]
    tagging: dict[str, Any] = {"tag": tag, "tag_field": "command"} if tag else {}
    return defstruct(
        name, [*envelope, *own], kw_only=True, frozen=True, forbid_unknown_fields=True, module=__name__, **tagging
    )


def command(of: type[Command], given: Struct, told: Mapping[str, Any] | None = None) -> Command:
    """The command in a body, with what the edge adds to it."""
    return of(**{name: getattr(given, name) for name in of.__struct_fields__ if name not in of.told}, **(told or {}))


def parameters(query: type[Struct], name: str, leave: Iterable[str] = (), **types: Any) -> type[Struct]:
    """A query's fields as parameters of a URL, or as a body: all may be left out, none may be null.

    `leave` names those that come from elsewhere, or that must not stand in a URL because they are about a person.
    """
    own = [
        (each.name, types.get(each.name, _hard(each.type)) | UnsetType, UNSET)
        for each in fields(query)
        if each.name not in leave
    ]
    return defstruct(name, own, kw_only=True, frozen=True, forbid_unknown_fields=True, module=__name__)


def given(parameters: Struct) -> dict[str, Any]:
    """What was given, without what was left out."""
    return {name: value for name in parameters.__struct_fields__ if (value := getattr(parameters, name)) is not UNSET}


def from_url(query: bytes, type: type[Struct]) -> Any:
    """The parameters in a URL's query; lists are divided by commas. Raises `Problem`."""
    if not query:
        return _read({}, type)
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_PARAMETERS)
    except ValueError as problem:
        raise Problem("request.invalid", "The query of the URL is not UTF-8, or too long.") from problem
    found: dict[str, Any] = dict(pairs)
    if len(found) < len(pairs):
        raise Problem("request.invalid", "A parameter stands in the URL twice.")
    lists, times = _special(type)
    found = {name: value.split(",") if name in lists and value else value for name, value in found.items()}
    found |= {name: [] for name in lists if found.get(name) == ""}
    if wrong := [name for name in times & found.keys() if not _DATE.match(found[name])]:
        # The lenient reading of a URL's texts would take a bare number for seconds since 1970.
        raise Problem("request.invalid", f"Expected a date and time as in RFC 3339 - at `$.{wrong[0]}`")
    return _read(found, type)


def _read(found: dict[str, Any], type: type[Struct]) -> Any:
    try:
        return timed(msgspec.convert(found, type, strict=False))
    except msgspec.ValidationError as problem:
        raise Problem("request.invalid", str(problem)) from problem


def decoder(type: Any) -> Callable[[bytes], Any]:
    """Reads a JSON body of this type. Raises `Problem`."""
    decode = msgspec.json.Decoder(type).decode

    def read(body: bytes) -> Any:
        try:
            return timed(decode(body))
        except msgspec.ValidationError as problem:
            raise Problem("request.invalid", str(problem)) from problem
        except (msgspec.DecodeError, UnicodeError) as problem:
            raise Problem("request.malformed", str(problem)) from problem
        except RecursionError as problem:
            raise Problem("request.too-deep") from problem

    return read


def timed(value: Struct) -> Struct:
    """The same, once its times are known to be times in every zone."""
    for name in value.__struct_fields__:
        each = getattr(value, name)
        if isinstance(each, datetime) and each.year not in YEARS:
            raise Problem("request.invalid", f"The year is out of range - at `$.{name}`")
    return value


def answer(row: type[Struct], name: str, **types: Any) -> type[Struct]:
    """A row as it is answered: personal values may be null, and `withheld` and `erased` say which, and why.

    Every field but the first may be missing, since a caller may ask for some alone.
    """
    kinds = {each.name: types.get(each.name, shown(each.type)) for each in fields(row)}
    key, *others = kinds.items()
    return defstruct(
        name, [key, *((name, kind | UnsetType, UNSET) for name, kind in others), *_MARKS], kw_only=True, module=__name__
    )


_MARKS: list[Any] = [
    ("withheld", Annotated[list[str], Meta(description="Personal fields that the caller may not see.")]),
    ("erased", Annotated[list[str], Meta(description="Personal fields whose person was erased.")]),
]


def is_personal(kind: Any) -> bool:
    return any(each is Sealed or each is Erased or is_personal(each) for each in get_args(kind))


def shown(kind: Any) -> Any:
    """The type of a field as it is answered: personal values are shown or null, pairs become an object."""
    if get_origin(kind) is Annotated:
        inner, *marks = get_args(kind)
        plain = [Meta(description=mark.description) for mark in marks if isinstance(mark, Meta) and mark.description]
        bare = shown(inner)
        return Annotated[(bare, *plain)] if plain else bare
    if get_origin(kind) in (Union, UnionType):
        kept = tuple(shown(each) for each in get_args(kind) if each not in (Sealed, Erased))
        if len(kept) < len(get_args(kind)):
            kept = (*kept, NoneType)
        return Union[kept]  # noqa: UP007 - the members are in a tuple
    if get_origin(kind) is tuple and is_pairs(kind):
        return dict[str, get_args(get_args(kind)[0])[1]]  # type: ignore[misc]  # a type made at run time
    if get_origin(kind) is tuple and get_args(kind)[1:] == (...,):
        return list[shown(get_args(kind)[0])]  # type: ignore[misc]  # a type made at run time
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _object(kind)
    return _SHOWN.get(kind, kind)


@cache
def _object(kind: type[Struct]) -> type[Struct]:
    """What the log writes with a tag, or as an array to save names, is answered as a plain object."""
    own = [(each.name, shown(each.type)) for each in fields(kind)]
    return defstruct(kind.__name__, own, module=__name__)


def is_pairs(kind: Any) -> bool:
    """`tuple[tuple[str, X], ...]`, perhaps personal: a mapping, as facts and rows write it."""
    inner = get_args(kind)
    if get_origin(kind) is not tuple:
        return any(map(is_pairs, inner))
    return inner[1:] == (...,) and get_origin(inner[0]) is tuple and get_args(inner[0])[0] is str


def holds_structs(kind: Any) -> bool:
    """A struct or a list of them, perhaps personal."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind not in {Sealed, Erased}
    return any(map(holds_structs, get_args(kind)))


def _field(info: FieldInfo) -> tuple[str, Any, Any] | tuple[str, Any]:
    if info.required:
        return info.name, info.type
    if info.default_factory is not msgspec.NODEFAULT:
        return info.name, info.type, msgspec.field(default_factory=info.default_factory)
    return info.name, info.type, info.default


@cache
def _special(kind: type[Struct]) -> tuple[frozenset[str], frozenset[str]]:
    """The parameters that are lists, and those that are times."""
    lists = frozenset(each.name for each in fields(kind) if _is_list(each.type))
    return lists, frozenset(each.name for each in fields(kind) if _is_time(each.type))


def _is_time(kind: Any) -> bool:
    return kind is datetime or any(map(_is_time, get_args(kind)))


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple or any(_is_list(each) for each in get_args(kind))


_SHOWN: Mapping[Any, Any] = {datetime: Annotated[datetime, Meta(tz=True)]}
_HARD: Mapping[Any, Any] = {
    str: Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")],
    int: Annotated[int, Meta(ge=-LARGEST, le=LARGEST)],
    datetime: Annotated[datetime, Meta(tz=True)],
}


def _hard(kind: Any) -> Any:
    """The type with the limits that keep a value from failing further in; without None."""
    if get_origin(kind) in (Union, UnionType):
        return Union[tuple(_hard(each) for each in get_args(kind) if each is not NoneType)]  # noqa: UP007 - the members are in a tuple
    if get_origin(kind) is tuple and get_args(kind)[1:] == (...,):
        return tuple[_hard(get_args(kind)[0]), ...]  # type: ignore[misc]  # a type made at run time
    return _HARD.get(kind, kind)
