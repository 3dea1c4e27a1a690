"""Rows as they are answered: what is about a person is shown to who may see it, and marked where it is not."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict, fields

from api.shapes import holds_structs, is_pairs, is_personal
from application.access import name as named
from application.kernel import Caller
from application.pipeline import Pipeline
from application.ports import Journal, Logs, Seen
from domain.audit import Look
from domain.kernel import Erased, Sealed

_NOTHING: Mapping[str, Any] = {}
_PLANS = 500
"""Row types come and go with the fields that callers ask for."""


class Eyes:
    """Opens personal values for those who hold a permission."""

    def __init__(self, pipeline: Pipeline, logs: Logs, journal: Journal, serving: Callable[[], int]) -> None:
        """`serving` tells how many requests are under way."""
        self._pipeline = pipeline
        self._logs = logs
        self._journal = journal
        self._serving = serving

    async def may(self, caller: Caller, permission: str) -> bool:
        return await self._pipeline.may(caller, permission)

    async def look(self, caller: Caller, value: Any, permission: str) -> Any:
        """The value opened, or as it is where the caller may not see it."""
        if not await self._pipeline.may(caller, permission):
            return value
        return await self._logs.of(caller.tenant).opened(value)

    async def read(self, caller: Caller, rows: Sequence[Struct], names: Sequence[str]) -> list[dict[str, Any]]:
        """For who may see them: of each row, all of one type, the fields of these names that were sealed."""
        return await self._logs.of(caller.tenant).opened_fields(rows, names)

    async def note(self, caller: Caller, asked: "Sight", rows: int, shown: Iterable[tuple[str, Any]] = ()) -> None:
        """Write down which fields of so many rows are shown, as they were sealed. Raises `Unrecorded`.

        Where it returns, it outlasts a crash. Where nothing about a person is shown, lists alone are written down.
        """
        sealed = [(name, value.subject) for name, value in shown if isinstance(value, Sealed)]
        if not (sealed or asked.listed):
            return
        # By the integers of UUIDs, which hash many times faster than UUIDs do.
        subjects = tuple({subject.int: subject for _, subject in sealed}.values())
        permission = asked.permission if sealed else asked.query.permission
        decision = await self._pipeline.decide(caller, permission)
        await self._journal.keep(
            Seen(
                tenant=caller.tenant,
                actor=caller.actor,
                on_behalf_of=caller.on_behalf_of,
                permission=permission,
                rule=decision.rule,
                circumstances=caller.circumstances,
                query=named(asked.query),
                filter=asked.filter(subjects),
                fields=tuple(sorted({name for name, _ in sealed})),
                look=Look(datetime.now(UTC), rows, subjects, caller.correlation, caller.trace),
            ),
            self._serving(),
        )


class Sight(NamedTuple):
    """What was asked for, as far as the trail tells of it."""

    query: Any
    permission: str
    hidden: tuple[str, ...] = ()
    """Filters by what is about a person: that they were used is told, and not their values."""
    listed: bool = False
    """Whether it was a list: that is told of also where it showed nothing about a person, or nothing at all."""

    def filter(self, subjects: tuple[UUID, ...]) -> tuple[tuple[str, str], ...]:
        """Without the cursor: the pages of a list are answers to the same question.

        Nor is the person told who was asked for and shown: the subjects tell, and whoever reads of one person after the
        other has asked the same question of each.
        """
        names = (name for name in sorted(self.query.__struct_fields__) if name != "cursor")
        given = ((name, getattr(self.query, name)) for name in names)
        told = {name for name in self.query.__struct_fields__ if (getattr(self.query, name),) == subjects}
        left_out = told | set(self.hidden)
        return tuple((name, "" if name in left_out else _word(value)) for name, value in given if value is not None)


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


class Presenter:
    """Turns rows of a type, or of some of its fields, into what JSON holds."""

    def __init__(self, row: type[Struct], permission: str = "prospects.read-personal") -> None:
        self.permission = permission
        self._personal = frozenset(each.name for each in fields(row) if is_personal(each.type))
        self._structs = frozenset(each.name for each in fields(row) if holds_structs(each.type))
        self._pairs = _pairs(row)
        self._plans: dict[type[Struct], Plan] = {}

    async def rows(
        self, eyes: Eyes, caller: Caller, rows: Sequence[Struct], query: Any, hidden: tuple[str, ...] = ()
    ) -> list[dict[str, Any]]:
        """A list that answers a query, or a part of it; it is on record before it is returned. Raises `Unrecorded`."""
        return await self._shown(eyes, caller, rows, Sight(query, self.permission, hidden, listed=True))

    async def one(self, eyes: Eyes, caller: Caller, row: Struct, query: Any) -> dict[str, Any]:
        """The same of a single row, which is on record where it shows what is about a person."""
        [shown] = await self._shown(eyes, caller, [row], Sight(query, self.permission))
        return shown

    async def _shown(self, eyes: Eyes, caller: Caller, rows: Sequence[Struct], sight: Sight) -> list[dict[str, Any]]:
        may = await eyes.may(caller, self.permission)
        if not (may and self._personal and rows):
            await eyes.note(caller, sight, len(rows))
            return [self.show(row, may=may) for row in rows]
        names = self._plan(type(rows[0])).personal
        opened = await eyes.read(caller, rows, names)
        await eyes.note(caller, sight, len(rows), ((name, getattr(row, name)) for row in rows for name in names))
        return [self.show(row, may=True, opened=each) for row, each in zip(rows, opened, strict=True)]

    def show(self, row: Struct, *, may: bool, opened: Mapping[str, Any] = _NOTHING) -> dict[str, Any]:
        """`opened` holds what was sealed in the row, for who may see it."""
        plan = self._plan(type(row))
        shown = asdict(row)
        if opened:
            shown.update(opened)
        withheld: list[str] = []
        erased: list[str] = []
        for name in plan.personal:
            value = shown[name]
            kind = type(value)
            if kind is Erased:
                erased.append(name)
                shown[name] = None
            elif value is not None and (not may or kind is Sealed):
                withheld.append(name)
                shown[name] = None
        for name in plan.pairs:
            if shown[name] is not None:
                shown[name] = dict(shown[name])
        for name in plan.structs:
            shown[name] = _object(shown[name])
        shown["withheld"] = withheld
        shown["erased"] = erased
        return shown

    def _plan(self, kind: type[Struct]) -> "Plan":
        """What to do with rows of these fields: worked out once, since lists are long."""
        if plan := self._plans.get(kind):
            return plan
        names = kind.__struct_fields__
        plan = Plan(*(tuple(sorted(each.intersection(names))) for each in (self._personal, self._pairs, self._structs)))
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        self._plans[kind] = plan
        return plan


class Plan(NamedTuple):
    personal: tuple[str, ...]
    pairs: tuple[str, ...]
    structs: tuple[str, ...]


@cache
def _pairs(kind: type[Struct]) -> frozenset[str]:
    return frozenset(each.name for each in fields(kind) if is_pairs(each.type))


def _object(value: Any) -> Any:
    """What `shapes.shown` says of structs: plain objects, without tags."""
    if isinstance(value, Struct):
        pairs = _pairs(type(value))
        each = {name: getattr(value, name) for name in value.__struct_fields__}
        return {name: dict(inner) if name in pairs else _object(inner) for name, inner in each.items()}
    return [_object(each) for each in value] if isinstance(value, tuple) else value


def plain(value: Any, *, may: bool) -> Any:
    """Any value as JSON holds it; what is sealed or erased is null, and so is what is personal in a struct."""
    if isinstance(value, Sealed | Erased):
        return None
    if isinstance(value, Struct):
        personal = {each.name for each in fields(value) if is_personal(each.type)} if not may else set()
        return {
            name: None if name in personal else plain(getattr(value, name), may=may) for name in value.__struct_fields__
        }
    if isinstance(value, tuple | list):
        return [plain(each, may=may) for each in value]
    if isinstance(value, dict):
        return {str(name): plain(each, may=may) for name, each in value.items()}
    return value
