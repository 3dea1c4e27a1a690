"""Words by which events are found: what divides a text into them, for what is written down and what is asked."""

import re
from typing import Any, NamedTuple
from unicodedata import normalize
from uuid import UUID

MOST = 8
"""Words that may be asked for at once."""
LONGEST = 64
"""Characters of a word that count: as many as a SHA-256 digest has digits."""
_WORD = re.compile(r"[^\W_]+")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Hidden(NamedTuple):
    """A sealed text, or a sealed struct one of whose fields is one."""

    scope: str
    """Words are looked for in one scope at a time, so that who may ask for one learns nothing of the other."""
    value: Any
    part: str = ""
    """The struct's field; "" for the value itself."""


class Words(NamedTuple):
    """What an event is found by: its own words, in the clear, and those of sealed texts."""

    plain: frozenset[str] = frozenset()
    hidden: tuple[Hidden, ...] = ()


class Says(NamedTuple):
    """Rows whose event holds every word of a text: in the clear where no scope is named, else in that scope."""

    text: str
    scope: str = ""


class Names(NamedTuple):
    """Rows whose event is about this person, or about several of whom this is one."""

    subject: UUID


def named(subject: UUID) -> str:
    """What stands among an event's words for a person it is about: no text holds it, for it has a space."""
    return f"subject {subject}"


def carried(name: str, value: object) -> str:
    """What stands among an event's words for the correlation or the trace of one of several requests it tells of."""
    return f"{name} {value}"


def words(text: str) -> frozenset[str]:
    """Letters and digits that stand together, whatever their case and composition; a UUID is one word."""
    normal = normalize("NFKC", normalize("NFKC", text).casefold())
    ids = _UUID.findall(normal)
    found = _WORD.findall(_UUID.sub(" ", normal) if ids else normal)
    return frozenset(each[:LONGEST] for each in [*ids, *found])
