"""One thread of the committer: gathers what waits, writes it, answers."""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Thread
from uuid import UUID

from msgspec import Struct

from adapters.postgres import drain, put
from adapters.postgres.atom import Atom, Busy, Committed, Failing, Unsettled
from adapters.postgres.clock import Clock
from adapters.postgres.drain import Answer, Group, Waiting
from adapters.postgres.link import Answers, Away, Broken, Link, Rejected
from adapters.postgres.queue import Limits, Queue

_log = logging.getLogger(__name__)
_BREATH = 0.001
_PAUSE = 0.05
"""Seconds between two looks at a held head, and at a lost server."""
_WARY = 8
"""Drains that are looked at first after one was refused unlooked: refusals seldom come alone."""


class Drained(Struct, frozen=True):
    """One drain, for metrics."""

    atoms: int
    entries: int
    tenants: int
    seconds: float
    """From sending to the answer."""
    waits: Sequence[float]
    """Per atom, seconds from its submission to its answer."""


class Flight:
    """A drain under way."""

    def __init__(self, groups: Sequence[Group], *, looked: bool) -> None:
        self.groups = groups
        self.looked = looked
        self.began = time.monotonic()
        self.problem: Broken | Rejected | None = None
        """Why it never left."""

    @property
    def members(self) -> list[Waiting]:
        return [waiting for _, members in self.groups for waiting in members]


