"""The HTTP API as a page, from its OpenAPI document."""

import json
import re
from collections.abc import Iterator
from typing import Any

HEAD = """# The HTTP API

Written from [the OpenAPI document](openapi.json) by `make docs`; a running server shows it at `/docs`, and the document
at `/openapi.json`. [Use the HTTP API](../how-to/use-the-api.md) shows the habits of a robust client, and
[What can go wrong](errors.md) what each code means.
"""
MARKS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "default")
WORDS = {
    "minimum": "at least",
    "maximum": "at most",
    "minLength": "characters at least",
    "maxLength": "characters at most",
    "minItems": "items at least",
    "maxItems": "items at most",
    "pattern": "of the form",
    "default": "left out means",
}


def page(document: dict[str, Any]) -> str:
    parts = [HEAD, document["info"]["description"].replace("](/docs/errors)", "](errors.md)")]
    for tag in document["tags"]:
        operations = list(_tagged(document, tag["name"]))
        if operations:
            parts.append(f"## {tag['name'].capitalize()}\n\n{tag['description']}\n")
            parts += [_operation(*each) for each in operations]
    parts.append("## Schemas\n")
    parts += [_schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _tagged(document: dict[str, Any], tag: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if tag in operation["tags"]:
                yield method.upper(), path, operation


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    lines = [f"### `{method} {path}`", "", f"{operation['summary']} (`{operation['operationId']}`)."]
    if words := operation.get("description"):
        lines[-1] += f" {words}"
    if parameters := operation.get("parameters"):
        lines += ["", "| parameter | in | |", "|---|---|---|", *map(_parameter, parameters)]
    if body := operation.get("requestBody"):
        lines += ["", f"Body: {_content(body['content'])}."]
    lines += ["", "| answer | |", "|---|---|", *(_answer(*each) for each in operation["responses"].items())]
    return "\n".join(lines)


def _parameter(each: dict[str, Any]) -> str:
    words = " ".join(filter(None, [each.get("description", ""), _sort(each["schema"]) + "."]))
    return f"| `{each['name']}` | {each['in']} | {_cell(words)} |"


def _answer(status: str, answer: dict[str, Any]) -> str:
    content = answer.get("content", {})
    if "application/problem+json" in content and (examples := content["application/problem+json"].get("examples")):
        return f"| {status} | {', '.join(f'`{code}`' for code in examples)} |"
    words = [answer["description"], f"{_content(content)}." if content else ""]
    return f"| {status} | {_cell(' '.join(filter(None, words)))} |"


def _content(content: dict[str, Any]) -> str:
    return ", ".join(
        f"{_kind(kind['schema'])} as `{media}`" if kind.get("schema") else f"`{media}`"
        for media, kind in content.items()
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    lines = [f"### {name}", ""]
    if words := schema.get("description"):
        lines += [words, ""]
    if "properties" not in schema:
        return "\n".join([*lines, _sort(schema) + "."])
    required = schema.get("required", ())
    lines += ["| field | |", "|---|---|"]
    for field, inner in schema["properties"].items():
        told = " ".join(filter(None, [inner.get("description", ""), _sort(inner) + "."]))
        lines.append(f"| {f'`{field}`' if field in required else f'*`{field}`*'} | {_cell(told)} |")
    return "\n".join(lines)


def _sort(schema: dict[str, Any]) -> str:
    """The kind of value, and what bounds it."""
    marks = [f"{WORDS[mark]} `{_plain(schema[mark])}`" for mark in MARKS if mark in schema]
    kind = _kind(schema)
    return ", ".join([kind[:1].upper() + kind[1:], *marks])


def _plain(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


def _kind(schema: dict[str, Any]) -> str:
    match schema:
        case {"$ref": name}:
            short = str(name).rpartition("/")[2]
            return f"[{short}](#{short.lower()})"
        case {"anyOf": kinds}:
            return " or ".join(map(_kind, kinds))
        case {"enum": values}:
            return " or ".join(f"`{each}`" for each in values)
        case {"prefixItems": kinds}:
            return f"[{', '.join(map(_kind, kinds))}]"
        case {"type": kind}:
            return _filled(schema) or str(schema.get("format", kind))
    return "anything"


def _filled(schema: dict[str, Any]) -> str:
    """What is in a list or an object; "" where the schema does not say, or is of neither."""
    match schema:
        case {"type": "array", "items": dict(inner)}:
            return f"list of {_kind(inner)}"
        case {"type": "object", "additionalProperties": dict(inner)}:
            return f"object of {_kind(inner)}"
    return ""


def _cell(text: str) -> str:
    """Text as it may stand in a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()
