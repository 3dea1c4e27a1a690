"""One command on its way through the pipeline: decided on a state, appended, decided anew where the stream moved on."""

import asyncio
from datetime import datetime
from random import random
from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct

from application.kernel import Caller, Command, Once
from application.patience import Patience
from application.pending import Pending
from application.ports import Appended, Conflict, Loaded, Log, Reused, SubjectErased, Taken, Unanswered
from domain.kernel import Circumstances, Fact, Meta, Refused

ATTEMPTS = 12
"""How often a command is decided before it gives way to those that got in between."""
PAUSE = 0.004
"""Seconds, at most and per attempt, that it steps back before the next one."""


class Asked(Struct, frozen=True):
    """A command to one stream, as a request or a reaction puts it."""

    command: Command
    id: UUID
    expected: int | None = None
    """The version that the stream must have: the caller's `If-Match`."""
    generation: int | None = None
    """The log's generation that `expected` is a version of; a restored log may count the same versions again."""
    once: Once | None = None
    causation: UUID | None = None
    occurred_at: datetime | None = None

    @property
    def stream(self) -> str:
        return f"{self.command.stream.name}/{self.id}"


class Done(Struct, frozen=True):
    """What a command came to; where it changed nothing, how things stand."""

    stream: str
    version: int
    position: int
    """A read that asks for at least this position sees what the command did."""
    facts: tuple[str, ...] = ()
    """The tags of the recorded facts, in order, the last of them at `position`."""
    generation: int = 1
    repeated: bool = False

    @property
    def id(self) -> UUID:
        return UUID(self.stream[-36:])


class Rejected(Exception):
    """What was asked was not done. The code is part of the API, the details are those of a `Refused`."""

    def __init__(self, code: str, details: dict[str, object] | None = None, *, audited: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.details = details or {}
        self.audited = audited
        """It was refused: by access control, by the domain, or since the version or the idempotency key did not fit.
        Where nobody could answer, or others were in the way too often, nothing was refused, and it may come again."""
        self.position: int | None = None
        """Where the refusal stands in the tenant's log, in this generation of it."""
        self.generation = 1


class Turn:
    """`begin` hands the facts to the log without waiting, so that a bulk keeps its order; `end` waits for what came."""

    def __init__(self, caller: Caller, asked: Asked, log: Log) -> None:
        self.caller = caller
        self.asked = asked
        self.stream = asked.stream
        self.rule = ""
        """The rule that granted the command's permission."""
        self.outcome: Done | Rejected | None = None
        self.after: Loaded[Any] | None = None
        """The stream as this turn left it; None where it must be loaded to be known."""
        self._log = log
        self._other = False
        """The caller's version is of another generation of the log."""
        self._loaded: Loaded[Any] = self.empty
        self._facts: list[Fact] = []
        self._refusal: Rejected | None = None
        self._pending: Pending[Appended] | None = None

    @property
    def empty(self) -> Loaded[Any]:
        return Loaded(self.asked.command.stream.initial, 0)

    @property
    def blind(self) -> bool:
        """Decided on an empty stream at first; were it not empty, the log would say so."""
        return self.asked.command.opens and self.asked.expected is None

    async def load(self) -> Loaded[Any]:
        if self.asked.generation is not None:
            self._other = (await asyncio.to_thread(self._log.head))[0] != self.asked.generation
        return await self._log.load(self.stream, self.asked.command.stream)

    def begin(self, loaded: Loaded[Any]) -> None:
        asked = self.asked
        self._loaded, self._facts, self._refusal, self._pending = loaded, [], None, None
        if asked.expected not in (None, loaded.version) or self._other:
            self._refusal = Rejected("precondition.failed", {"version": loaded.version}, audited=True)
            return
        try:
            self._facts = asked.command.decide_as(self.caller.who, loaded.state)
        except Refused as refused:
            self._refusal = Rejected(refused.code, refused.details, audited=True)
            return
        if self._facts or asked.once:
            self._pending = self._log.submit(self.stream, loaded.version, self._facts, self._meta(), asked.once)

    async def end(self, patience: Patience) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.outcome = await self._settle(patience)
                return
            except Conflict as conflict:
                if self.asked.expected is not None:
                    self._refusal = Rejected("precondition.failed", {"version": conflict.actual}, audited=True)
                    self.outcome = await self._refused(self._refusal)
                    return
            await asyncio.sleep(random() * PAUSE * (attempt - 1))  # noqa: S311 - only keeps writers out of step
            self.begin(await self.load())
        self.outcome = Rejected("contended")

    async def _settle(self, patience: Patience) -> Done | Rejected:
        if self._refusal:
            self.after = self._loaded
            return await self._refused(self._refusal)
        if self._pending is None:
            self.after = self._loaded
            return Done(self.stream, self._loaded.version, self._loaded.position)
        appended = await self._appended(self._pending, patience)
        if isinstance(appended, Rejected):
            return appended
        return await self._earlier(appended) if appended.repeated else self._done(appended)

    async def _appended(self, pending: Pending[Appended], patience: Patience) -> Appended | Rejected:
        try:
            return await patience.answer(pending)
        except Taken as taken:
            return Rejected(f"{taken.scope}-taken", audited=True)
        except SubjectErased:
            return Rejected("subject.erased", audited=True)
        except Reused:
            return Rejected("idempotency.reused", audited=True)
        except Unanswered as nobody:
            return Rejected(nobody.code)

    def _done(self, appended: Appended) -> Done:
        decider = self.asked.command.stream
        state = self._loaded.state
        for fact in self._facts:
            state = decider.evolve(state, fact)
        version = self._loaded.version + len(self._facts)
        self.after = Loaded(state, version, appended.last if self._facts else self._loaded.position)
        tags = tuple(str(fact.__struct_config__.tag) for fact in self._facts)
        return Done(self.stream, version, appended.last, tags, appended.generation)

    async def _refused(self, refusal: Rejected) -> Done | Rejected:
        """The refusal, unless the same request was done before: then its answer stands."""
        if self.asked.once is None:
            return refusal
        try:
            appended = await self._log.repeat(self.asked.once)
        except Reused:
            return Rejected("idempotency.reused", audited=True)
        return await self._earlier(appended) if appended else refusal

    async def _earlier(self, appended: Appended) -> Done:
        """The answer that was given before, read from the log again; the stream may be another if the id was ours."""
        count = appended.last - appended.first + 1
        recorded = await self._log.tail(appended.first - 1, count) if count > 0 else []
        if not recorded:
            return Done(self.stream, appended.version, appended.last, (), appended.generation, repeated=True)
        tags = tuple(each.type for each in recorded)
        last = recorded[-1]
        return Done(last.stream, last.version, last.position, tags, last.generation, repeated=True)

    def _meta(self) -> Meta:
        caller = self.caller
        return Meta(
            event=uuid4(),
            actor=caller.actor,
            permission=self.asked.command.permission,
            rule=self.rule,
            on_behalf_of=caller.on_behalf_of,
            causation=self.asked.causation,
            correlation=caller.correlation,
            trace=caller.trace,
            occurred_at=self.asked.occurred_at,
            circumstances=None if caller.circumstances == Circumstances() else caller.circumstances,
        )
