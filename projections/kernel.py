"""Views: rows folded from facts; aggregates: sums folded from the changes of a view; queries: what is asked of them."""

from collections.abc import Callable, Hashable, Iterable
from datetime import date, datetime
from operator import attrgetter
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, Self, TypeVar, get_args

from msgspec import Struct, to_builtins

from domain.kernel import Fact, Recorded
from projections.words import Names, Says, Words

Row = TypeVar("Row", bound=Struct)


class Where(NamedTuple):
    """The rows a fact touches: those whose indexed column holds this value."""

    column: str
    value: Hashable


class Home(NamedTuple):
    """Where a row's personal values were recorded: the stream and the version, as the values of these columns name it.

    `of` gives the beginning of every binding that the row may hold, such as `prospects/<uuid>@`.
    """

    columns: tuple[str, ...]
    of: Callable[..., str]

    @classmethod
    def stream(cls, capability: str, column: str) -> Self:
        """The stream of this capability that the column names, at any version."""
        # `str` of a UUID takes several times as long, and pages are long.
        return cls((column,), lambda id: f"{capability}/{to_builtins(id)}@")


class View(Struct, Generic[Row], frozen=True):
    """One read model: a row type, the rows a fact touches, and what becomes of them.

    The row type's first field is the key within the tenant. A field typed `Personal[...]` is stored sealed. Annotated
    further with `Meta(extra={"lookup": True})` it can be found by its exact value; `{"lookup": ("ip", "session")}`
    names the fields of a structured value that can. Neither sorting nor searching by a part is possible with them.
    It bears the name of the field that it was recorded in, and stands in the row that `home` says, or it is not shown:
    who can write to the database could else put one person's values into another's row.
    """

    name: str
    version: int
    row: type[Row]
    select: Callable[[Recorded], Where | None]
    evolve: Callable[[list[Row], Recorded], list[Row]]
    """Gets the touched rows in the order of their keys. It says what happened, reads no clock and does not judge."""
    indexes: tuple[tuple[str, ...], ...] = ()
    """Further indexes, for what `select` looks for and queries filter by; sorts and lookups have theirs anyway."""
    facts: Any = Fact
    """The union of the facts that it reads; others are passed over. An event that cannot be read is parked if its tag
    is one of theirs, and in any case where nothing is said here."""
    filters: tuple[str, ...] = ()
    """The columns that queries may filter by, equality for each, ranges for numbers and times."""
    sorts: tuple[str, ...] = ()
    """The columns that queries may sort by, the first unless they say otherwise; the key settles ties."""
    unreadable: bool = False
    """Whether it takes an `Unreadable` like any other fact."""
    home: Home | None = None
    """Needed where a field is personal."""
    words: Callable[[Recorded], Words] | None = None
    """The words by which a row's event is found, of a view whose key is the position and whose rows never go."""

    @property
    def key(self) -> str:
        return self.row.__struct_fields__[0]

    @property
    def types(self) -> tuple[type[Fact], ...]:
        return get_args(self.facts) or (self.facts,)

    def fold(self, rows: list[Row], batch: Iterable[Recorded]) -> list[Row]:
        """The specification of the runner: it does the same on the database, a batch at a time."""
        key = attrgetter(self.key)
        for recorded in batch:
            if isinstance(recorded.fact, self.types) and (where := self.select(recorded)):
                touched = sorted((row for row in rows if getattr(row, where.column) == where.value), key=key)
                rows = [row for row in rows if row not in touched] + self.evolve(touched, recorded)
        return rows


class Aggregate(Struct, Generic[Row], frozen=True):
    """Counts per group and day over a view's rows, kept by adding what a row became and taking off what it was.

    `columns` names the group's columns and their types; `group` gives a row's values for them. The stored row is
    (day, *group, change): the count at a day's end is the sum of the changes up to it. It stands and falls with its
    view: to add or change one, raise the view's version too.
    """

    name: str
    version: int
    of: View[Row]
    columns: tuple[tuple[str, type], ...]
    group: Callable[[Row], tuple[Hashable, ...]]


class Is(NamedTuple):
    """Rows whose column holds exactly this value; of a personal column, the value in the clear."""

    column: str
    value: Any


