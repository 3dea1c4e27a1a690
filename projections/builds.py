"""What the runner builds, how far it is, and what it needs of a store to do so."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Literal, NamedTuple, Protocol
from uuid import UUID

from msgspec import Struct, field

from domain.kernel import Recorded
from projections.digest import EMPTY
from projections.kernel import Aggregate, Lag, View
from projections.words import Words

Slot = Literal["a", "b"]
Key = tuple[str, int, Slot]
SOON = 0.1
"""Seconds until what was told `Later` is worth another try."""


class Build(Struct, frozen=True):
    """A view's rows with its aggregates. Each version has two slots: the live one, and one to repair into."""

    view: View[Any]
    aggregates: tuple[Aggregate[Any], ...] = ()
    slot: Slot = "a"

    @property
    def name(self) -> str:
        return f"{self.view.name}-{self.view.version}{self.slot}"

    @property
    def other(self) -> Slot:
        return "b" if self.slot == "a" else "a"


def builds(models: Iterable[View[Any] | Aggregate[Any]]) -> list[Build]:
    """Views with their aggregates, in slot a."""
    models = list(models)
    aggregates = [each for each in models if isinstance(each, Aggregate)]
    views = {(each.name, each.version): each for each in models if isinstance(each, View)}
    views |= {(each.of.name, each.of.version): each.of for each in aggregates}
    return [Build(view, tuple(each for each in aggregates if each.of == view)) for view in views.values()]


class Checkpoint(Struct, frozen=True):
    """Everything up to `position` of a log's `generation` is in a build's rows, or parked."""

    view: str
    version: int
    slot: Slot = "a"
    generation: int = 0
    position: int = 0
    mark: bytes = b""
    """Identifies the event at `position`, which another may bear after a restore."""
    at: datetime | None = None
    """When that event was recorded."""
    digest: bytes = EMPTY
    rows: int = 0
    parked: int = 0

    @property
    def key(self) -> Key:
        return self.view, self.version, self.slot

    @property
    def place(self) -> tuple[int, bytes]:
        """Builds at the same place share their next pass."""
        return self.position, self.mark


def mark(recorded: Recorded) -> bytes:
    """Identifies an event, and by its generation all that stands before it.

    The event id is not enough: a model makes the same prediction again, under the same id, where a tail was lost.
    """
    place = f"{recorded.generation} {recorded.position} {recorded.stream} {recorded.version}"
    text = f"{place} {recorded.type} {recorded.meta.event}"
    return sha256(text.encode()).digest()


class Parked(Struct, frozen=True):
    """An event that a build could not take, or that waits behind such a one."""

    position: int
    stream: str
    type: str
    why: str
    """Never holds what the event says, only where and how it failed."""
    column: str = ""
    """The rows it touches; "" where nobody knows which: then whatever its stream touches waits."""
    value: Any = None
    behind: int | None = None
    """The position of the event that it waits for; None where it failed itself."""


class Change(NamedTuple):
    """How an aggregate's group changed on a day."""

    day: date
    group: tuple[Hashable, ...]
    by: int


class Changes(Struct):
    """What a batch makes of a build."""

    new: list[Any] = field(default_factory=list)
    changed: list[Any] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    """In which the changed rows differ from what they were."""
    gone: list[Hashable] = field(default_factory=list)
    sums: dict[str, list[Change]] = field(default_factory=dict)
    """By the aggregate's name."""
    parked: list[Parked] = field(default_factory=list)
    words: list[tuple[int, Words]] = field(default_factory=list)
    """By the position of the event that says them."""
    digest: int = 0
    rows: int = 0


class Difference(NamedTuple):
    """A row in which the live copy of a view and the one built beside it differ; None where a copy has no such row.

    Of an aggregate: its change on a day, 0 where there is none.
    """

    key: Hashable
    """Of an aggregate: its name, the day, and the group."""
    live: Any
    rebuilt: Any


class Wanted(NamedTuple):
    """Rows to load: those of a build whose column holds one of these values."""

    build: Build
    column: str
    values: Sequence[Hashable]


