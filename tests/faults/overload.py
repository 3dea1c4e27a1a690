"""Three times as much is asked as can be done: almost as much is done as before, and soon after all is as it was."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tests.faults.callers import Organisation
from tests.faults.crew import API, Manned, manned
from tests.faults.load import Met, met, of
from tests.faults.trial import Found, Trial

NAMES = (f"{API} 1", "worker views relay 1")
LEAST = 0.8
"""Of what can be done, that is done under overload."""
BACK = 30.0
"""Seconds within which a single caller is served as before."""


class Scale(NamedTuple):
    organisations: int = 6
    seconds: float = 8.0
    times: float = 3.0
    connections: int = 600
    least: float = LEAST


_FULL = Scale()


def run(trial: Trial) -> Found:
    return endure(trial, _FULL)


def endure(trial: Trial, scale: Scale) -> Found:
    found = Found()
    with manned(trial.home, NAMES) as all_of_it:
        organisations = all_of_it.organisations(scale.organisations)
        able = Met([])
        for number in range(1, trial.cycles + 1):
            before = met(of(organisations, 2, 20, 4)).slowest(0.5)
            able = met(of(organisations, scale.seconds, 0, 48))
            asked = met(of(organisations, scale.seconds, scale.times * _rate(able, scale), scale.connections))
            seconds = _back(organisations, max(5 * before, 0.2))
            found.attempted += len(able.answers) + len(asked.answers)
            found.acknowledged += sum(status == 201 for each in (able, asked) for *_, status in each.answers)
            share = _rate(asked, scale) / _rate(able, scale)
            found.notes[str(number)] = (
                f"able {_rate(able, scale):.0f}/s, under overload {share:.0%} of it, p99 {asked.slowest(0.99):.2f} s, "
                f"as before after {seconds:.1f} s"
            )
            found.violations += wrong(able, asked, scale)
            if seconds > BACK:
                found.violations.append(f"as before only after {seconds:.1f} s")
        # The control: a server that stands still for half of the time does not do enough, and is found out.
        with limping(all_of_it):
            limped = met(of(organisations, scale.seconds, scale.times * _rate(able, scale), scale.connections))
        found.control_red = bool(wrong(able, limped, scale._replace(least=LEAST)))
    return found


def wrong(able: Met, asked: Met, scale: Scale) -> list[str]:
    share = _rate(asked, scale) / _rate(able, scale)
    found = [f"only {share:.0%} of what can be done"] if share < scale.least else []
    if strange := {status for *_, status in asked.answers} - {201, 429, 503}:
        found.append(f"answered with {sorted(strange)}")
    return found


def _rate(met: Met, scale: Scale) -> float:
    """Useful answers a second, the first moments left out."""
    return max(met.good(scale.seconds / 4, scale.seconds), 0.01)


def _back(organisations: Sequence[Organisation], limit: float) -> float:
    """Seconds until the median of twenty requests of a second is within the limit again."""
    began = time.monotonic()
    while met(of(organisations, 1, 20, 4)).slowest(0.5) > limit:
        if time.monotonic() - began > 4 * BACK:
            break
    return time.monotonic() - began


@contextmanager
def limping(all_of_it: Manned) -> Iterator[None]:
    """The API stands still for most of each second."""
    stop, pid = threading.Event(), all_of_it.crew.pid(f"{API} 1")

    def limp() -> None:
        while not stop.is_set():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.8)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.2)

    thread = threading.Thread(target=limp)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
