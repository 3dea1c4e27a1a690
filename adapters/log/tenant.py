"""One tenant's log, as `application.ports.Log` has it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from msgspec import Struct

from adapters.codec import Codec, Elsewhere, Opener
from adapters.keyring import Ring
from adapters.log.draft import Draft, told
from adapters.log.line import Line
from adapters.log.states import States
from adapters.postgres.atom import Committed, Gone, Minting
from adapters.postgres.database import Database
from adapters.postgres.recorder import Recorder
from application.kernel import Once
from application.pending import Pending
from application.ports import Appended, Conflict, Loaded, Reused
from domain.kernel import Decider, Fact, Meta, Recorded, State
from tenants.keys import Missing

T = TypeVar("T")
_PAGE = 1_000
_TRIES = 5
"""Of an append whose new keys others mint at the same time."""

_STAMP = """
    select s.request, s.first, s.last, s.recorded_at, s.generation, coalesce(e.version, 0)
    from everlog.stamps s
    left join everlog.events e on e.tenant_id = s.tenant_id and e.position = s.last and s.last >= s.first
    where s.tenant_id = %s and s.credential = %s and s.key = %s"""


class Parts(Struct, frozen=True):
    """What a tenant's log is made of."""

    recorder: Recorder
    ring: Ring
    codec: Codec
    opener: Opener
    states: States
    database: Database
    threads: Executor