class Lane:
    def __init__(
        self,
        url: str,
        on_commit: Callable[[UUID, int, int], None],
        on_drain: Callable[[Drained], None] | None,
        limits: Limits,
        on_return: Callable[[], object],
    ) -> None:
        self._link = Link(url, on_return)
        self._on_commit = on_commit
        self._on_drain = on_drain
        self._queue = Queue(limits)
        self._clock = Clock()
        self._wary = 0
        self._thread: Thread | None = None

    def start(self) -> None:
        self._queue.open()
        self._thread = Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._queue.close()
        if self._thread:
            self._thread.join()

    def submit(self, tenant: UUID, atom: Atom, tell: Callable[[Committed | Exception], None]) -> None:
        self._queue.submit(tenant, atom, tell)

    @property
    def waiting(self) -> int:
        return self._queue.total

    def _run(self) -> None:
        flight: Flight | None = None
        while flight or self._queue.gather(patient=True):
            flight = self._landed(flight) if flight else self._launched()
        self._link.close()

    def _launched(self) -> Flight | None:
        """The next drain, on its way; None where nothing waits."""
        batch = self._queue.choose()
        if not batch:
            return None
        unlooked = not self._wary and all(waiting.claims.likely for waiting in batch)
        self._wary = max(0, self._wary - 1)
        flight = Flight(drain.grouped(batch), looked=not unlooked)
        how = put if unlooked else drain
        try:
            self._link.send(how.NAME, how.parameters(flight.groups))
        except (Broken, Rejected) as problem:
            flight.problem = problem
        except Exception as problem:  # noqa: BLE001 - whatever it is, callers are told and the thread goes on
            self._fail(batch, problem)
            return None
        return flight

    def _landed(self, flight: Flight) -> Flight | None:
        """Answer a drain. The next is sent before its callers are told, so that the server does not wait for that."""
        following = None
        try:
            rows = self._received(flight)
            if rows:
                answers = [drain.answer(row) for row in rows]
                self._pass_over(flight, answers)
                # The link that finds what is in doubt must not have another statement under way.
                if self._queue.gather(patient=False) and not any(waiting.doubt for waiting in flight.members):
                    following = self._launched()
                self._answer(flight, answers)
        except Exception as problem:  # noqa: BLE001 - whatever it is, callers are told
            self._fail(flight.members, problem)
        return following

    def _received(self, flight: Flight) -> Answers | None:
        """The answers of a drain; None where all that it held was answered otherwise, or waits again."""
        try:
            if flight.problem:
                raise flight.problem
            return self._link.receive()
        except Away:
            self._wait(flight.members)
        except Broken:
            for waiting in flight.members:
                waiting.doubt = True
            self._wait(flight.members)
        except Rejected as problem:
            if flight.looked or isinstance(problem.reason, Failing):
                self._split(flight.groups, problem)
            else:
                self._wary = _WARY
                self._write(flight.groups)
        return None

    def _write(self, groups: Sequence[Group]) -> None:
        """One drain, looked at first, and answered before anything else is done."""
        flight = Flight(groups, looked=True)
        try:
            self._link.send(drain.NAME, drain.parameters(groups))
        except (Broken, Rejected) as problem:
            flight.problem = problem
        if rows := self._received(flight):
            answers = [drain.answer(row) for row in rows]
            self._pass_over(flight, answers)
            self._answer(flight, answers)

    def _split(self, groups: Sequence[Group], problem: Rejected) -> None:
        """Nothing was written: each tenant by itself, then each atom, so that one bad byte fails one caller."""
        if isinstance(problem.reason, Failing):
            # It is the server's trouble, and would be that of each of them as well.
            self._settle([(waiting, problem.reason) for _, members in groups for waiting in members])
        elif len(groups) > 1:
            for group in groups:
                self._write([group])
        elif isinstance(problem.reason, Busy):
            self._again(groups[0][1], tries=0)
        elif len(groups[0][1]) > 1:
            for waiting in groups[0][1]:
                self._write([(waiting.tenant, [waiting])])
        else:
            self._settle([(groups[0][1][0], problem.reason)])

    def _pass_over(self, flight: Flight, answers: Sequence[Answer]) -> None:
        """What belongs to tenants whose heads others hold comes first next time."""
        for (_, members), said in zip(flight.groups, answers, strict=True):
            if said.busy:
                self._again(members, tries=members[0].tries + 1)
        if all(said.busy for said in answers):
            time.sleep(_BREATH)

    def _answer(self, flight: Flight, answers: Sequence[Answer]) -> None:
        start = 0
        written: list[Sequence[Waiting]] = []
        for (tenant, members), said in zip(flight.groups, answers, strict=True):
            if not said.busy:
                self._answer_one(tenant, said, start, members)
                written.append(members)
            start += len(members)
        self._report(written, flight.began)

    def _answer_one(self, tenant: UUID, said: Answer, start: int, members: Sequence[Waiting]) -> None:
        self._clock.look(tenant, said)
        settled: list[tuple[Waiting, Committed | Exception]] = []
        last = 0
        for waiting, told in drain.outcomes(said, start, members):
            outcome = self._recovered(waiting, told) if waiting.doubt else told
            if outcome is None:
                self._again([waiting], tries=0)
                continue
            settled.append((waiting, outcome))
            if isinstance(outcome, Committed) and not outcome.repeated:
                last = max(last, outcome.last)
        self._settle(settled)
        if last:
            self._on_commit(tenant, said.generation, last)

    def _recovered(self, waiting: Waiting, told: Committed | Exception) -> Committed | Exception | None:
        """The outcome of what a lost connection may have written already; None where that cannot be told now."""
        if isinstance(told, Committed) and not told.repeated:
            return told
        try:
            found = self._link.find(waiting)
        except Broken:
            return None
        if found or waiting.atom.entries or isinstance(told, Committed):
            return found or told
        # Without an event there is nothing to know it by.
        return Unsettled(f"The connection was lost, and now the log says: {told}")

    def _again(self, members: Sequence[Waiting], tries: int) -> None:
        """Another writer holds the tenant: these come first next time, until their patience ends."""
        for waiting in members:
            waiting.tries = tries
        self._queue.again(members)
        self._expire("Another writer holds the tenant's log.")

    def _wait(self, batch: Sequence[Waiting]) -> None:
        """Until the database answers again. What is in doubt is then sent again, refused if it stands, and found."""
        self._queue.again(batch)
        while not self._link.restore() and self._queue:
            self._expire("The database was lost and did not come back in time.")
            time.sleep(_PAUSE)
            self._queue.gather(patient=False)

    def _expire(self, why: str) -> None:
        late = self._queue.overdue()
        self._settle([(waiting, Unsettled(why) if waiting.doubt else Busy(why)) for waiting in late])

    def _fail(self, members: Sequence[Waiting], problem: Exception) -> None:
        _log.error(
            "The committer failed; the appends of this drain may or may not have been written.", exc_info=problem
        )
        self._queue.drop(members)
        self._settle([(waiting, Unsettled(str(problem))) for waiting in members])

    def _settle(self, outcomes: Sequence[tuple[Waiting, Committed | Exception]]) -> None:
        """Room is made first: who is told may come again at once."""
        due = [(waiting, outcome) for waiting, outcome in outcomes if not waiting.done]
        self._queue.release([waiting for waiting, _ in due])
        for waiting, outcome in due:
            waiting.done = True
            waiting.tell(outcome)

    def _report(self, groups: Sequence[Sequence[Waiting]], began: float) -> None:
        if self._on_drain and groups:
            now = time.monotonic()
            settled = [waiting for members in groups for waiting in members]
            entries = sum(waiting.claims.entries for waiting in settled)
            waits = [now - waiting.since for waiting in settled]
            self._on_drain(Drained(len(settled), entries, len(groups), now - began, waits))
