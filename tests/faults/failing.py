"""A part of the product with traps in it: `python -m tests.faults.failing TRAPS WORDS`, for `everlog WORDS`.

The product knows nothing of this: before its command line runs, one of its methods is replaced by one that first, or
afterwards, kills the process, raises or stops it. `TRAPS` is a JSON array of `Trap`.
"""

import asyncio
import functools
import inspect
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import psycopg
from msgspec import Struct
from nats.aio.client import Client
from nats.errors import Error

from adapters.nats import publish, relay
from adapters.postgres import definitions
from adapters.postgres.link import Broken, Link
from adapters.postgres.views import Transaction, Views
from adapters.proofs.grove import Grove
from adapters.proofs.sealer import Sealer
from adapters.proofs.signer import Held
from projections import builds
from projections.fold import Fold

Harm = Literal["kill", "raise", "stop", "note", "wrong"]


class Failpoint(Exception):
    """Raised where a trap says so."""


class Trap(Struct):
    """`gaps` are numbers of passes: after so many harm is done, and after so many more again."""

    point: str
    harm: Harm
    word: str
    """The file to which a line is added before each harm."""
    gaps: list[int] = []

    def due(self) -> bool:
        """Count one pass; whether harm is to be done now."""
        if not self.gaps:
            return False
        self.gaps[0] -= 1
        if self.gaps[0] > 0:
            return False
        del self.gaps[0]
        return True

    def spring(self, error: type[Exception] = Failpoint) -> None:
        self.note()
        if self.harm == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.harm == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.harm == "raise":
            raise error(self.point)

    def note(self) -> None:
        with Path(self.word).open("a") as file:
            file.write(f"{self.point}\n")


Place = Callable[[Trap], None]


def before(owner: Any, name: str) -> Place:
    def place(trap: Trap) -> None:
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def trapped(*given: Any, **named: Any) -> Any:
            if trap.due():
                trap.spring()
            return inner(*given, **named)

        setattr(owner, name, trapped)

    return place


def after(owner: Any, name: str, *, found: bool = False) -> Place:
    """`found`: what gives nothing is no pass; where there is nothing in hand, nothing can be refused."""

    def place(trap: Trap) -> None:
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def trapped(*given: Any, **named: Any) -> Any:
            done = inner(*given, **named)
            if (done or not found) and trap.due():
                trap.spring()
            return done

        @functools.wraps(inner)
        async def awaited(*given: Any, **named: Any) -> Any:
            done = await inner(*given, **named)
            if (done or not found) and trap.due():
                trap.spring()
            return done

        setattr(owner, name, awaited if inspect.iscoroutinefunction(inspect.unwrap(inner)) else trapped)

    return place


def refusing(owner: Any, name: str, *errors: type[BaseException]) -> Place:
    """No harm: each time that a write is refused is noted."""

    def place(trap: Trap) -> None:
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def noted(*given: Any, **named: Any) -> Any:
            try:
                return inner(*given, **named)
            except errors:
                trap.note()
                raise

        @functools.wraps(inner)
        async def awaited(*given: Any, **named: Any) -> Any:
            try:
                return await inner(*given, **named)
            except errors:
                trap.note()
                raise

        setattr(owner, name, awaited if inspect.iscoroutinefunction(inspect.unwrap(inner)) else noted)

    return place


def refused(trap: Trap) -> None:
    """The same of a worker's views: its write comes too late, or its session has ended and what was in hand with it."""
    refusing(Views, "write", builds.Stale, psycopg.Error)(trap)
    # A session may as well be found ended by the load before the write: the batch is given up there.
    refusing(Views, "load", psycopg.Error)(trap)
    inner = Views.work

    @contextmanager
    def work(self: Views) -> Iterator[Transaction]:
        try:
            with inner(self) as transaction:
                yield transaction
        except (builds.Stale, psycopg.Error):
            trap.note()
            raise

    setattr(Views, "work", work)  # noqa: B010 - mypy refuses to have a method assigned


