"""What models keep of their past, sealed in PostgreSQL under a key of its own, which forgetting destroys."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from msgspec import msgpack

from adapters.crypto import SubjectKey
from adapters.erasures import Erasures
from adapters.keyring import Ring
from adapters.log import TenantLog
from adapters.postgres.database import Database
from application.predictions import Latest
from domain.predictions import Features, Made, predictions
from projections.predictions.kept import Adopted, Lesson, Note, Point, Stand

WHOLE = "whole"
"""The kind of note that holds all of a model; of those a fold has one, the last."""
_LIVE = """
    select {} from everlog.model_folds f
    join everlog.heads h on h.tenant_id = f.tenant_id and h.generation = f.generation
    join everlog.subject_keys k on k.tenant_id = f.tenant_id and k.subject = f.fold and k.wrapped is not null
    where f.tenant_id = %(tenant)s and f.model = %(model)s and {}"""
_FOLD = _LIVE.format("f.fold", "f.build = %(build)s order by f.begun_at desc limit 1")
_REACHING = _LIVE.format(
    "f.fold, f.erased_at",
    "f.position >= %(position)s order by f.build = %(build)s desc, f.begun_at desc limit 1",
)
_BEGIN = """
    insert into everlog.model_folds (tenant_id, fold, model, build, generation, begun_at)
    select tenant_id, %(fold)s, %(model)s, %(build)s, generation, %(at)s
    from everlog.heads where tenant_id = %(tenant)s"""
_PAST = """
    select f.fold from everlog.model_folds f join everlog.heads h on h.tenant_id = f.tenant_id
    where f.tenant_id = %s and f.generation <> h.generation"""
_ALL = "select fold from everlog.model_folds where tenant_id = %s"
_TOLD = """
    with live as (
        update everlog.model_folds as m
        set position = greatest(m.position, %(position)s), erased_at = coalesce(m.erased_at, %(erased)s)
        where m.tenant_id = %(tenant)s and m.fold = ({})
        returning m.fold)
    insert into everlog.model_notes (tenant_id, fold, kind, position, body)
    select %(tenant)s, live.fold, new.* from live,
        unnest(%(kinds)s::text[], %(positions)s::bigint[], %(bodies)s::bytea[]) as new
    on conflict do nothing"""
_PUT = _TOLD.format(_LIVE.format("f.fold", "f.fold = %(fold)s"))
_LEFT_BEHIND = """
    with live as ({}),
    earlier as (
        delete from everlog.model_notes n using live
        where n.tenant_id = %(tenant)s and n.fold = live.fold and n.kind = 'whole' and n.position < %(position)s)
    insert into everlog.model_notes (tenant_id, fold, kind, position, body)
    select %(tenant)s, fold, 'whole', %(position)s, %(body)s from live
    on conflict do nothing"""
_LEAVE = _LEFT_BEHIND.format(_LIVE.format("f.fold", "f.fold = %(fold)s"))
_LEFT = """
    select position, body from everlog.model_notes
    where tenant_id = %s and fold = %s and kind = 'whole' order by position desc limit 1"""
_OUTDATED = """
    delete from everlog.model_notes n using everlog.model_folds f
    where n.tenant_id = %(tenant)s and n.kind = 'whole' and n.fold <> %(fold)s
        and f.tenant_id = n.tenant_id and f.fold = n.fold and f.model = %(model)s"""
_NEAR = """
    with notes as (
        select kind, position from everlog.model_notes
        where tenant_id = %(tenant)s and fold = %(fold)s and position <= %(position)s and kind <> 'whole'),
    last as (select kind, max(position) as position from notes where kind <> 'lesson' group by kind)
    select n.kind, n.position, n.body from last l join everlog.model_notes n
        on n.tenant_id = %(tenant)s and n.fold = %(fold)s and n.kind = l.kind and n.position = l.position
    union all
    select n.kind, n.position, n.body from everlog.model_notes n
    where n.tenant_id = %(tenant)s and n.fold = %(fold)s and n.kind = 'lesson' and n.position <= %(position)s
        and n.position > coalesce((select position from last where kind = 'state'), 0)
    order by 2"""
_FORGET = (
    "delete from everlog.model_folds where tenant_id = %s and fold = any(%s)",
    "delete from everlog.model_notes where tenant_id = %s and fold = any(%s)",
)


class Kept:
    """`application.predictions.Kept`. To write, the database's role is the worker's."""

    def __init__(self, log: TenantLog, ring: Ring, database: Database, erasures: Erasures) -> None:
        self._log = log
        self._ring = ring
        self._database = database
        self._erasures = erasures

    def begin(self, model: str, build: str) -> "Keeping":
        named: dict[str, Any] = {"tenant": self._ring.tenant, "model": model, "build": build}
        self._drop([fold for (fold,) in self._database.query(self._ring.tenant, _PAST, [self._ring.tenant])])
        if found := self._database.query(self._ring.tenant, _FOLD, named):
            return Keeping(found[0][0], model, self._ring, self._database)
        named |= {"fold": (fold := uuid4())}
        self._ring.ensure([fold])
        self._database.query(self._ring.tenant, _BEGIN, named | {"at": datetime.now(UTC)})
        # Workers of an earlier build need not go on from there any more; what it predicted is still made again.
        self._database.query(self._ring.tenant, _OUTDATED, named)
        return Keeping(fold, model, self._ring, self._database)

    def near(self, model: str, build: str, position: int) -> Point | None:
        tenant = self._ring.tenant
        asked = {"tenant": tenant, "model": model, "build": build, "position": position}
        found = self._database.query(tenant, _REACHING, asked)
        if not found:
            return None
        [(fold, erased_at)] = found
        key = self._ring.fetch([fold]).get(fold)
        if not isinstance(key, SubjectKey):
            return None
        rows = self._database.query(tenant, _NEAR, {"tenant": tenant, "fold": fold, "position": position})
        notes = [_opened(key, model, kind, at, body) for kind, at, body in rows]
        lessons = self._taught([each for each in notes if isinstance(each, Lesson)])
        if lessons is None:
            return None
        stand = next((each for each in notes if isinstance(each, Stand)), None)
        adopted = tuple(each for each in notes if isinstance(each, Adopted))
        return Point(position, stand, lessons, adopted, erased_at if erased_at and erased_at <= position else None)

    def forget(self) -> int:
        return self._drop([fold for (fold,) in self._database.query(self._ring.tenant, _ALL, [self._ring.tenant])])

    def _taught(self, lessons: Sequence[Lesson]) -> tuple[tuple[Lesson, Made], ...] | None:
        """Each with the prediction that it is about; None where somebody is erased by now."""
        facts = self._log.firsts([f"{predictions.name}/{each.prediction}" for each in lessons])
        opened = self._log.open(tuple(each.fact for each in facts))
        made = {each.id: fact for each, fact in zip(facts, opened, strict=True)}
        pairs = [(each, made.get(each.prediction)) for each in lessons]
        if not all(isinstance(fact, Made) and isinstance(fact.features, Features) for _, fact in pairs):
            return None
        return tuple(pairs)  # type: ignore[arg-type] # each was just looked at

    def _drop(self, folds: list[UUID]) -> int:
        if not folds:
            return 0
        tenant = self._ring.tenant
        self._erasures.erase(tenant, folds)
        with self._database.transaction(tenant) as connection:
            return [connection.execute(each, [tenant, folds]).rowcount for each in _FORGET][-1]


class Keeping:
    """`application.predictions.Keeping`."""

    def __init__(self, fold: UUID, model: str, ring: Ring, database: Database) -> None:
        self._fold = fold
        self._model = model
        self._ring = ring
        self._database = database

    def put(self, notes: Sequence[Note], position: int, erased_at: int | None) -> None:
        if (key := self._key()) is None:
            return
        given = {
            "tenant": self._ring.tenant,
            "model": self._model,
            "fold": self._fold,
            "position": position,
            "erased": erased_at,
            "kinds": [kind(each) for each in notes],
            "positions": [each.position for each in notes],
            "bodies": [_sealed(key, self._model, each) for each in notes],
        }
        self._database.query(self._ring.tenant, _PUT, given)

    def leave(self, latest: Latest) -> None:
        if key := self._key():
            body = key.seal(msgpack.encode(latest), _binding(self._model, WHOLE, latest.position))
            given = {"tenant": self._ring.tenant, "model": self._model, "fold": self._fold}
            self._database.query(self._ring.tenant, _LEAVE, given | {"position": latest.position, "body": body})

    def left(self) -> Latest | None:
        rows = self._database.query(self._ring.tenant, _LEFT, [self._ring.tenant, self._fold])
        if not rows or (key := self._key()) is None:
            return None
        [(position, body)] = rows
        return msgpack.decode(key.open(body, _binding(self._model, WHOLE, position)), type=Latest)

    def _key(self) -> SubjectKey | None:
        """None where it was destroyed: nothing is kept any more."""
        key = self._ring.get(self._fold) or self._ring.fetch([self._fold]).get(self._fold)
        return key if isinstance(key, SubjectKey) else None


def kind(note: Note) -> str:
    """Of one kind there is one note at a position."""
    match note:
        case Stand():
            return "state"
        case Lesson():
            return "lesson"
        case Adopted():
            return f"adopted {note.challenger}"


def _sealed(key: SubjectKey, model: str, note: Note) -> bytes:
    return key.seal(msgpack.encode(note), _binding(model, kind(note), note.position))


def _opened(key: SubjectKey, model: str, kind: str, position: int, body: bytes) -> Note:
    """Raises `tenants.keys.Misplaced`."""
    return msgpack.decode(key.open(body, _binding(model, kind, position)), type=Note)  # type: ignore[no-any-return] # a union cannot be named as a type


def _binding(model: str, kind: str, position: int) -> str:
    return f"{model} {kind}@{position}"
