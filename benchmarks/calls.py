"""Callers that ask again as soon as they are answered: how many got through in a second, and how long each waited."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.kernel import Figures


def told(done: int, spent: float, taken: Iterable[float]) -> Figures:
    """Events per second, and the milliseconds that half and 99 of 100 calls took at most. Raises `ValueError` on none.

    Args:
        done: Events altogether.
        spent: Seconds from the first call to the last answer.
        taken: Seconds of each call.
    """
    ranked = sorted(taken)
    if not ranked:
        raise ValueError("nobody was answered in time")
    return {"rate": done / spent, "p50": ranked[len(ranked) // 2] * 1000, "p99": ranked[len(ranked) * 99 // 100] * 1000}


def threads(callers: int, seconds: float, call: Callable[[], int]) -> Figures:
    """So many threads; a call answers with the number of its events."""
    ready = threading.Barrier(callers)
    stop = time.perf_counter() + seconds

    def caller(_: int) -> tuple[int, list[float]]:
        done, taken = 0, []
        ready.wait()
        while (now := time.perf_counter()) < stop:
            done += call()
            taken.append(time.perf_counter() - now)
        return done, taken

    began = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        met = list(pool.map(caller, range(callers)))
    spent = time.perf_counter() - began
    return told(sum(done for done, _ in met), spent, (each for _, taken in met for each in taken))