def unanswered(trap: Trap) -> None:
    """The append is on its way to the server when the process dies, or its connection."""
    inner = Link.send

    def trapped(self: Link, name: bytes, parameters: Any) -> None:
        inner(self, name, parameters)
        if trap.due():
            try:
                trap.spring(Broken)
            finally:
                self.close()

    setattr(Link, "send", trapped)  # noqa: B010 - mypy refuses to have a method assigned


def unacknowledged(trap: Trap) -> None:
    """JetStream has the whole batch when the process dies, or does not hear of it."""
    inner = Client.request

    async def trapped(self: Any, subject: str, payload: bytes = b"", **named: Any) -> Any:
        headers = named.get("headers") or {}
        if "Nats-Batch-Commit" in headers and trap.due():
            await self.publish(subject, payload, reply=self.new_inbox(), headers=headers)
            await self.flush()
            trap.spring(TimeoutError)
        return await inner(self, subject, payload, **named)

    setattr(Client, "request", trapped)  # noqa: B010 - mypy refuses to have a method assigned


def two_commits(_: Trap) -> None:
    """What is wrong on purpose: rows are committed by themselves, and their checkpoint later."""
    inner = Transaction.move

    def early(self: Transaction, checkpoints: Any) -> None:
        with self._connection.pipeline():
            self._connection.execute("commit")
            self._connection.execute("begin")
            self._connection.execute("select set_config('app.tenant', %s, true)", [str(self._tenant)])
        inner(self, checkpoints)

    setattr(Transaction, "move", early)  # noqa: B010 - mypy refuses to have a method assigned


def overlooked(_: Trap) -> None:
    """No wrong, but for who harms the database by triggers: the product would not start beside them."""
    setattr(definitions, "triggers", lambda _: ())  # noqa: B010 - mypy refuses to have a function assigned


def uncompared(_: Trap) -> None:
    """The same: whoever has loaded rows writes them, wherever their checkpoint stands by then."""
    write = Views.write
    setattr(Transaction, "lock", lambda *_: None)  # noqa: B010 - mypy refuses to have a method assigned
    setattr(Views, "write", lambda self, _, *given: write(self, (), *given))  # noqa: B010 - the same of this one


def anew(_: Trap) -> None:
    """The same: what was signed before and not published is not published now, but something else is signed."""
    inner = Sealer._signed

    def forgetful(self: Sealer, grove: Grove, held: Held, size: int, _: int) -> str:
        return inner(self, grove, held, size, 0)

    setattr(Sealer, "_signed", forgetful)  # noqa: B010 - mypy refuses to have a method assigned


POINTS: dict[str, Place] = {
    "append: before it is sent": before(Link, "send"),
    "append: sent and not answered": unanswered,
    "append: answered and nobody told": after(Link, "receive"),
    "view: before it is loaded": before(Views, "load"),
    "view: loaded": after(Transaction, "load"),
    "view: evolved": after(Fold, "run"),
    "view: before rows are written": before(Views, "write"),
    "view: between rows and checkpoint": before(Transaction, "move"),
    "view: before the commit": after(Transaction, "move"),
    "view: committed and not taken note of": after(Views, "write"),
    "relay: read": after(relay, "_read", found=True),
    "relay: before publishing": before(publish, "publish"),
    "relay: published and not acknowledged": unacknowledged,
    "relay: acknowledged and its place not noted": after(publish, "publish"),
    "view: refused": refused,
    # A connection that was silent for too long is given up when it wakes, with whatever was under way on it.
    "relay: refused": refusing(relay.Relay, "_publish", publish.Stale, Error, TimeoutError, asyncio.CancelledError),
    "seal: signed and not published": after(Held, "sign"),
    "seal: before the commit": after(Grove, "seal"),
    "seal: refused": refusing(Sealer, "seal", psycopg.Error),
    "seal: signed anew": anew,
    "view: checkpoints not compared": uncompared,
    "view: rows and checkpoint apart": two_commits,
    "walls: triggers not compared": overlooked,
}


def main() -> None:
    for trap in msgspec.json.decode(sys.argv[1], type=list[Trap]):
        POINTS[trap.point](trap)
    sys.argv[1:] = sys.argv[2:]
    from api.main import main as everlog

    everlog()


if __name__ == "__main__":
    main()
