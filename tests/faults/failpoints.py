"""A failpoint at each step of the append, of the views and of the relay: each kills its process, and each raises."""

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random

from tests.faults.failing import POINTS, Trap
from tests.faults.house import House, housed, lines
from tests.faults.onlookers import UNLIKE
from tests.faults.serverside import SERVER, strike
from tests.faults.stream import streaming
from tests.faults.trial import Found, Trial

PARTS = {"append": "api", "view": "worker views", "relay": "worker relay"}
BESIDE = "walls: triggers not compared"
"""Those of `serverside` are none of the product's, which does not start beside them."""
WRONG = "view: rows and checkpoint apart"
NO_STEPS = ("refused", "apart", "compared")
STEPS = (
    *(point for point in POINTS if point.partition(":")[0] in PARTS and not point.endswith(NO_STEPS)),
    *SERVER,
)
HARMS = ("kill", "raise")
INTERNAL = 500
ROUND = 20
"""Cycles for which one installation is kept: after more, its clients would have nothing left to stream."""
REACHED = 300.0
"""Seconds within which a failpoint must have been passed."""


def run(trial: Trial) -> Found:
    """Every point so many times killed at and so many times raised in; each round in an installation of its own."""
    found = Found(control_red=True)
    for number, left in enumerate(range(trial.cycles, 0, -ROUND)):
        each = endure(Trial(trial.home / f"{number}", min(left, ROUND), trial.seed + number), STEPS)
        found.add(each)
        found.control_red &= each.control_red
        found.notes |= each.notes
    found.control_red &= bool(control(Trial(trial.home / "control", 1, trial.seed)))
    return found


def endure(trial: Trial, points: Sequence[str]) -> Found:
    """All of these, the three parts of the product at the same time, while two organisations stream."""
    with housed(trial.home) as house:
        house.traps = (Trap(BESIDE, "wrong", ""),)
        # What is raised inside of the database once, and for a drain of one append, is told to who sent that.
        with streaming(house, 0, INTERNAL) as stream:
            together = threading.Barrier(len(PARTS))
            with ThreadPoolExecutor(len(PARTS)) as pool:
                jobs = [pool.submit(_part, house, trial, kind, points, together) for kind in PARTS]
            stream.calm(*PARTS.values())
        found = stream.judged()
        for job in jobs:
            passed, missing = job.result()
            found.violations += missing
            found.notes |= passed
    return found


def control(trial: Trial) -> list[str]:
    """The views that are found other than their rebuild where rows are committed before their checkpoint.

    There must be some; whatever else is wrong then was not caused by that.
    """
    with housed(trial.home) as house:
        wrong = Trap(WRONG, "wrong", "")
        with streaming(house, least=60) as stream, house.kept("api"):
            for number in range(3):
                # The first batch is of the system's own log, which nobody judges.
                _killed(house, "view: between rows and checkpoint", number + 2, wrong)
            stream.calm("worker views", "worker relay")
        return [each for each in stream.judged().violations if UNLIKE in each]


def _part(
    house: House, trial: Trial, kind: str, points: Sequence[str], together: threading.Barrier
) -> tuple[dict[str, str | float], list[str]]:
    """Its ordeal; then it works unharmed until the others have had theirs, which need it."""
    try:
        found = _ordeal(house, trial, kind, points)
        with house.kept(PARTS[kind]), suppress(threading.BrokenBarrierError):
            together.wait()
    except BaseException:
        together.abort()
        raise
    return found


def _ordeal(house: House, trial: Trial, kind: str, points: Sequence[str]) -> tuple[dict[str, str | float], list[str]]:
    """One part of the product through all its points; how often each did its harm, and which did not often enough."""
    dice, done = trial.dice(kind), Counter[str]()
    mine = [point for point in points if point.startswith(kind)]
    lives = [point for point in mine if point not in SERVER] * trial.cycles
    dice.shuffle(lives)
    for point in lives:
        done[f"{point}, kill"] += _killed(house, point, dice.randint(2, 9))
    for point in mine:
        if point in SERVER:
            with house.kept(PARTS[kind]):
                for harm in HARMS:
                    done[f"{point}, {harm}"] += strike(house, point, harm, trial.cycles, REACHED)
        else:
            done[f"{point}, raise"] += _raised(house, dice, point, trial.cycles)
    missing = [f"{each} was reached {times} times" for each, times in done.items() if times < trial.cycles]
    return dict(done), missing


def _killed(house: House, point: str, passes: int, *more: Trap) -> bool:
    """One life of a process; whether the failpoint has ended it."""
    trap = Trap(point, "kill", str(house.word()), [passes])
    until = time.monotonic() + REACHED
    while not lines(trap.word) and time.monotonic() < until:
        # A process that finds the database just recovering gives up by itself, and has to be started again.
        with house.part(PARTS[point.partition(":")[0]], trap, *more) as process, suppress(subprocess.TimeoutExpired):
            process.wait(REACHED)
    house.unlease()
    return bool(lines(trap.word))


def _raised(house: House, dice: Random, point: str, times: int) -> int:
    """One process, or more if it has to be, in which the failpoint raises so many times."""
    gaps = [dice.randint(1, 9) for _ in range(times)]
    word = str(house.word())
    done, until = 0, time.monotonic() + REACHED
    while done < times and time.monotonic() < until:
        with house.part(PARTS[point.partition(":")[0]], Trap(point, "raise", word, gaps[done:])) as process:
            while done < times and time.monotonic() < until and process.poll() is None:
                time.sleep(0.05)
                if (now := len(lines(word))) > done:
                    done, until = now, time.monotonic() + REACHED
    house.unlease()
    return done
