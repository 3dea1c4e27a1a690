"""SIGSTOP of workers and a relay in the midst of their work, and storms of ended sessions: zombies change nothing."""

import asyncio
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import cast
from uuid import UUID

from tests.faults.aftermath import last
from tests.faults.failing import Trap
from tests.faults.house import House, housed, lines
from tests.faults.onlookers import UNLIKE
from tests.faults.sealing import POINTS as SEALS
from tests.faults.sealing import SEALER, SECOND, Signed, drowsy, halted
from tests.faults.sealing import WRONG as FORGETFUL
from tests.faults.stream import Streaming, streaming
from tests.faults.trial import Found, Trial
from tests.waiting import until

STOPPED = 30.0
"""Seconds for which a zombie is one; its leases last for half of them."""
VIEWS = ("view: before it is loaded", "view: between rows and checkpoint", "view: loaded", "view: evolved")
RELAYS = ("relay: before publishing", "relay: read")
PASSES = {"view": 25, "relay": 5}
WRONG = "view: checkpoints not compared"
STORM = 40
"""Sessions that are ended in a storm, one after the other."""
LONG = 600
"""Seconds until a worker has got to where it is stopped, on a machine that does much else: no judgement of anything."""
TAKEN = 120
"""Seconds until others have taken over from it, and until it was refused once it is awake."""
_PLACES = "select tenant_id, min(position) from everlog.checkpoints group by tenant_id"
_END = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where usename in ('everlog_app', 'everlog_worker') order by random() limit 1"""


def run(trial: Trial) -> Found:
    found = endure(trial, STOPPED)
    told = control(Trial(trial.home / "control", 1, trial.seed))
    found.notes["found out by the control"] = "; ".join(each[:100] for each in told)
    found.control_red &= any(UNLIKE in each for each in told) and any(SECOND in each for each in told)
    return found


def endure(trial: Trial, stopped: float) -> Found:
    """Each cycle: a worker and a relay stop in their tracks, others take over, they wake up; then a storm."""
    dice, told, wrong, signed = trial.dice(), list[str](), list[str](), Signed()
    with housed(trial.home / "home") as house:
        with streaming(house) as stream, house.kept("api"):
            for number in range(trial.cycles):
                points, seal = (VIEWS[number % len(VIEWS)], RELAYS[number % len(RELAYS)]), SEALS[number % len(SEALS)]
                with (
                    zombies(house, stream, points, dice) as (words, seconds),
                    drowsy(house, signed, stream.tenants, seal, dice),
                ):
                    time.sleep(max(0.0, stopped - seconds))
                told.append(f"at {' and '.join(points)}, taken over after {seconds:.1f} s; {seal}")
                wrong += [
                    f"no write of a stopped {kind} was refused" for kind, word in words.items() if not lines(word)
                ]
                with house.kept("worker views relay"):
                    storm(house, dice)
            stream.calm("worker views", "worker relay", SEALER)
        found = stream.judged()
        found.violations += wrong + signed.judged(house, stream.tenants)
    found.notes |= {"stopped": "; ".join(told), "sessions ended": STORM * trial.cycles}
    return found


def stopped_once(trial: Trial, wrong: Sequence[Trap] = (), forgetful: Sequence[Trap] = ()) -> Found:
    """One zombie, before its rows are loaded, with `wrong`; and one sealer, with `forgetful` at who seals meanwhile."""
    dice, signed = trial.dice(), Signed()
    with housed(trial.home) as house:
        with streaming(house, least=30) as stream, house.kept("api"):
            with (
                zombies(house, stream, (VIEWS[0], RELAYS[0]), dice, *wrong),
                drowsy(house, signed, stream.tenants, SEALS[0], dice, *forgetful),
            ):
                pass
            stream.calm("worker views", "worker relay", SEALER)
        found = stream.judged()
        found.violations += signed.judged(house, stream.tenants)
    return found


def control(trial: Trial) -> list[str]:
    """What the two wrong things cause: views' checkpoints that are not compared, and the log's that are forgotten."""
    found = stopped_once(trial, [Trap(WRONG, "wrong", "")], [Trap(FORGETFUL, "wrong", "")])
    return [each for each in found.violations if UNLIKE in each or SECOND in each]


@contextmanager
def zombies(
    house: House, stream: Streaming, points: tuple[str, str], dice: Random, *more: Trap
) -> Iterator[tuple[dict[str, Path], float]]:
    """Stopped at these points, and taken over from, while the block runs; awake and at work for a while after it.

    Gives the files that tell of refused writes, by kind, and the seconds until others had taken over.
    """
    refused = {kind: house.word() for kind in ("view", "relay")}
    with ExitStack() as stack:
        stop = []
        for kind, point in zip(refused, points, strict=True):
            # By then the system's own log, which stands still, is done with, and so are the first looks at all logs.
            trap = Trap(point, "stop", str(house.word()), [PASSES[kind] + dice.randint(0, 9)])
            traps = [trap, Trap(f"{kind}: refused", "note", str(refused[kind])), *(more if kind == "view" else ())]
            process = stack.enter_context(house.part(f"worker {kind.replace('view', 'views')}", *traps))
            stop.append((process, Path(trap.word)))
        for process, word in stop:
            until(lambda process=process, word=word: lines(word) and halted(process), LONG)
        began, at = time.monotonic(), places(house, stream.tenants)
        stack.enter_context(house.kept("worker views relay"))
        until(lambda: all(now > then for now, then in zip(places(house, stream.tenants), at, strict=True)), TAKEN)
        yield refused, time.monotonic() - began
        for process, _ in stop:
            process.send_signal(signal.SIGCONT)
        # Whether they try to write what they had in hand, and are refused, is for the caller to judge.
        if not more:
            with suppress(AssertionError):
                until(lambda: all(map(lines, refused.values())) or None, TAKEN)
        time.sleep(1)


def places(house: House, tenants: list[UUID]) -> list[int]:
    """How far each tenant's views are, then how far each one's events in JetStream."""
    views = dict(cast("list[tuple[UUID, int]]", house.by_hand(_PLACES)))
    return [
        *(views.get(tenant, 0) for tenant in tenants),
        *(asyncio.run(last(house.settings.nats, tenant)) for tenant in tenants),
    ]


def storm(house: House, dice: Random) -> None:
    """End sessions with the database, one at random after the other."""
    for _ in range(STORM):
        house.by_hand(_END)
        time.sleep(dice.uniform(0, 0.2))
