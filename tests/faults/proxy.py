"""A wire that can be broken: a TCP proxy on the loopback address, between a process and a server."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from random import Random
from typing import Any, Literal, Self

Mode = Literal["open", "cut", "hole", "deaf", "mute", "slow", "jitter"]
"""`cut`: connections are reset, new ones too. `hole`: packets vanish, nobody is told. `deaf`: those of the server do.
`mute`: those of the client do. `slow`: each way takes longer. `jitter`: it does so by as much as is drawn anew."""

DELAY = 0.1
"""Seconds that `slow` adds to each way."""
DELAYS = 0.02, 0.2
"""Seconds between which lies what `jitter` adds."""
CLOSED: dict[Mode, tuple[bool, bool]] = {"hole": (True, True), "deaf": (False, True), "mute": (True, False)}
"""Whether nothing passes from client to server, and nothing back."""
SILENCE = 11.0
"""Seconds after which a server has found out that nobody is at the other end of a dead connection: its own probes go
unanswered (`adapters.postgres.silence`). This proxy would answer them for ever, so that sessions would pile up."""


class Proxy:
    """`with Proxy(port)`: whoever connects to `.port` reaches the server at `port`, as `mode` has it."""

    def __init__(self, target: int, seed: int = 0) -> None:
        self.port = 0
        self._dice = Random(seed)
        self._target = target
        self._mode: Mode = "open"
        self._loop = asyncio.new_event_loop()
        self._there = asyncio.Event()
        self._back = asyncio.Event()
        self._pairs: set[_Pair] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._there.set()
        self._back.set()
        self.port = self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def turn(self, mode: Mode, *, lost: bool = False) -> None:
        """Go over to a mode at once. Where `lost`, what fell into a hole never comes out: its connections stay dead.

        The server's end of them is closed after `SILENCE`. The client's stays as it is, and is told nothing.
        """
        self._do(self._turn(mode, lost=lost))

    async def _turn(self, mode: Mode, *, lost: bool) -> None:
        self._mode = mode
        for pair in self._pairs:
            if lost and not pair.dead:
                pair.dead = True
                self._loop.call_later(SILENCE, pair.orphan)
            if mode == "cut":
                pair.reset()
        for way, closed in zip((self._there, self._back), CLOSED.get(mode, (False, False)), strict=True):
            if closed:
                way.clear()
            else:
                way.set()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _end(self) -> None:
        self._server.close()
        for pair in self._pairs:
            pair.reset()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = _Pair(writer)
        self._pairs.add(pair)
        try:
            await _passed(pair, self._there)
            if self._mode == "cut":
                pair.reset()
                return
            back, onward = await asyncio.open_connection("127.0.0.1", self._target)
            pair.writers.append(onward)
            ways = (self._carry(pair, reader, onward, self._there), self._carry(pair, back, writer, self._back))
            await asyncio.gather(*ways)
        except (OSError, asyncio.CancelledError):
            pair.reset()
        finally:
            pair.close()
            self._pairs.discard(pair)

    async def _carry(
        self, pair: "_Pair", reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: asyncio.Event
    ) -> None:
        """Bytes one way, until its end; the other end is then told."""
        while data := await reader.read(65536):
            if self._mode in ("slow", "jitter"):
                await asyncio.sleep(DELAY if self._mode == "slow" else self._dice.uniform(*DELAYS))
            await _passed(pair, way)
            writer.write(data)
            await writer.drain()
        await _passed(pair, way)
        writer.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


class _Pair:
    """Both ends of one connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writers = [writer]
        self.dead = False

    def reset(self) -> None:
        self._each(_reset)

    def orphan(self) -> None:
        """Reset the server's end."""
        for writer in self.writers[1:]:
            _reset(writer)

    def close(self) -> None:
        self._each(lambda writer: writer.close())

    def _each(self, do: Callable[[asyncio.StreamWriter], object]) -> None:
        for writer in self.writers:
            with suppress(OSError):
                do(writer)


async def _passed(pair: _Pair, way: asyncio.Event) -> None:
    await way.wait()
    if pair.dead:
        await asyncio.Event().wait()


def _reset(writer: asyncio.StreamWriter) -> None:
    """A reset instead of a farewell; nothing where it is closed already."""
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def through(url: str, port: int) -> str:
    """The same server's address, by way of a proxy."""
    scheme, _, rest = url.partition("://")
    credentials, _, place = rest.rpartition("@")
    host, slash, path = place.partition("/")
    return f"{scheme}://{credentials}@{host.rpartition(':')[0]}:{port}{slash}{path}"


def port_of(url: str) -> int:
    return int(url.rpartition("@")[2].partition("/")[0].rpartition(":")[2])
