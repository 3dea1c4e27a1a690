"""What was unwrapped once, asked for again in the background before it is too old to be used."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

from tenants.keys import Denied, Pace, Unserved

T = TypeVar("T")
_REST = 1.0
"""Seconds between attempts at a service that did not serve."""
_LASTS = 10.0
"""Seconds that its failure is told for without waiting for it again."""
_SOON = 0.5
"""Seconds that the one who starts another attempt waits for it, instead of being told of the last one's failure."""
_POOLS = {
    apart: ThreadPoolExecutor(32 if apart else 4, thread_name_prefix="own-keys" if apart else "keys")
    for apart in (True, False)
}


class Renewal(Generic[T]):
    """One tenant's. `load` asks the services; `refused` is called when one of them does not let us any more."""

    def __init__(
        self,
        load: Callable[[], T],
        refused: Callable[[], None],
        pace: Callable[[], Pace],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._load = load
        self._refused = refused
        self._pace = pace
        self._clock = clock
        self._held: tuple[T, float, Pace] | None = None
        """With the time at which it was asked for: it had not been taken back before."""
        self._flight: Future[T] | None = None
        self._failed: Exception | None = None
        self._tried = 0.0
        self._lock = Lock()
        self._age = 0
        """Counted up by `forget`: what was asked for before that is not kept."""

    def peek(self) -> T | None:
        """What is at hand, if it may be used. Waits for nobody."""
        held = self._held
        if held is None:
            return None
        value, began, pace = held
        age = self._clock() - began
        if age >= pace.dead:
            return None
        if age >= pace.renew:
            self._start()
        return value

    def get(self) -> T:
        """What is at hand, or what the services answer. Raises what they do, and `tenants.keys.Unserved`."""
        value = self.peek()
        return self._asked() if value is None else value

    def again(self) -> T:
        """What the services answer to a question that is asked after this call."""
        with self._lock:
            before = self._flight
        if before:
            _settled(before, self._pace().wait)
        return self._asked()

    def forget(self) -> None:
        with self._lock:
            self._held = self._failed = self._flight = None
            self._age += 1

    def _asked(self) -> T:
        """Where they have failed lately, only who starts another attempt waits for it, and not for long."""
        flight, mine = self._start()
        failed, pace = self._failed, self._pace()
        if failed is None and flight:
            return _settled(flight, pace.wait)
        if mine and flight:
            try:
                return flight.result(_SOON)
            except Late:
                pass
        raise type(failed)(*failed.args) if failed else Unserved("The key service does not answer in time.")

    def _start(self) -> tuple[Future[T] | None, bool]:
        """The attempt that is under way, and whether it was begun just now."""
        with self._lock:
            since = self._clock() - self._tried
            if self._failed is not None and since >= _LASTS:
                self._failed = None
            if self._flight is not None or (self._failed is not None and since < _REST):
                return self._flight, False
            self._flight = _POOLS[self._pace().apart].submit(self._run, self._age)
            return self._flight, True

    def _run(self, age: int) -> T:
        began = self._clock()
        try:
            value = self._load()
        except (Denied, Unserved) as failed:
            self._end(age, failed)
            if isinstance(failed, Denied):
                self._refused()
            raise
        except BaseException:
            self._end(age)
            raise
        with self._lock:
            if age == self._age:
                self._held = (value, began, self._pace())
        self._end(age)
        return value

    def _end(self, age: int, failed: Exception | None = None) -> None:
        with self._lock:
            if age == self._age:
                self._flight, self._failed, self._tried = None, failed, self._clock()
                if isinstance(failed, Denied):
                    self._held = None


def _settled(flight: Future[T], seconds: float) -> T:
    try:
        return flight.result(seconds)
    except Late:
        if flight.done():
            raise
        raise Unserved("The key service does not answer in time.") from None
