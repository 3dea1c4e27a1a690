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
from tests.faults.evidence import Ledger
from tests.faults.load import CREATED, Met, accounts, met, of
from tests.faults.onlookers import held
from tests.faults.trial import Found, Trial

NAMES = (f"{API} 1", "worker views relay 1")
LEAST = 0.8
"""Of what can be done, that is done under overload."""
BACK = 30.0
"""Seconds within which a few callers are served as before."""
AS_BEFORE = 1.5
"""How many times as long as before they may wait for it, in the median."""
NOISE = 0.01
"""Seconds below which one median is not told from another: with nothing else asked, the medians of a second's twenty
requests, thirty times, lay between 4 and 8 ms, and one at 15, beside other work on two cores."""


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
            last, seconds = _back(organisations, max(AS_BEFORE * first.slowest(0.5), NOISE))
            mets += [first, able, asked, *last]
            share = _rate(asked, scale) / _rate(able, scale)
            found.notes[str(number)] = (
                f"able {_rate(able, scale):.0f}/s, under overload {share:.0%} of it, p99 {asked.slowest(0.99):.2f} s, "
                f"p50 {first.slowest(0.5):.3f} s before, {last[-1].slowest(0.5):.3f} s again after {seconds:.1f} s"
            )
            found.violations += wrong(able, asked, scale)
            if seconds > BACK:
                found.violations.append(f"as before only after {seconds:.1f} s")
        # The control: a server that stands still for half of the time does not do enough, and is found out.
        with limping(all_of_it):
            limped = met(of(organisations, scale.seconds, scale.times * _rate(able, scale), scale.connections))
        found.control_red = bool(wrong(able, limped, scale._replace(least=LEAST)))
        found.add(stood(all_of_it, organisations, accounts([*mets, limped], len(organisations))))
    return found


def stood(all_of_it: Manned, organisations: Sequence[Organisation], ledgers: Sequence[Ledger]) -> Found:
    """What stands of each in the log and its views, once nothing runs any more."""
    began, found = time.monotonic(), Found()
    lags = [settled(all_of_it.direct, each.tenant, 0, began) for each in organisations]
    all_of_it.crew.stop()
    for each, ledger in zip(organisations, ledgers, strict=True):
        found.add(held(ledger, aftermath(all_of_it.direct, each.tenant)))
    found.late = late(max(lags))
    return found


def wrong(able: Met, asked: Met, scale: Scale) -> list[str]:
    share = _rate(asked, scale) / _rate(able, scale)
    found = [f"only {share:.0%} of what can be done"] if share < scale.least else []
    if strange := {status for *_, status in asked.answers} - {201, 429, 503}:
        found.append(f"answered with {sorted(strange)}")
    if asked.unanswered:
        found.append(f"{asked.unanswered} were never answered")
    return found


def _rate(met: Met, scale: Scale) -> float:
    """Useful answers a second, the first moments left out."""
    return max(met.good(scale.seconds / 4, scale.seconds), 0.01)


def _back(organisations: Sequence[Organisation], limit: float) -> tuple[list[Met], float]:
    """What was asked, and the seconds, until a second's twenty requests are done, in the median within the limit."""
    began, mets = time.monotonic(), [met(of(organisations, 1, 20, 4))]
    while not as_before(mets[-1], limit) and time.monotonic() - began <= 4 * BACK:
        mets.append(met(of(organisations, 1, 20, 4)))
    return mets, time.monotonic() - began


def as_before(last: Met, limit: float) -> bool:
    served = {status for *_, status in last.answers} == {CREATED} and not last.unanswered
    return served and last.slowest(0.5) <= limit


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
