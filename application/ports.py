"""What the application needs of the world; `api.bootstrap` joins each to an adapter."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable
from uuid import UUID

from msgspec import Struct

from application.kernel import Caller, Once
from application.pending import Pending
from domain.audit import Look
from domain.kernel import Actor, Circumstances, Decider, Fact, Meta, Recorded, State

T = TypeVar("T")


class Loaded(Struct, Generic[State], frozen=True):
    """A stream's state with personal values opened (or `Erased`), and its version: 0 where there is no stream yet."""

    state: State
    version: int
    position: int = 0
    """The position of the stream's last fact in the tenant's log."""
    generation: int = 0
    """The log's own, when this was read: in another one, the same version may have come about otherwise."""


class Appended(Struct, frozen=True):
    """Where the facts of one append stand: positions `first … last` (first > last where there were none)."""

    first: int
    last: int
    version: int
    at: datetime
    generation: int = 1
    repeated: bool = False
    """True where an idempotency key answered with what was recorded before."""


class Conflict(Exception):
    """The stream has moved on; load it again."""

    def __init__(self, stream: str, actual: int) -> None:
        super().__init__(f"{stream} is at version {actual}")
        self.actual = actual


class Taken(Exception):
    """Another stream of the tenant has reserved the same value. `scope` is the fact field's unique scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


class Reused(Exception):
    """The idempotency key was used before, with another request."""


class SubjectErased(Exception):
    """A subject's key is destroyed: nothing personal is recorded about them again."""


@runtime_checkable
class Log(Protocol):
    """One tenant's log. Every method names streams as `<capability>/<uuid>`."""

    tenant: UUID

    async def load(self, stream: str, decider: Decider[State]) -> Loaded[State]:
        """Fold a stream from its snapshot on, opened."""
        ...

    def submit(
        self, stream: str, expected: int, facts: Sequence[Fact], meta: Meta, once: Once | None = None
    ) -> Pending[Appended]:
        """Append to a stream that stands at version `expected`, in one transaction with others that are under way.

        `meta.event` is the first fact's event id; further facts get ids of their own. The answer raises `Conflict`,
        `Taken`, `Reused` or `SubjectErased`; a repeat of `once` answers with `repeated` set.
        """
        ...

    async def repeat(self, once: Once) -> Appended | None:
        """The earlier answer under this idempotency key, if there is one. Raises `Reused`."""
        ...

    def read(self, after: int, limit: int = 1000, upto: int | None = None) -> list[Recorded]:
        """The facts after a position in log order, personal values left sealed. Synchronous: for workers."""
        ...

    async def tail(self, after: int, limit: int = 1000) -> list[Recorded]:
        """The same, for the edge."""
        ...

    async def at(self, positions: Sequence[int]) -> list[Recorded]:
        """The facts at these positions in log order, sealed; what is beyond the log is missing. For the edge."""
        ...

    def stream(self, stream: str, upto: int | None = None) -> Iterator[Recorded]:
        """One stream's facts up to a version, sealed. Synchronous."""
        ...

    async def history(self, stream: str, upto: int | None = None) -> list[Recorded]:
        """The same, for the edge."""
        ...

    def head(self) -> tuple[int, int]:
        """Generation and last position of the tenant's log."""
        ...

    def open(self, value: T) -> T:
        """A copy of a fact, state, row or tuple of them, every sealed value opened, `Erased` where its key is gone."""
        ...

    async def opened(self, value: T) -> T:
        """The same, for the edge: keys that are not at hand are fetched without blocking."""
        ...

    async def opened_fields(self, rows: Sequence[Struct], names: Sequence[str]) -> list[dict[str, Any]]:
        """Of each of many rows of one type, the fields of these names that were sealed, opened or `Erased`."""
        ...


@runtime_checkable
class Logs(Protocol):
    """The logs of all tenants, one at a time."""

    def of(self, tenant: UUID) -> Log: ...


class Decision(Struct, frozen=True):
    allowed: bool
    rule: str
    """The rule that allowed it, or why none did."""


@runtime_checkable
class Access(Protocol):
    """Who may do what. Default deny."""

    async def decide(self, caller: Caller, permission: str, resource: str = "") -> Decision: ...


@runtime_checkable
class Query(Protocol):
    """What is asked of the read models; the capabilities' queries in `projections` have this shape."""

    permission: ClassVar[str]

    async def answer(self, reads: Any) -> Any: ...


@runtime_checkable
class Reads(Protocol):
    """One tenant's read models, as far as the pipeline must know them."""

    async def reached(self, position: int, seconds: float, generation: int | None = None, views: Any = ()) -> bool:
        """Wait until the views (all, if none is named) hold everything up to a position; False where they do not."""
        ...


@runtime_checkable
class Ground(Protocol):
    """Where a new tenant is to stand."""

    async def prepare(self, tenant: UUID) -> None:
        """Give a tenant the head of its log and its keys. Doing it again changes nothing."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """Models of other processes, asked now."""

    async def score(self, tenant: UUID, payload: Any, type: type[T]) -> T:
        """Ask with anything that JSON can hold, and read the answer as `type`. Raises `Unanswered` and `Refused`."""
        ...


class Seen(Struct, frozen=True, kw_only=True):
    """One answer that shows what is about persons, before it is given."""

    tenant: UUID
    actor: Actor
    on_behalf_of: Actor | None
    permission: str
    rule: str
    circumstances: Circumstances
    query: str
    filter: tuple[tuple[str, str], ...]
    fields: tuple[str, ...]
    look: Look


@runtime_checkable
class Journal(Protocol):
    """Where answers are noted before they are given, and from where they get into the log."""

    async def keep(self, seen: Seen, serving: int = 1, /) -> None:
        """Return once it outlasts a crash. Raises `Unrecorded`.

        `serving` is how many requests are under way here: others may be about to be kept, and can share the way.
        """
        ...


class Unanswered(Exception):
    """Nobody answered who could have; try again after `seconds`."""

    code: ClassVar[str] = "service.unavailable"
    """What the API calls it."""
    soon: ClassVar[int] = 1

    def __init__(self, seconds: int = 0) -> None:
        super().__init__(seconds or self.soon)
        self.seconds = seconds or self.soon


class NoRoom(Unanswered):
    """Nothing was recorded: the log's disk is full."""

    code = "storage.full"
    soon = 10


class Closed(Unanswered):
    """Nothing was recorded: the tenant is moving to another installation, and its log is only read."""

    code = "tenancy.closed"
    soon = 60


class Unrecorded(Unanswered):
    """Nothing is shown: that it was read cannot be written down."""

    code = "audit.unrecorded"
    soon = 5
