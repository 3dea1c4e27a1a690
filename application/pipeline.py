"""The one way in: authorise, load, decide, append and answer with the position; or ask the read models."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from application.access import name
from application.audit import Trail
from application.kernel import Caller
from application.patience import Patience
from application.ports import Access, Decision, Loaded, Logs, Query, Reads, Unanswered
from application.turn import Asked, Done, Rejected, Turn
from domain.audit import Denial
from domain.kernel import Refused

__all__ = ["Asked", "Done", "Pipeline", "Rejected"]

AT_ONCE = 16
"""How many streams of a bulk are loaded at the same time."""
STRETCH = 20
"""Commands of a bulk that are sealed and submitted before other requests have their turn."""
WAIT = 4.0
"""Seconds that a read waits for the position it asks for."""


class Pipeline:
    def __init__(self, logs: Logs, access: Access, trail: Trail, reads: Callable[[UUID], Reads]) -> None:
        self._logs = logs
        self._access = access
        self._trail = trail
        self._reads = reads

    async def run(self, caller: Caller, asked: Asked, spent: float = 0.0) -> Done:
        """Whoever asks has waited `spent` seconds already. Raises `Rejected`."""
        patience = Patience(spent=spent)
        turn = Turn(caller, asked, self._logs.of(caller.tenant))
        await self._authorise(turn)
        if turn.outcome is None:
            turn.begin(turn.empty if turn.blind else await turn.load())
            await turn.end(patience)
        outcome = turn.outcome or Rejected("contended")
        if isinstance(outcome, Rejected):
            await self._audit(turn)
            raise outcome
        return outcome

    async def run_all(self, caller: Caller, bulk: Sequence[Asked], spent: float = 0.0) -> list[Done | Rejected]:
        """Each command for itself; their facts stand in the log in the order given, collisions aside."""
        patience = Patience(spent=spent)
        log = self._logs.of(caller.tenant)
        turns = [Turn(caller, asked, log) for asked in bulk]
        for turn in turns:
            await self._authorise(turn)
        granted = [turn for turn in turns if turn.outcome is None]
        known: dict[str, Loaded[Any]] = {}
        await _load(known, granted)
        for wave in _waves(granted):
            await _load(known, wave)
            for number, turn in enumerate(wave, 1):
                turn.begin(known.get(turn.stream) or turn.empty)
                if number % STRETCH == 0:
                    await asyncio.sleep(0)
            for turn in wave:
                await turn.end(patience)
                known.pop(turn.stream, None)
                if turn.after:
                    known[turn.stream] = turn.after
        await asyncio.gather(*map(self._audit, turns))
        return [turn.outcome for turn in turns if turn.outcome]

    async def ask(self, caller: Caller, query: Query, at_least: tuple[int | None, int] | None = None) -> Any:
        """The query's answer, personal values sealed; `at_least` is a generation (None: any) and position to know of.

        Raises:
            Rejected: also with `views.behind`, where the views do not reach that position in time, and with `query.…`.
        """
        await self.authorise(caller, query)
        reads = self._reads(caller.tenant)
        if at_least:
            await self._reached(caller.tenant, reads, at_least, getattr(query, "views", ()))
        try:
            return await query.answer(reads)
        except Refused as refused:
            raise Rejected(refused.code, refused.details) from refused
        except Unanswered as nobody:
            # The views are being built for the first time.
            raise Rejected("views.behind") from nobody

    async def authorise(self, caller: Caller, query: Any, resource: str = "", permission: str = "") -> None:
        """Refuse and audit what the caller may not ask, by its own permission or a further one. Raises `Rejected`."""
        permission = permission or query.permission
        decision = await self._access.decide(caller, permission, resource)
        if not decision.allowed:
            rejected = Rejected("access.denied", {"permission": permission}, audited=True)
            denial = Denial(name(query), permission, rejected.code, resource)
            await self._note(caller, rejected, denial, decision.rule)
            raise rejected

    async def may(self, caller: Caller, permission: str) -> bool:
        """Whether the caller holds a permission that the answer depends on; to be without it is no refusal."""
        return (await self.decide(caller, permission)).allowed

    async def decide(self, caller: Caller, permission: str) -> Decision:
        """The same, with the rule."""
        return await self._access.decide(caller, permission)

    async def _reached(self, tenant: UUID, reads: Reads, at_least: tuple[int | None, int], views: Any) -> None:
        generation, position = at_least
        if await reads.reached(position, 0, generation, views):
            return
        # Nobody waits for what cannot come: a position beyond the log, or of a history that was lost.
        now, last = await asyncio.to_thread(self._logs.of(tenant).head)
        if position > last or generation not in (None, now):
            raise Rejected("query.position", {"position": position, "last": last})
        if not await reads.reached(position, WAIT, generation, views):
            raise Rejected("views.behind", {"position": position})

    async def _authorise(self, turn: Turn) -> None:
        permission = turn.asked.command.permission
        decision = await self._access.decide(turn.caller, permission, turn.stream)
        turn.rule = decision.rule
        if not decision.allowed:
            turn.outcome = Rejected("access.denied", {"permission": permission}, audited=True)

    async def _audit(self, turn: Turn) -> None:
        if isinstance(turn.outcome, Rejected) and turn.outcome.audited:
            command = turn.asked.command
            denial = Denial(name(command), command.permission, turn.outcome.code, turn.stream)
            await self._note(turn.caller, turn.outcome, denial, turn.rule)

    async def _note(self, caller: Caller, rejected: Rejected, denial: Denial, rule: str) -> None:
        noted = await self._trail.refused(caller, denial, rule)
        if noted:
            rejected.position, rejected.generation = noted.last, noted.generation


async def _load(known: dict[str, Loaded[Any]], turns: Iterable[Turn]) -> None:
    """Add the state of each stream that is not known, but for those that a turn takes to be empty."""
    first: dict[str, Turn] = {}
    for turn in turns:
        first.setdefault(turn.stream, turn)
    needed = {stream: turn for stream, turn in first.items() if stream not in known and not turn.blind}
    gate = asyncio.Semaphore(AT_ONCE)

    async def load(stream: str, turn: Turn) -> None:
        async with gate:
            known[stream] = await turn.load()

    await asyncio.gather(*(load(stream, turn) for stream, turn in needed.items()))


def _waves(turns: Iterable[Turn]) -> Iterator[list[Turn]]:
    """Runs of turns of different streams.

    A turn waits for the one before it of the same stream: were that one to lose against a stranger, the version alone
    would not show that this one was decided on something that never happened.
    """
    wave: dict[str, Turn] = {}
    for turn in turns:
        if turn.stream in wave:
            yield list(wave.values())
            wave = {}
        wave[turn.stream] = turn
    yield list(wave.values())
