"""docs/reference/events.md lists every fact as it is; EVERLOG_GOLDEN=1 writes it anew."""

import os
from collections import defaultdict
from inspect import getdoc
from pathlib import Path
from typing import Any

from adapters.codec.golden import describe
from tests.adapters.codec.facts import CODEC

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "events.md"
HEAD = """# Events

Every fact that Everlog records, by capability. The tag is the event's type for ever; a fact is never renamed, and a
field that comes later has a default. Fields in *italics* may be missing in what is read, and then have that default.

- **personal**: stored as a ciphertext under the key of a subject, the stream's own or the one that the field in
  brackets names. It reads as *sealed* without the key and as *erased* once the key is gone.
- **unique**: one of its kind in the organisation; the append that would record a second one is refused.

How an event looks in the database is in [the record format](record-format.md).
"""


WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "yes or no",
    "null": "nothing",
    "object": "object",
    "uuid": "UUID",
    "date-time": "time",
    "base64": "bytes, in base 64",
}


def page() -> str:
    capabilities = defaultdict(list)
    for tag, described in describe(CODEC).items():
        capabilities[tag.partition(".")[0]].append(_event(tag, described))
    parts = [f"## {name}\n\n" + "\n".join(events) for name, events in sorted(capabilities.items())]
    return HEAD + "\n" + "\n".join(parts)


def _event(tag: str, described: dict[str, Any]) -> str:
    fact = CODEC.shapes[tag].fact
    said = getdoc(fact) if "__doc__" in vars(fact) and fact.__doc__ else ""
    lines = [f"### `{tag}`", ""]
    if said and not said.startswith(f"{fact.__name__}("):
        lines += [said, ""]
    fields = described["fields"]
    if fields:
        lines += ["| field | holds | |", "|---|---|---|", *(_field(name, field) for name, field in fields.items()), ""]
    return "\n".join(lines)


def _field(name: str, field: dict[str, Any]) -> str:
    subject = f" (`{field['subject']}`)" if field["subject"] else ""
    marks = [f"personal{subject}"] * field["personal"] + ["unique"] * bool(field["unique"])
    return f"| {f'`{name}`' if field['required'] else f'*`{name}`*'} | {_kind(field['type'])} | {', '.join(marks)} |"


def _kind(schema: dict[str, Any]) -> str:
    match schema:
        case {"anyOf": kinds}:
            told = sorted(map(_kind, kinds), key="nothing".__eq__)
            return " or ".join(told)
        case {"$ref": name}:
            return str(name).rpartition("/")[2].lower()
        case {"enum": values}:
            return " or ".join(f"`{each}`" for each in values)
        case {"prefixItems": items}:
            return f"({', '.join(map(_kind, items))})"
        case {"items": items}:
            return f"list of {_kind(items)}"
    return WORDS[schema.get("contentEncoding") or schema.get("format") or schema["type"]]


def test_the_page_lists_every_fact_as_it_is():
    if os.environ.get("EVERLOG_GOLDEN"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew with EVERLOG_GOLDEN=1"
