"""The words by which an entry of the trail is found: its type's, and those of the texts in its fact and its reason.

The persons it is about stand among them, all of them, and the requests that were shown something.
"""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints
from uuid import UUID

from msgspec import Meta

from domain.audit import Read
from domain.kernel import Recorded, Sealed
from projections.audit.about import subjects
from projections.words import Hidden, Words, carried, named, words

ABOUT: Final = "audit.about"
"""The scope of words in what was recorded about a person."""
BECAUSE: Final = "audit.because"
"""The scope of words in the reason that somebody gave."""
REQUESTS: Final = ("correlation", "trace")
"""What names the request that an event was recorded for."""


def said(recorded: Recorded) -> Words:
    """All of its words: a search that found some of them alone would tell an officer that the others are not there.

    How many a fact can have is bounded where it comes in, by the bounds of its fields and of a request.
    """
    fact = recorded.fact
    personal = _texts(type(fact))
    texts: list[str] = [recorded.type]
    hidden: list[Hidden] = []
    for name in fact.__struct_fields__:
        value = getattr(fact, name)
        if name not in personal:
            _plain(value, texts)
        elif personal[name] and isinstance(value, Sealed):
            hidden.append(Hidden(ABOUT, value))
    if isinstance(recorded.meta.circumstances, Sealed):
        hidden.append(Hidden(BECAUSE, recorded.meta.circumstances, "reason"))
    found = frozenset[str]().union(*map(words, texts))
    requests = _requests(fact) if isinstance(fact, Read) else ()
    return Words(frozenset([*found, *map(named, subjects(recorded)), *requests]), tuple(hidden))


def _requests(read: Read) -> Iterator[str]:
    """One event tells of many requests, and its metadata can name but one."""
    for look in read.looks:
        for name in REQUESTS:
            if value := getattr(look, name):
                yield carried(name, value)


def _plain(value: Any, texts: list[str]) -> None:
    """Texts and identifiers; what lies in structs of its own, and numbers, are no words."""
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, UUID):
        texts.append(str(value))
    elif isinstance(value, tuple):
        for each in value:
            _plain(each, texts)


@cache
def _texts(fact: type) -> dict[str, bool]:
    """The personal fields of a fact, and whether each is a text."""
    hints = get_type_hints(fact, include_extras=True)
    noted = {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Annotated}
    return {
        name: str in get_args(kind)
        for name, (kind, *notes) in noted.items()
        if any(isinstance(each, Meta) and (each.extra or {}).get("personal") for each in notes)
    }