class TenantLog:
    """Reads are decoded and left sealed. `tenants.keys.Tokens` as well, for read models."""

    def __init__(self, tenant: UUID, parts: Parts) -> None:
        self.tenant = tenant
        self._recorder = parts.recorder
        self._ring = parts.ring
        self._codec = parts.codec
        self._opener = parts.opener
        self._states = parts.states
        self._database = parts.database
        self._threads = parts.threads
        self._line = Line(parts.ring, parts.threads, self._send)

    async def load(self, stream: str, decider: Decider[State]) -> Loaded[State]:
        """Raises `adapters.log.Unfoldable` where an event of the stream cannot be read."""
        folded = await self._states.load(stream, decider)
        return Loaded(await self.opened(folded.state), folded.version, folded.position, folded.generation)

    def submit(
        self, stream: str, expected: int, facts: Sequence[Fact], meta: Meta, once: Once | None = None
    ) -> Pending[Appended]:
        """Seals at once where all keys are at hand, else in a thread; what goes wrong is in the answer.

        Raises `adapters.codec.Illegal` for a fact of no decider.
        """
        draft = Draft(self._codec, stream, expected, facts, meta, once)
        if self._line.empty and draft.ready(self._ring):
            self._send(draft)
        else:
            self._wait(draft)
        return draft.answer

    async def repeat(self, once: Once) -> Appended | None:
        key, request = await self._off_loop(self._ring.stamp, once.credential, once.key, once.request)
        rows = await self._database.fetch(self.tenant, _STAMP, [self.tenant, once.credential, key])
        if not rows:
            return None
        kept, first, last, at, generation, version = rows[0]
        if kept != request:
            raise Reused
        return Appended(first, last, version, at, generation, repeated=True)

    def read(self, after: int, limit: int = 1000, upto: int | None = None) -> list[Recorded]:
        return [self._codec.decode(raw) for raw in self._recorder.rows(after, limit, upto)]

    async def tail(self, after: int, limit: int = 1000) -> list[Recorded]:
        return [self._codec.decode(raw) for raw in await self._recorder.tail(after, limit)]

    async def at(self, positions: Sequence[int]) -> list[Recorded]:
        return [self._codec.decode(raw) for raw in await self._recorder.at(positions)]

    def stream(self, stream: str, upto: int | None = None) -> Iterator[Recorded]:
        after = 0
        while raws := self._recorder.stream_rows(stream, after, upto, _PAGE):
            yield from map(self._codec.decode, raws)
            after = raws[-1][2]

    async def history(self, stream: str, upto: int | None = None) -> list[Recorded]:
        return [self._codec.decode(raw) for raw in await self._recorder.history(stream, 0, upto)]

    def firsts(self, streams: Sequence[str]) -> list[Recorded]:
        """The first fact of each of these streams that there is, sealed and in no order."""
        return [self._codec.decode(raw) for raw in self._recorder.firsts(streams)]

    def head(self) -> tuple[int, int]:
        return self._recorder.head()

    def open(self, value: T) -> T:
        """Raises `tenants.keys.Misplaced` for a value that was not recorded in its place, `Missing` for a lost key."""
        opened, missing = self._opener.open(value, self._ring.get)
        return self._open_with(self._fetched(missing), value) if missing else opened

    async def opened(self, value: T) -> T:
        opened, missing = self._opener.open(value, self._ring.get)
        if not missing:
            return opened  # type: ignore[no-any-return] # a copy of what was given
        return self._open_with(await self._off_loop(self._fetched, missing), value)

    async def opened_fields(self, rows: Sequence[Struct], names: Sequence[str]) -> list[dict[str, Any]]:
        open_fields = self._opener.fields.open
        with suppress(Elsewhere):
            opened = open_fields(rows, names, self._ring.get)
            if opened.missing:
                await self._off_loop(self._fetched, opened.missing)
                opened = open_fields(rows, names, self._ring.get)
            if not opened.missing:
                return opened.rows
        # Sealed in ways of their own, or under keys that were forgotten as soon as they were fetched.
        return [{name: getattr(row, name) for name in names} for row in await self.opened(tuple(rows))]

    def token(self, scope: str, value: str) -> bytes:
        return self._ring.token(scope, value)

    async def tokened(self, scope: str, value: str) -> bytes:
        """The same, for the edge."""
        if self._ring.keys.ready:
            return self._ring.token(scope, value)
        return await self._off_loop(self._ring.token, scope, value)

    def _send(self, draft: Draft) -> None:
        try:
            self._recorder.hand(draft.atom(self._codec, self._ring), partial(self._settle, draft))
        except Exception as problem:  # noqa: BLE001 - whatever it is, the caller is told
            self._refuse(draft, problem)

    def _settle(self, draft: Draft, outcome: Committed | Exception) -> None:
        """Called in the committer's thread, so nothing here waits."""
        if isinstance(outcome, Committed):
            self._accept(draft, outcome)
        elif isinstance(outcome, Minting) and draft.tries < _TRIES:
            self._retry(draft)
        elif isinstance(outcome, Gone) and not draft.forgot:
            # Erased, unless the log has lost the tail in which a key at hand was minted: the database says which.
            draft.forgot = True
            self._ring.forget(draft.subjects)
            self._retry(draft)
        else:
            self._refuse(draft, outcome)

    def _retry(self, draft: Draft) -> None:
        draft.tries += 1
        draft.minted = ()
        self._wait(draft)

    def _accept(self, draft: Draft, done: Committed) -> None:
        if done.repeated:
            try:
                self._threads.submit(self._answer_again, draft, done)
            except RuntimeError as closed:
                draft.answer.set_exception(closed)
            return
        if draft.minted:
            self._ring.keep((each.subject, key) for each, key in draft.minted)
        version = draft.expected + len(draft.facts)
        draft.answer.set_result(Appended(done.first, done.last, version, done.at, done.generation))

    def _wait(self, draft: Draft) -> None:
        try:
            self._line.put(draft)
        except RuntimeError as closed:
            draft.answer.set_exception(closed)

    def _answer_again(self, draft: Draft, done: Committed) -> None:
        """The earlier answer; the version it led to has to be looked up."""
        try:
            rows = self._recorder.rows(done.last - 1, 1, done.last) if done.last >= done.first else []
        except Exception as problem:  # noqa: BLE001 - whatever it is, the caller is told
            draft.answer.set_exception(problem)
            return
        version = rows[0][2] if rows else draft.expected
        again = Appended(done.first, done.last, version, done.at, done.generation, repeated=True)
        draft.answer.set_result(again)

    def _refuse(self, draft: Draft, problem: BaseException) -> None:
        if isinstance(problem, Gone):
            self._ring.forget(draft.subjects)
        answer = told(problem)
        if isinstance(answer, Conflict):
            self._states.forget(draft.stream)
        draft.answer.set_exception(answer)

    def _fetched(self, subjects: set[UUID]) -> dict[UUID, Any]:
        found = self._ring.fetch(subjects)
        if lost := subjects - found.keys():
            raise Missing(f"{len(lost)} subjects of tenant {self.tenant} have no key, and never were erased.")
        return found

    def _open_with(self, found: dict[UUID, Any], value: T) -> T:
        def key_of(subject: UUID) -> Any:
            return found.get(subject) or self._ring.get(subject) or self._fetched({subject})[subject]

        return self._opener.open(value, key_of)[0]  # type: ignore[no-any-return] # a copy of what was given

    async def _off_loop(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
