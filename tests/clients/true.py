"""What is true of the log that bundles.py writes about, said apart from the verifier."""

import json
from functools import cache
from typing import Any

from tests.clients import bundles
from tests.clients.bundles import NAMES, ORIGIN, b64, entry, event, leaves, salt

SIZES = 12
"""No bundle of these tests is of more events."""


@cache
def sizes() -> dict[str, int]:
    """Of each checkpoint that was signed, by its text."""
    return {bundles.note(leaves(size)).partition("\n\n")[0]: size for size in range(SIZES + 1)}


def size(note: str) -> int | None:
    return sizes().get(note.partition("\n\n")[0])


def holds(text: bytes) -> bool:
    """Whether a file says nothing but what is so. Signatures are not looked at: nobody forges one here."""
    try:
        lines = [json.loads(line) for line in text.decode().splitlines()]
        return KINDS[lines[0]["everlog"]](lines)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return False


def included(lines: list[Any]) -> bool:
    [proof] = lines
    at = proof["index"]
    return size(proof["checkpoint"]) == proof["size"] > at >= 0 and proof["entry"] == b64(entry(at + 1))


def continued(lines: list[Any]) -> bool:
    [proof] = lines
    return size(proof["old"]) == proof["first"] <= proof["second"] == size(proof["checkpoint"])


def bundled(lines: list[Any]) -> bool:
    head, *events, tail = lines
    top, span = size(head["checkpoint"]), range(head["first"], head["last"] + 1)
    positions = [each["position"] for each in events]
    whole = positions == list(span) if head["complete"] else positions == sorted(set(positions) & set(span))
    return (
        top is not None
        and head["origin"] == ORIGIN
        and 1 <= span.start <= span.stop <= top + 1
        and whole
        and tail["count"] == len(events)
        and all(_shown(each, head) for each in events)
    )


def _shown(line: dict[str, Any], head: dict[str, Any]) -> bool:
    """A line shows what is so, all of what matches and nothing else of what does not."""
    position, fields = line["position"], line["fields"]
    matching = all(matched(name, values, position) for name, values in head["filter"].items())
    shown = set(NAMES) if matching else set(head["filter"]) if head["complete"] else None
    return (
        set(fields) == shown
        and {name: [b64(salt(position, name)), b64(event(position)[name])] for name in fields} == fields
        and line["digests"] == bundles.line(position, list(fields))["digests"]
    )


def matched(name: str, values: list[Any], position: int) -> bool:
    raw = event(position)[name]
    if name == "recorded_at":
        since, before = values
        at = int.from_bytes(raw, "big")
        return (since is None or at >= since) and (before is None or at < before)
    if name == "actor":
        actor = json.loads(raw)
        return f"{actor['kind']}/{actor['id']}" in values
    if name == "subjects":
        return bool(set(json.loads(raw)) & set(values))
    if name == "permission":
        return bool(raw) and json.loads(raw) in values
    spoken = raw.decode()
    return spoken in values or (
        name == "stream" and any(value.endswith("/") and spoken.startswith(value) for value in values)
    )


KINDS = {"bundle/1": bundled, "inclusion/1": included, "consistency/1": continued}
