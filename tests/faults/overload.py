"""Three times as much is asked as can be done: almost as much is done as before, and soon after all is as it was."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tests.faults.aftermath import aftermath, late, settled
from tests.faults.callers import Organisation
from tests.faults.crew import API, Manned, manned
from tests.faults.evidence import counted
from tests.faults.load import Met, accounts, met, of
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
        able, mets = Met([]), list[Met]()
        for number in range(1, trial.cycles + 1):
            first = met(of(organisations, 2, 20, 4))
            able = met(of(organisations, scale.seconds, 0, 48))
            asked = met(of(organisations, scale.seconds, scale.times * _rate(able, scale), scale.connections))
            last, seconds = _back(organisations, max(5 * first.slowest(0.5), 0.2))
            mets += [first, able, asked, *last]
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
        found.add(stood(all_of_it, organisations, [*mets, limped]))
    return found


def stood(all_of_it: Manned, organisations: Sequence[Organisation], mets: Sequence[Met]) -> Found:
    """What stands of each in the log and its views, once nothing runs any more."""
    began, found = time.monotonic(), Found()
    lags = [settled(all_of_it.direct, each.tenant, 0, began) for each in organisations]
    all_of_it.crew.stop()
    for each, ledger in zip(organisations, accounts(mets, len(organisations)), strict=True):
        after = aftermath(all_of_it.direct, each.tenant)
        found.add(counted(ledger, after.log))
        found.violations += [f"{view} differs from its rebuild: {rows[:2]}" for view, rows in after.differing.items()]
    found.late = late(max(lags))
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


def _back(organisations: Sequence[Organisation], limit: float) -> tuple[list[Met], float]:
    """What was asked, and the seconds, until the median of a second's twenty requests is within the limit again."""
    began, mets = time.monotonic(), [met(of(organisations, 1, 20, 4))]
    while mets[-1].slowest(0.5) > limit and time.monotonic() - began <= 4 * BACK:
        mets.append(met(of(organisations, 1, 20, 4)))
    return mets, time.monotonic() - began


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
