"""Who came in, what was refused and what was read: facts in streams of their own, beside those of what was done."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Decider, Erased, Fact, Personal, Sealed

Pairs = tuple[tuple[str, str], ...]
SEALED: Final = frozenset({"about", "agent", "because", "ip", "q", "reason", "session"})
"""Filters of the trail whose values may be about a person: whoever records what was asked for seals them."""
UNKEPT: Final = frozenset({"about"})
"""Of them, whose values are not even sealed: they name somebody whom an erasure of who asked does not reach."""


class Denial(Fact, frozen=True, tag="audit.refused"):
    command: str
    """The command or query that was asked, or `authenticate`."""
    permission: str
    code: str
    """Why: the code that the caller was answered with."""
    resource: str = ""
    """`<capability>/<uuid>`, where one was named."""
    more: int = 0
    """How many refusals it stands for besides itself, which were counted without recording each: of the same actor and
    code or, where the actor is `system`, of several. In older events: all of the tenant since its last recorded one.
    """


class SignedIn(Fact, frozen=True, tag="audit.signed-in"):
    """A credential was used from where, or for whom, it was not seen lately, as the event's metadata have it."""

    credential: str
    """`<capability>/<uuid>`, as an authentication that was refused names it as its resource."""
    more: int = 0
    """How many it stands for besides itself, which were counted without recording each: of the same credential or,
    where the actor is `system`, of several.
    """


class Look(Struct, frozen=True, gc=False):
    """One answer that showed what is about persons."""

    at: datetime
    rows: int
    subjects: tuple[UUID, ...]
    """Whose data were shown, each once."""
    correlation: UUID | None = None
    trace: str = ""


class Read(Fact, frozen=True, tag="audit.read"):
    """Answers to one actor under the same permission, query, filter and circumstances, in the order they were given."""

    query: str
    under: UUID
    """Whose key the filter is under: the reader, or this event itself where the reader was erased before."""
    fields: tuple[str, ...]
    """What was shown of each row."""
    looks: tuple[Look, ...]
    filter: Annotated[Personal[tuple[tuple[str, str], ...]], msgspec.Meta(extra={"subject": "under"})] = ()
    """Names and values, by name. Empty are the value of a filter by what is about a person, and the person who was
    asked for and is the only one shown: `subjects` tell."""


class Damaged(Fact, frozen=True, tag="audit.damaged"):
    """Reads that were answered may be missing: a file they were written down in was damaged before it got here."""

    file: UUID
    places: int
    """In the file, that cannot be read: a read or several each, of this tenant or another."""
    since: datetime | None = None
    """When the last answer before the first place was given; None where there is none."""
    until: datetime | None = None
    """When the first answer after the last place was given; None where there is none."""


class Operated(Fact, frozen=True, tag="audit.operated"):
    """An operator looks at this tenant from a terminal; recorded before it is shown."""

    command: str
    """As it is typed, behind `everlog`."""
    given: Pairs = ()
    """What was asked for, by name; a value that may be about a person is empty, and stands in `sought`."""
    under: UUID = UUID(int=0)
    """Whose key `sought` is under: this event itself, since no organisation can erase who runs the program."""
    sought: Annotated[Personal[Pairs], msgspec.Meta(extra={"subject": "under"})] = ()


class Refusal(Struct, frozen=True):
    denial: Denial | None = None


Facts = Denial | SignedIn | Read | Damaged | Operated


def evolve(refusal: Refusal, fact: Facts) -> Refusal:
    match fact:
        case Denial():
            return replace(refusal, denial=fact)
        case SignedIn() | Read() | Damaged() | Operated():
            return refusal


def divided(asked: Iterable[tuple[str, str]]) -> tuple[Pairs, Pairs]:
    """What was asked for, by name, as it stays in the clear: what may be about a person is empty. And that, to seal."""
    pairs = tuple(sorted(asked))
    clear = tuple((name, "" if name in SEALED else value) for name, value in pairs)
    return clear, tuple(pair for pair in pairs if pair[0] in SEALED - UNKEPT)


def whole(clear: Pairs, sought: Pairs | Sealed | Erased) -> tuple[dict[str, str], list[str]]:
    """The same as it was asked for; and the names of those whose values are not to be had, which are left out."""
    known = {} if isinstance(sought, Sealed | Erased) else dict(sought)
    lacking = [name for name, value in clear if name in SEALED and not value and name not in known]
    return {name: value for name, value in clear if name not in lacking} | known, lacking


def refuse(refusal: Refusal, denial: Denial) -> list[Fact]:
    return [] if refusal.denial else [denial]


audit = Decider("audit", Facts, Refusal(), evolve)