class Unread(Exception):
    """Nobody reads a view of that name, or not yet."""


class Spoilt(Exception):
    """The rows of a copy that was just built are not what was folded: somebody else writes to it."""


class Stale(Exception):
    """Somebody else has moved the checkpoint: whatever was computed from it is void."""


class Later(Exception):
    """Not now: somebody else holds the checkpoints, or a look at a copy takes its time. Other tenants come first."""


class Unstorable(Exception):
    """The store refuses what a build made of a batch: a zero byte in a text, a number too large, a key's second row.

    `why` names the rule that was broken, never the value.
    """

    def __init__(self, build: Build, why: str) -> None:
        super().__init__(f"{build.name}: {why}")
        self.build = build
        self.why = why


class Tail(Protocol):
    """The part of a tenant's log that a runner reads; `application.ports.Log` has it."""

    tenant: UUID

    def read(self, after: int, limit: int = 1000, upto: int | None = None) -> list[Recorded]: ...

    def head(self) -> tuple[int, int]: ...


class Work(Protocol):
    """One transaction of a tenant's store."""

    def lock(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Hold these checkpoints until the end. Raises `Stale` where one is not what the store has."""
        ...

    def begin(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint. Raises `Stale` where there is one."""
        ...

    def load(self, wanted: Sequence[Wanted]) -> list[list[Any]]: ...

    def write(self, build: Build, packed: Any) -> None:
        """What the store has packed: rows, aggregates and parked events. Raises `Unstorable`."""
        ...

    def advance(self, checkpoints: Sequence[Checkpoint]) -> None: ...

    def parked(self, build: Build) -> list[Parked]:
        """In the order of the log."""
        ...

    def unpark(self, build: Build, positions: Sequence[int]) -> None: ...

    def clear(self, build: Build) -> None:
        """Remove the build's rows, aggregates and parked events of this tenant."""
        ...

    def scan(self, build: Build) -> Iterator[Any]:
        """All rows, in the order of their keys."""
        ...

    def digest(self, build: Build) -> bytes:
        """The digest of all rows as they are read back."""
        ...

    def unequal(self, one: Build, other: Build) -> Iterator[tuple[str, tuple[Any, ...], int, int]]:
        """Aggregate, day and group, and the two changes, wherever an aggregate differs between two slots of a view."""
        ...

    def pointed(self, checkpoint: Checkpoint) -> datetime | None:
        """When readers of this view and version were last pointed to a slot; None where they never were."""
        ...

    def point(self, checkpoint: Checkpoint) -> None:
        """Let readers of this view and version read this slot, of this generation."""
        ...

    def forget(self, checkpoint: Checkpoint) -> None:
        """Remove a checkpoint, so that its build is no longer kept up, and what the build had parked."""
        ...


class Store(Protocol):
    """A tenant's read models."""

    tenant: UUID

    def checkpoints(self) -> list[Checkpoint]: ...

    def live(self) -> dict[tuple[str, int], Slot]:
        """Which slot readers read, by view and version; a view that was never ready is missing."""
        ...

    def begin(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Add those that are not there yet."""
        ...

    def work(self) -> AbstractContextManager[Work]:
        """Raises `Later`, with nothing done, where somebody else holds for long what it wants to change."""
        ...

    def still(self) -> AbstractContextManager[tuple[list[Checkpoint], Work]]:
        """All checkpoints, and what reads the rows beside them, as it was at one moment. It delays nobody."""
        ...

    def load(self, wanted: Sequence[Wanted]) -> list[list[Any]]:
        """Rows as they were last committed, whoever may be about to change them."""
        ...

    def pack(self, build: Build, changes: Changes) -> Any:
        """What `Work.write` and `write` take: made without the database. Raises `Unstorable`."""
        ...

    def write(self, before: Sequence[Checkpoint], packed: Sequence[Any], after: Sequence[Checkpoint]) -> None:
        """Lock, write and advance in one exchange.

        Raises `Stale`, `Later`, and `Unstorable` of any build, with nothing done.
        """
        ...

    def lag(self) -> list[Lag]: ...
