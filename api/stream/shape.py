"""A fact as followers see it: like everywhere in the API, what they may not see is null and named."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct

from api.personal import Presenter, plain
from api.stream.cursor import Cursor
from domain.kernel import Recorded, Unreadable


class Event(Struct, frozen=True):
    """One fact of the stream. `id` is the cursor to resume after it; `data` are the fact's own fields.

    `withheld` names the personal fields that the caller may not see, `erased` those whose person was erased: both are
    null. All of `data` is null where the server is too old to read the fact.
    """

    id: str
    generation: int
    position: int
    type: str
    stream: str
    version: int
    at: datetime
    actor: str
    event: UUID
    data: dict[str, Any] | None
    withheld: list[str] = []
    erased: list[str] = []


def event(recorded: Recorded, *, personal: bool) -> Event:
    """`personal`: the fact is opened, and persons may be told."""
    data, withheld, erased = None, [], []
    if not isinstance(recorded.fact, Unreadable):
        shown = _presenter(type(recorded.fact)).show(recorded.fact, may=personal)
        withheld, erased = shown.pop("withheld"), shown.pop("erased")
        data = plain(shown, may=personal)
        # What a fact holds as bytes is a digest of a secret: nobody's to see.
        secret = [name for name, value in data.items() if isinstance(value, bytes)]
        data |= dict.fromkeys(secret)
        withheld += secret
    return Event(
        id=str(Cursor(recorded.generation, recorded.position)),
        generation=recorded.generation,
        position=recorded.position,
        type=recorded.type,
        stream=recorded.stream,
        version=recorded.version,
        at=recorded.at,
        actor=str(recorded.meta.actor),
        event=recorded.meta.event,
        data=data,
        withheld=withheld,
        erased=erased,
    )


@cache
def _presenter(fact: type[Struct]) -> Presenter:
    return Presenter(fact)