class Within(NamedTuple):
    """Rows whose column, a number or a time, is at least `least` and below `below`; None leaves that end open."""

    column: str
    least: Any = None
    below: Any = None


class Either(NamedTuple):
    """Rows whose column holds exactly this value, or whose event has this among its own words."""

    column: str
    value: Any
    word: str


Wanted = Is | Within | Says | Names | Either
"""What is asked of a view's rows: all of it has to hold."""


class Page(Struct, Generic[Row], frozen=True):
    """Some rows in order, and the cursor to go on from: "" at the end."""

    rows: list[Row]
    cursor: str = ""


class Count(Struct, frozen=True):
    """How many rows a group holds."""

    group: tuple[Any, ...]
    count: int


class Day(Struct, frozen=True):
    """How a group's count changed on a day (UTC), and what it came to at its end."""

    day: date
    group: tuple[Any, ...]
    change: int
    count: int


Per = Literal["hour", "day"]


class Tally(Struct, frozen=True):
    """How many rows there are of each value of some columns, each column apart; or in each hour or day."""

    total: int
    whole: bool
    """Whether all that match were counted, and not only the newest."""
    counts: list[Count]
    """Groups are (column, value as text), or (when the hour or day begins,); what is empty is not counted."""


class Lag(Struct, frozen=True):
    """How far a view is behind its tenant's log; `seconds` is the age of the oldest event it has not seen."""

    view: str
    version: int
    positions: int
    seconds: float
    parked: int
    generation: int
    position: int
    at: datetime | None


class Reads(Protocol):
    """One tenant's read models. A question that cannot be asked is `Refused` with a code `query.…`."""

    async def one(self, view: View[Row], key: Hashable) -> Row | None: ...

    async def page(
        self,
        view: View[Row],
        where: Iterable[Wanted] = (),
        *,
        sort: str = "",
        limit: int = 50,
        cursor: str = "",
        fields: tuple[str, ...] = (),
    ) -> Page[Row]:
        """Rows in the order of a declared column, `-column` for the last first.

        With `fields`, rows of a struct that has these fields alone, and the key. Raises `Refused` with
        `query.unknown-field`, `query.personal-field`, `query.not-filterable`, `query.not-sortable`,
        `query.wrong-type`, `query.words`, `query.limit` or `query.cursor`.
        """
        ...

    async def counts(self, aggregate: Aggregate[Any], by: tuple[str, ...] = (), at: date | None = None) -> list[Count]:
        """Groups that are not empty, at the end of a day (UTC) or now; `by` names some of the group's columns."""
        ...

    async def daily(
        self,
        aggregate: Aggregate[Any],
        by: tuple[str, ...] = (),
        since: date | None = None,
        until: date | None = None,
    ) -> list[Day]:
        """The days from `since` to `until`, both included, on which a group's count changed."""
        ...

    async def changed(
        self,
        aggregate: Aggregate[Any],
        by: tuple[str, ...] = (),
        where: Iterable[Is] = (),
        since: date | None = None,
        until: date | None = None,
    ) -> list[Count]:
        """By how much groups changed over the days, both included; `by` may name `day` too, `where` only columns."""
        ...

    async def tally(
        self,
        view: View[Any],
        by: tuple[str, ...],
        where: Iterable[Wanted] = (),
        *,
        most: int,
        per: Per | None = None,
        top: int | None = None,
    ) -> Tally:
        """The newest `most` rows counted: by columns, or with `per` by one that holds a time.

        With `top`, so many values of each column, the most frequent; nothing at all counts as one and is left out.
        """
        ...

    async def reached(
        self, position: int, seconds: float, generation: int | None = None, views: Iterable[View[Any]] = ()
    ) -> bool:
        """Wait until the views (all, if none is named) hold everything up to a position; False where they do not.

        A position of an older generation than the views' is one that they will never see again: False at once.
        """
        ...

    async def lag(self) -> list[Lag]: ...


class Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question to the read models. `permission` is checked by the pipeline before `answer` is called."""

    permission: ClassVar[str]

    async def answer(self, reads: Any) -> Any:
        """`reads` is the tenant's `Reads`."""
        raise NotImplementedError
