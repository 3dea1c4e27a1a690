"""Requests at a rate, whether the last was answered or not, from a process of its own: `python -m tests.faults.load`.

It reads a `Load` as JSON from standard input and writes what it `Met` to standard output.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import IO
from uuid import uuid4

import msgspec
import uvloop
from msgspec import Struct

from tests.adapters.supervising import ROOT
from tests.faults.callers import Organisation
from tests.faults.evidence import Ledger

OK, CREATED = 200, 201
GOOD = 5.0
"""Seconds after which an answer is no use any more."""


class Load(Struct, frozen=True):
    port: int
    keys: list[str]
    """One after another asks."""
    seconds: float
    rate: float
    """Requests a second; 0: each connection asks as fast as it is answered."""
    connections: int
    lists: bool = False
    """Each second request asks for a list of prospects, and does not capture one."""


class Met(Struct, frozen=True):
    answers: list[tuple[float, float, int]]
    """(when it was due, seconds until the answer, status; 0 where there was none), from the beginning on."""
    captured: list[tuple[int, str, int]] = []
    """(whose key, the prospect, the position that was acknowledged; 0 where none was)."""
    waiting: list[float] = []
    """Of each request that was given up on at the end: the seconds for which it had waited since it was sent."""

    @property
    def unanswered(self) -> int:
        """How many never were, though an answer would have been no use any more."""
        return sum(seconds > GOOD for seconds in self.waiting)

    def good(self, since: float, until: float) -> float:
        """Useful answers a second of what came in that time."""
        came = [due + seconds for due, seconds, status in self.answers if status in (OK, CREATED) and seconds <= GOOD]
        return sum(since <= each < until for each in came) / (until - since)

    def slowest(self, share: float, *kinds: int) -> float:
        """The seconds that this share of the useful answers, or of those of one status, took at most."""
        taken = sorted(seconds for _, seconds, status in self.answers if status in (kinds or (OK, CREATED)))
        return taken[min(int(len(taken) * share), len(taken) - 1)] if taken else float("inf")


@contextmanager
def under(load: Load) -> Iterator[list[Met]]:
    """What goes on meanwhile is asked this much; what it met stands in the list when the block has ended."""
    found: list[Met] = []
    program = [sys.executable, "-m", "tests.faults.load"]
    with subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        _pipe(process.stdin).write(msgspec.json.encode(load))
        _pipe(process.stdin).close()
        try:
            yield found
            found.append(msgspec.json.decode(_pipe(process.stdout).read(), type=Met))
        finally:
            process.kill()


def met(load: Load) -> Met:
    with under(load) as found:
        pass
    return found[0]


def of(organisations: Sequence[Organisation], seconds: float, rate: float, connections: int) -> Load:
    port = int(organisations[0].url.rpartition(":")[2])
    return Load(port, [each.key for each in organisations], seconds, rate, connections)


def accounts(mets: Sequence[Met], organisations: int) -> list[Ledger]:
    """What so many organisations' clients asked for and were acknowledged, by the accounts of all these loads."""
    found = [Ledger() for _ in range(organisations)]
    for whose, id, position in (each for met in mets for each in met.captured):
        asked = {"command": "prospects.capture", "id": id, "key": id}
        found[whose].attempt(asked)
        if position:
            found[whose].acknowledge([asked], [{"position": position}])
    return found


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe
    return pipe


async def meet(load: Load) -> Met:
    told = Met([], [], [])
    turns, began = count(), time.monotonic()

    async def ask() -> None:
        reader = writer = None
        while (due := _due(load, number := next(turns), began)) < load.seconds:
            await asyncio.sleep(max(0.0, began + due - time.monotonic()))
            status, position, (whose, id, request), sent = 0, 0, _request(load, number), time.monotonic()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
                writer.write(request)
                status, position = await _answer(reader)
            except asyncio.CancelledError:
                told.waiting.append(time.monotonic() - sent)
                raise
            except (OSError, EOFError, ValueError):
                if writer:
                    writer.close()
                reader = writer = None
                await asyncio.sleep(0.05)
            finally:
                # Also of whoever is given up on: what was asked for may be recorded.
                told.captured.extend([(whose, id, position)] if id else [])
            told.answers.append((due, time.monotonic() - began - due, status))
        if writer:
            writer.close()

    tasks = [asyncio.create_task(ask()) for _ in range(load.connections)]
    # Whoever is not answered long after the end never will be.
    with suppress(TimeoutError):
        async with asyncio.timeout(load.seconds + 2 * GOOD):
            await asyncio.gather(*tasks)
    return told


def _due(load: Load, number: int, began: float) -> float:
    return number / load.rate if load.rate else time.monotonic() - began


def _request(load: Load, number: int) -> tuple[int, str, bytes]:
    """Whose key it bears, the prospect that it captures, if it does, and its bytes."""
    number, lists = divmod(number, 2) if load.lists else (number, 0)
    whose = number % len(load.keys)
    head = f"HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {load.keys[whose]}\r\n"
    if lists:
        return whose, "", f"GET /v1/prospects?limit=10 {head}\r\n".encode()
    id = str(uuid4())
    body = msgspec.json.encode({"id": id, "name": "Ada Lovelace", "email": f"{id}@example.org", "industry": "engines"})
    head += f"Idempotency-Key: {id}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return whose, id, f"POST /v1/prospects {head}\r\n".encode() + body


async def _answer(reader: asyncio.StreamReader | None) -> tuple[int, int]:
    """Status, and the position that was acknowledged; 0 where none was."""
    assert reader
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, rest = head.partition(b"content-length:")
    body = await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
    status = int(head.split(b" ", 2)[1])
    return status, msgspec.json.decode(body)["position"] if status == CREATED else 0


if __name__ == "__main__":
    found = uvloop.run(meet(msgspec.json.decode(sys.stdin.buffer.read(), type=Load)))
    # Where standard output is not buffered, Python drops what a pipe does not take at once.
    with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(msgspec.json.encode(found))
