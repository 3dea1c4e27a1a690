"""Which events a bundle shows, and that it can be told from their leaves' fields alone."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Choice(Struct, frozen=True, kw_only=True):
    """A span of positions, both ends included, and what is sought in it; or chosen positions, by which all is said.

    Of what is sought any value of a member is enough, and all members must match (docs/reference/proof-format.md).
    """

    first: int = 1
    last: int | None = None
    """The end of what is sealed, where it is None."""
    type: Sequence[str] = ()
    permission: Sequence[str] = ()
    stream: Sequence[str] = ()
    actor: Sequence[str] = ()
    """Each `<kind>/<uuid>`."""
    subjects: Sequence[str] = ()
    since: datetime | None = None
    before: datetime | None = None
    positions: Sequence[int] = ()
    cosigned: int = 0
    """How many witnesses have to have cosigned the checkpoint that all is proven by."""

    @property
    def contradiction(self) -> str:
        """Why it cannot be both complete and chosen, or is of an empty span; nothing where it can be made."""
        if self.positions and (self.sought or self.first > 1 or self.last):
            return "Either name positions, or a span and filters: chosen events are shown whatever they are."
        if self.last and self.last < self.first:
            return f"The span would end at {self.last}, before it begins at {self.first}."
        return ""

    @property
    def sought(self) -> dict[str, list[Any]]:
        """The bundle's `filter`; times are in microseconds since 1970."""
        values = {name: list(getattr(self, name)) for name in _TEXTS if getattr(self, name)}
        if self.since is None and self.before is None:
            return values
        return {**values, "recorded_at": [_micro(self.since), _micro(self.before)]}


_TEXTS = ("type", "permission", "stream", "actor", "subjects")


def matches(sought: Mapping[str, Sequence[Any]], fields: Mapping[str, bytes]) -> bool:
    """Whether a leaf's fields, by name and as bytes, are what is sought."""
    return all(_one(name, values, fields[name]) for name, values in sought.items())


def _one(name: str, values: Sequence[Any], raw: bytes) -> bool:
    if name == "recorded_at":
        at, (since, before) = int.from_bytes(raw, "big"), values
        return (since is None or since <= at) and (before is None or at < before)
    if name in {"type", "stream"}:
        text = raw.decode()
        return text in values or (name == "stream" and any(text.startswith(v) for v in values if v.endswith("/")))
    found = json.loads(raw) if raw else None
    if name == "actor":
        return isinstance(found, dict) and f"{found.get('kind')}/{found.get('id')}" in values
    return any(each in values for each in (found if isinstance(found, list) else [found]))


def _micro(at: datetime | None) -> int | None:
    return None if at is None else (at - _UNIX) // _MICROSECOND
