"""What is written in logs out there, as data: tags and the fields that bodies hold. It may only grow."""

from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

import msgspec
from msgspec.structs import fields

from adapters.codec.codec import Codec
from adapters.codec.shape import Shape, extra

Described = dict[str, dict[str, Any]]
"""By tag: the schema, and by name each field with its JSON schema, whether it must be there, and its marks."""

_GROWING = {"required", "default", "properties", "$defs"}
"""Parts of a JSON schema that are compared by what is in them."""


def describe(codec: Codec) -> Described:
    described = {tag: _shape(codec.shapes[tag]) for tag in sorted(codec.shapes)}
    # As it is read from a file again: a default that is a tuple here is a list there.
    return msgspec.json.decode(msgspec.json.encode(described), type=Described)


def shrunk(before: Described, now: Described) -> list[str]:
    """What `now` could not read of what `before` has written, a line each; none where all is well.

    A tag with a higher schema has upcasters, so its fields may differ.
    """
    return sorted(line for tag in before for line in _tag(tag, before[tag], now.get(tag)))


def _tag(tag: str, before: Mapping[str, Any], now: Mapping[str, Any] | None) -> Iterator[str]:
    if now is None:
        yield f"{tag} has disappeared: a tag stays for ever"
        return
    if now["schema"] < before["schema"]:
        yield f"{tag} has gone back from schema {before['schema']} to {now['schema']}"
    if now["schema"] == before["schema"]:
        for name, field in before["fields"].items():
            if told := _field(field, now["fields"].get(name)):
                yield f"{tag}.{name} {told}"
        for name in now["fields"].keys() - before["fields"].keys():
            if now["fields"][name]["required"]:
                yield f"{tag}.{name} is new and has no default"


def _field(before: Mapping[str, Any], now: Mapping[str, Any] | None) -> str:
    if now is None:
        return "has disappeared: it stands in bodies that are recorded"
    if changed := [key for key in ("personal", "subject", "unique") if before[key] != now[key]]:
        return f"has changed its {', '.join(changed)}"
    if not _reads(now["type"], before["type"]):
        return "has changed its type"
    return "has lost its default" if now["required"] and not before["required"] else ""


def _reads(now: Any, before: Any) -> bool:
    """Whether a type's JSON schema takes what the earlier one gave; members of objects may have come, with defaults."""
    if isinstance(now, list) and isinstance(before, list):
        return len(now) >= len(before) and all(_reads(*each) for each in zip(now, before, strict=False))
    if not isinstance(now, dict) or not isinstance(before, dict):
        return bool(now == before)
    if not set(now.get("required", ())) <= set(before.get("required", ())):
        return False
    if (now.keys() ^ before.keys()) - _GROWING:
        return False
    members = all(
        name in now[part] and _reads(now[part][name], before[part][name])
        for part in ("properties", "$defs")
        for name in before.get(part, ())
    )
    return members and all(_reads(now[key], before[key]) for key in before.keys() - _GROWING)


def _shape(shape: Shape) -> dict[str, Any]:
    hints = get_type_hints(shape.fact, include_extras=True)
    personal = {each.name: each for each in shape.personal}
    described = {}
    for info in fields(shape.fact):
        field = personal.get(info.name)
        described[info.name] = {
            "type": _schema(field.type if field else hints[info.name]),
            "required": info.required,
            "personal": field is not None,
            "subject": field.about if field else "",
            "unique": extra(hints[info.name]).get("unique", ""),
        }
    return {"schema": shape.schema, "fields": described}


def _schema(kind: Any) -> Any:
    """A type's JSON schema without what its authors write about it."""
    return _plain(msgspec.json.schema(kind))


def _plain(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if key not in ("title", "description")}
    return [_plain(each) for each in schema] if isinstance(schema, list) else schema
