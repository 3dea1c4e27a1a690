"""A client that asks as fast as it is answered: HTTP/1.1 over kept connections, in a process of its own.

`python -m benchmarks.client` reads a `Load` as JSON from standard input and writes what it met to standard output. It
knows just enough of HTTP to count answers, so that on a small machine the server gets the processor.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from typing import cast
from uuid import uuid4

import msgspec
import uvloop
from msgspec import Struct

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Load(Struct, frozen=True):
    host: str
    port: int
    headers: dict[str, str]
    paths: list[str]
    connections: int
    seconds: float
    bodies: list[str] = []
    """Each is posted once, under an idempotency key of its own, to the only path; without any the paths are got."""
    also: list[int] = []
    """Ports of further processes: connections are shared out among all."""


class Met(Struct, frozen=True):
    rate: float
    """Answers with a status of success per second."""
    p50: float
    p99: float
    """Milliseconds from the request's last byte sent to the answer's last byte received."""
    others: int
    """Answers with another status."""


class Asking(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last is whole."""

    def __init__(self, requests: Iterator[bytes], until: float, done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._until = until
        self._done = done
        self._buffer = b""
        self.taken: list[float] = []
        self.others = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none by class, only by what they do.
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._done.set_exception(EOFError("there were not enough bodies to post"))
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(_END)
        if head < 0:
            return
        start = self._buffer[:head].lower().find(_LENGTH)
        end = self._buffer.find(b"\r\n", start)
        whole = head + len(_END) + int(self._buffer[start + len(_LENGTH) : end])
        if len(self._buffer) < whole:
            return
        now = time.perf_counter()
        if self._buffer.startswith(b"HTTP/1.1 2"):
            self.taken.append(now - self._sent)
        else:
            self.others += 1
        self._buffer = self._buffer[whole:]
        if now < self._until:
            self._ask()
        else:
            self._done.set_result(None)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionResetError())


def _post(path: str, head: str, body: str) -> bytes:
    about = f"content-type: application/json\r\nidempotency-key: {uuid4()}\r\ncontent-length: {len(body.encode())}\r\n"
    return f"POST {path} HTTP/1.1\r\n{head}{about}\r\n{body}".encode()


def _same(asking: Asking) -> Asking:
    return asking


async def meet(load: Load) -> Met:
    loop = asyncio.get_running_loop()
    head = "".join(f"{name}: {value}\r\n" for name, value in {"host": load.host, **load.headers}.items())
    posts = [_post(load.paths[0], head, body) for body in load.bodies]
    gets = [f"GET {path} HTTP/1.1\r\n{head}\r\n".encode() for path in load.paths]
    began = time.perf_counter()
    until = began + load.seconds
    connections, ports = list[Asking](), [load.port, *load.also]
    ends = [loop.create_future() for _ in range(load.connections)]
    for number, done in enumerate(ends):
        # Each connection starts elsewhere in the list, so that not all ask for the same row; nobody posts twice.
        start = number * 7 % len(gets)
        requests = iter(posts[number :: load.connections]) if posts else cycle(gets[start:] + gets[:start])
        asking = Asking(requests, until, done)
        connections.append(asking)
        await loop.create_connection(partial(_same, asking), load.host, ports[number % len(ports)])
    await asyncio.gather(*ends)
    spent = time.perf_counter() - began
    taken = sorted(each for one in connections for each in one.taken)
    if not taken:
        return Met(0.0, 0.0, 0.0, sum(one.others for one in connections))
    return Met(
        rate=len(taken) / spent,
        p50=taken[len(taken) // 2] * 1000,
        p99=taken[len(taken) * 99 // 100] * 1000,
        others=sum(one.others for one in connections),
    )


if __name__ == "__main__":
    met = uvloop.run(meet(msgspec.json.decode(sys.stdin.buffer.read(), type=Load)))
    sys.stdout.write(msgspec.json.encode(met).decode())
