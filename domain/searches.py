"""A question to the trail that somebody keeps, for themselves or for their organisation."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Personal, Refused


class Saved(Fact, frozen=True, tag="searches.saved"):
    by: UUID
    name: str
    filter: tuple[tuple[str, str], ...]
    """Names and values, by name; a value that may be about a person is empty, and stands in `sought`. Before there was
    that, it stood here."""
    sought: Annotated[Personal[tuple[tuple[str, str], ...]], Meta(extra={"subject": "by"})] = ()


class Shared(Fact, frozen=True, tag="searches.shared"):
    """Whoever may read the trail sees it and asks it from here on."""


class Withdrawn(Fact, frozen=True, tag="searches.withdrawn"):
    """It is its owner's alone again."""


class Dropped(Fact, frozen=True, tag="searches.dropped"):
    pass


Facts = Saved | Shared | Withdrawn | Dropped


class Search(Struct, frozen=True):
    saved: Saved | None = None
    """As it was saved last."""
    shared: bool = False
    dropped: bool = False

    def shows(self, by: UUID) -> bool:
        """Whether somebody who may read the trail may see it."""
        return self.saved is not None and not self.dropped and (self.shared or self.saved.by == by)


def evolve(search: Search, fact: Facts) -> Search:
    match fact:
        case Saved():
            return replace(search, saved=fact)
        case Shared():
            return replace(search, shared=True)
        case Withdrawn():
            return replace(search, shared=False)
        case Dropped():
            return replace(search, dropped=True)


def save(search: Search, saved: Saved) -> list[Fact]:
    """Its owner may save it again, otherwise."""
    if search.dropped or (search.saved and search.saved.by != saved.by):
        raise Refused("searches.exists")
    return [] if search.saved == saved else [saved]


def share(search: Search, by: UUID) -> list[Fact]:
    _must_be_theirs(search, by)
    return [] if search.shared else [Shared()]


def withdraw(search: Search, by: UUID) -> list[Fact]:
    _must_be_theirs(search, by)
    return [Withdrawn()] if search.shared else []


def drop(search: Search, by: UUID) -> list[Fact]:
    _must_be_theirs(search, by)
    return [Dropped()]


def _must_be_theirs(search: Search, by: UUID) -> None:
    # What one may not see is not there.
    if search.saved is None or not search.shows(by):
        raise Refused("searches.unknown")
    if search.saved.by != by:
        raise Refused("searches.not-yours")


searches = Decider("searches", Facts, Search(), evolve)
