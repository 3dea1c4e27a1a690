"""What PostgreSQL itself needs to tell another connection of a commit: the way of one NOTIFY."""

import threading
import time
from statistics import quantiles

import psycopg

from benchmarks.kernel import Figures

_CHANNEL = "bench_round_trip"


def round_trips(url: str, rate: int, seconds: float) -> Figures:
    """p50 and p99 in milliseconds, from sending a notification to its being heard by another thread's connection."""
    count = max(rate, int(rate * seconds))
    times: list[float] = []
    ready = threading.Event()

    def listen() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"listen {_CHANNEL}".encode())
            ready.set()
            heard = connection.notifies(timeout=60, stop_after=count)
            times.extend((time.perf_counter() - float(each.payload)) * 1000 for each in heard)

    thread = threading.Thread(target=listen, name="listen")
    thread.start()
    ready.wait()
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, began + number / rate - time.perf_counter()))
            connection.execute("select pg_notify(%s, %s)", [_CHANNEL, repr(time.perf_counter())], prepare=True)
    thread.join()
    return tail(times)


def tail(times: list[float]) -> Figures:
    cuts = quantiles(times, n=100, method="inclusive")
    return {"p50": cuts[49], "p99": cuts[98]}
