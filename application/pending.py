"""An answer that another thread will give."""

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from threading import Event, Lock
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class Pending(Generic[T]):
    """Settled once, by any thread; waited for by threads with `result`, by event loops with `await`.

    A `concurrent.futures.Future` costs several times as much to make, and wakes a waiting loop once for each. It cannot
    be cancelled: what it stands for is under way. Who awaits it may be, and the answer is then nobody's.
    """

    __slots__ = ("_answer", "_done", "_problem", "_told")

    def __init__(self) -> None:
        self._done = False
        self._answer: T | None = None
        self._problem: BaseException | None = None
        self._told: tuple[Callable[[Pending[T]], None], ...] = ()

    def done(self) -> bool:
        return self._done

    def result(self, timeout: float | None = None) -> T:
        """Raises what it was settled with, and `TimeoutError` after so many seconds."""
        self._wait(timeout)
        if self._problem is not None:
            raise self._problem
        return self._answer  # type: ignore[return-value] # it is there once there is no problem

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What went wrong, if anything did. Raises `TimeoutError`."""
        self._wait(timeout)
        return self._problem

    def set_result(self, answer: T) -> None:
        self._answer = answer
        self._settle()

    def set_exception(self, problem: BaseException) -> None:
        self._problem = problem
        self._settle()

    def add_done_callback(self, told: "Callable[[Pending[T]], None]") -> None:
        """Have it called in the thread that settles, or at once."""
        with _LOCK:
            if not self._done:
                self._told = (*self._told, told)
                return
        told(self)

    async def settled(self) -> None:
        """Return when there is an answer or a problem."""
        if not self._done:
            loop = asyncio.get_running_loop()
            waiting = loop.create_future()
            ring = _bell(loop).ring
            self.add_done_callback(lambda _: ring(waiting))
            await waiting

    def __await__(self) -> Generator[Any, None, T]:
        yield from self.settled().__await__()
        return self.result()

    def _settle(self) -> None:
        with _LOCK:
            self._done = True
            told, self._told = self._told, ()
        for each in told:
            each(self)

    def _wait(self, timeout: float | None) -> None:
        if not self._done:
            settled = Event()
            self.add_done_callback(lambda _: settled.set())
            if not settled.wait(timeout):
                raise TimeoutError


class _Bell:
    """Wakes a loop once for all that is settled before it comes round."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._call = loop.call_soon_threadsafe
        self._due: deque[asyncio.Future[None]] = deque()
        self._rung = False

    def ring(self, waiting: asyncio.Future[None]) -> None:
        self._due.append(waiting)
        # What is added before `_answer` says that it has not rung is found by it.
        if not self._rung:
            self._rung = True
            try:
                self._call(self._answer)
            except RuntimeError:
                # The loop is closed, and with it whoever waited.
                self._due.clear()

    def _answer(self) -> None:
        self._rung = False
        while self._due:
            waiting = self._due.popleft()
            if not waiting.done():
                waiting.set_result(None)


_LOCK = Lock()
"""One for all: it is held for a moment only, and making one for each costs more than waiting for it."""
_BELLS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Bell] = WeakKeyDictionary()


def _bell(loop: asyncio.AbstractEventLoop) -> _Bell:
    bell = _BELLS.get(loop)
    if bell is None:
        bell = _BELLS.setdefault(loop, _Bell(loop))
    return bell
