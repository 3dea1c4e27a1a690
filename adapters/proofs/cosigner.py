"""Witnesses as a log sees them (c2sp.org/tlog-witness): each is brought the newest checkpoint, and its line is kept.

Sealing waits for none of this. A witness that was away is brought the last checkpoint, which covers those before it.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID

from msgspec import Struct

from adapters.outbound import Answer, Barred, Outbound, Unreachable
from adapters.postgres.database import Database
from adapters.proofs.grove import Grove
from adapters.proofs.seen import cosigns
from projections.kernel import Lag
from projections.proofs import note, tree
from projections.proofs.note import Unsound
from projections.proofs.submission import Key, Named, body, cosignatures

_log = logging.getLogger(__name__)
_FIRST, _LONGEST = 1.0, 30.0
"""Seconds until a witness that was away is asked again: doubled each time, up to the longest."""
AGAIN = 60.0
"""Seconds until a witness that refused a log is asked again about it."""
TURNS = 4
"""How often a witness may name another size that it knows: a further process may ask it about the same log."""
_DONE, _FORBIDDEN, _UNKNOWN, _CONFLICT, _UNFIT = 200, 403, 404, 409, 422


class Gone(Exception):
    """The witness cannot be asked just now."""


class Odd(Exception):
    """The witness does not cosign, and no history is in question: something is not set as it should be."""


class Differs(Exception):
    """The witness remembers another history than it is shown."""


class Brought(Struct, frozen=True):
    """One checkpoint, and the proof that it goes on from `old` leaves."""

    old: int
    size: int
    note: str
    path: list[bytes]


class Cosigner:
    """One witness, for all tenants of a process; one thread at a time."""

    def __init__(self, named: Named, outbound: Outbound, clock: Callable[[], float] = monotonic) -> None:
        self.key = named.key
        self.clock = clock
        self._url = f"{named.url}/add-checkpoint"
        self._outbound = outbound
        self._pause = 0.0
        self._until = 0.0

    @property
    def resting(self) -> bool:
        """Whether it was away a moment ago: nobody waits for it once more for every tenant."""
        return self.clock() < self._until

    def ask(self, brought: Brought) -> Answer:
        """Raises `Gone`."""
        sent = body(brought.old, brought.path, brought.note)
        try:
            answer = self._outbound.send("POST", self._url, {"Content-Type": "text/plain; charset=utf-8"}, sent)
        except (Unreachable, Barred, OSError) as problem:
            raise self._gone(f"{problem}") from None
        if answer.status >= 500 or answer.status == 429:  # noqa: PLR2004 - as HTTP has them: broken, too much at once
            raise self._gone(f"It answers {answer.status}.")
        if self._pause:
            _log.info("The witness %s answers again.", self.key.name)
        self._pause = 0.0
        return answer

    def _gone(self, why: str) -> Gone:
        if not self._pause:
            _log.warning("The witness %s cannot be asked: %s Logs go on, and it catches up.", self.key.name, why)
        self._pause = min(max(self._pause * 2, _FIRST), _LONGEST)
        self._until = self.clock() + self._pause
        return Gone(why)


def _nobody(*_: object) -> None:
    """Wants to know nothing."""


class Cosigned:
    """One tenant's checkpoints before one witness: `projections.worker.Kept`.

    `told` is given the reason for which the witness does not cosign, or "" once it has; `disputed` the same of those
    reasons that put the log's history in question.
    """

    def __init__(
        self,
        tenant: UUID,
        database: Database,
        cosigner: Cosigner,
        told: Callable[[UUID, str], object] = _nobody,
        disputed: Callable[[UUID, str], object] = _nobody,
    ) -> None:
        self.tenant = tenant
        self._database = database
        self._cosigner = cosigner
        self._told = told
        self._disputed = disputed
        self._heard: str | None = None
        self._generation = self._size = 0
        self._why = ""
        self._differs = False
        self._again = 0.0

    def step(self, _: float) -> int:
        """Bring the last checkpoint, unless it is cosigned; how many events came to be covered."""
        if self._cosigner.resting or self._cosigner.clock() < self._again:
            return 0
        before = self._size
        try:
            if not self._bring():
                return 0
        except Gone:
            return 0
        except (Odd, Differs) as problem:
            self._differs = isinstance(problem, Differs)
            self._again = self._cosigner.clock() + AGAIN
            self._tell(f"{problem}")
            if self._differs:
                self._hear(f"{problem}")
            return 0
        self._differs = False
        self._tell("")
        self._hear("")
        return self._size - before

    def retry(self) -> None:
        self._again = 0.0

    def place(self) -> tuple[int, int]:
        return self._generation, self._size

    def lag(self) -> list[Lag]:
        """Events that are sealed and not cosigned, and for how long; `parked` is 1 while the witness sees a fork."""
        with self._database.snapshot(self.tenant) as connection:
            grove = _grove(self.tenant, connection)
            size, _ = grove.sealed
            behind = max(0, size - grove.cosigned(self._cosigner.key.text))
            first = grove.seal_after(size - behind) if behind else None
        age = (datetime.now(UTC) - note.sealed_at(first[1])).total_seconds() if first else 0.0
        name = self._cosigner.key.name
        return [Lag(name, 1, behind, max(0.0, age), int(self._differs), self._generation, self._size, None)]

    def _bring(self) -> bool:
        """Whether there was something to bring. Raises `Gone`, `Odd`, `Differs`."""
        known: int | None = None
        for _ in range(TURNS):
            brought = self._brought(known)
            if brought is None:
                return False
            answer = self._cosigner.ask(brought)
            if answer.status == _DONE:
                self._keep(brought, answer.body)
                return True
            known = _refused(answer, brought, self._cosigner.key.name)
        raise Odd(f"The witness {self._cosigner.key.name} names another size each time that it is asked.")

    def _brought(self, known: int | None) -> Brought | None:
        """The last checkpoint, from what the witness has cosigned or says that it knows; None where it has that one."""
        with self._database.snapshot(self.tenant) as connection:
            grove = _grove(self.tenant, connection)
            size, signed = grove.sealed
            cosigned = grove.cosigned(self._cosigner.key.text)
            self._generation, self._size = grove.generation, cosigned
            if known is None and size <= cosigned:
                return None
            old = cosigned if known is None else known
            if old > size:
                raise Differs(
                    f"The witness {self._cosigner.key.name} has seen {old} events; the log has no more than {size}."
                )
            try:
                path = tree.consistency(tree.tiled(grove.tile), old, size) if old else []
            except LookupError as problem:
                raise Odd(f"A part of the stored tree is missing: {problem}.") from problem
        return Brought(old, size, signed, path)

    def _keep(self, brought: Brought, raw: bytes) -> None:
        key = self._cosigner.key
        lines = _cosigning(raw, key, brought.note)
        if not lines:
            raise Odd(f"The witness {key.name} answered with signatures, none of its key {key.text}.")
        with self._database.transaction(self.tenant) as connection:
            _grove(self.tenant, connection).cosign(brought.size, key.text, lines[0])
        self._size = brought.size

    def _tell(self, why: str) -> None:
        if why != self._why:
            if why:
                _log.error("No cosignature for tenant %s: %s", self.tenant, why)
            self._told(self.tenant, why)
        self._why = why

    def _hear(self, why: str) -> None:
        """Where that cannot be recorded it is tried again with what the witness says next."""
        if self._heard is None or bool(why) != bool(self._heard):
            self._disputed(self.tenant, why)
        self._heard = why


def _grove(tenant: UUID, connection: Any) -> Grove:
    return Grove(tenant, lambda sql, params: connection.execute(sql.encode(), params).fetchall())


def _cosigning(raw: bytes, key: Key, signed: str) -> list[str]:
    """The lines of an answer that are this witness's over this checkpoint; those of others say nothing."""
    try:
        found = cosignatures(raw.decode())
    except (Unsound, UnicodeDecodeError):
        return []
    return [line for line in found if cosigns(line, key, signed)]


def _refused(answer: Answer, brought: Brought, name: str) -> int:
    """The size from which to ask again. Raises `Odd` or `Differs` where that would lead nowhere."""
    if answer.status == _CONFLICT:
        text = answer.body.decode(errors="replace").removesuffix("\n")
        if not (text.isascii() and text.isdigit()):
            raise Odd(f"The witness {name} answers 409 without the size that it knows.")
        if int(text) != brought.old:
            return int(text)
        if brought.old != brought.size:
            raise Odd(f"The witness {name} refuses the size {text}, and names it as the one that it knows.")
    if answer.status in (_CONFLICT, _UNFIT):
        raise Differs(
            f"The witness {name} remembers another history of the first {brought.old} events than the log has now."
        )
    if answer.status == _FORBIDDEN:
        raise Differs(f"The witness {name} knows the log by another key than the one that signs its checkpoints now.")
    if answer.status == _UNKNOWN:
        raise Odd(f"The witness {name} was not told of this log: have its verifier key added there.")
    raise Odd(f"The witness {name} answers {answer.status}.")
