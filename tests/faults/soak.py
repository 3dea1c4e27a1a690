"""Hours of ordinary traffic: memory, open files and database connections stay where they were. A cycle is a minute."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psycopg
from msgspec import Struct

from tests.faults.aftermath import aftermath, late, recorded, settled, signalled
from tests.faults.callers import Caller, Organisation, calling, together
from tests.faults.crew import API, LEARNING, VIEWS, Manned, manned
from tests.faults.onlookers import onlookers
from tests.faults.trial import Found, Trial

NAMES = (f"{API} 1", f"{VIEWS} 1", f"{LEARNING} 1")
EVERY = 2.0
"""Seconds between two looks."""
GROWTH, ROOM = 1.15, 32 * 2**20
"""What the last third of the time may hold above the first: a share of it, or so many bytes."""
MORE = 8
"""How many more files or connections."""
LEAK = """
held = []
import sys, time
while True:
    held.append(bytearray(2 * 2**20))
    held.append(open("/dev/null"))
    time.sleep(float(sys.argv[1]))
"""
LEAKS = 300
"""How often it does, however long the time is: a process may not open many more files, nor the machine hold them."""


class Look(Struct, frozen=True):
    memory: float
    """Bytes that are in memory."""
    files: int


def run(trial: Trial) -> Found:
    return endure(trial, trial.cycles * 60)


def endure(trial: Trial, seconds: float) -> Found:
    found = Found()
    looks: dict[str, list[Look]] = {}
    connections: list[int] = []
    with (
        manned(trial.home, NAMES) as all_of_it,
        subprocess.Popen([sys.executable, "-c", LEAK, f"{seconds / LEAKS}"]) as leak,
    ):
        try:
            organisations = all_of_it.organisations(2)
            callers = [Caller(each, writes=writes, pause=0.2) for each in organisations for writes in (True, False)]
            pids = {**{name: all_of_it.crew.pid(name) for name in NAMES}, "leak": leak.pid}
            with stood(all_of_it, organisations, callers, found), calling(callers):
                _watch(all_of_it, pids, looks, connections, seconds)
        finally:
            leak.kill()
    refused = {each.status for caller in callers for each in caller.answers if not each.done}
    found.violations += [f"answered with {sorted(refused)}"] if refused else []
    # The control: a process that lets go of nothing, looked at by the same eyes.
    found.control_red &= bool(grown(looks.pop("leak")))
    for name, each in looks.items():
        found.violations += [f"{name}: {what}" for what in grown(each)]
        first, last = thirds([look.memory / 2**20 for look in each])
        found.notes[name] = f"{first:.0f} MB, then {last:.0f} MB; {each[-1].files} files"
    first, last = thirds(connections)
    found.notes["connections"] = f"{first:.0f}, then {last:.0f}"
    if last > first + MORE:
        found.violations.append(f"connections grew from {first:.0f} to {last:.0f}")
    return found


@contextmanager
def stood(
    all_of_it: Manned, organisations: Sequence[Organisation], callers: Sequence[Caller], found: Found
) -> Iterator[None]:
    """What stands of it once the block has ended and nothing runs any more, with its control."""
    with onlookers(lambda: all_of_it.direct, [(each.url, each.tenant, each.key) for each in organisations]) as eyes:
        yield
        began = time.monotonic()
        recorded(all_of_it.direct)
        lags = [settled(all_of_it.direct, each, signalled(all_of_it.direct, each), began) for each in eyes.tenants]
        eyes.arrive(all_of_it.direct.nats)
    all_of_it.crew.stop()
    accounts = [together([each for each in callers if each.tenant == tenant]) for tenant in eyes.tenants]
    stands = [aftermath(all_of_it.direct, tenant) for tenant in eyes.tenants]
    found.add(eyes.judge(accounts, stands, whole=False))
    found.late = late(max(lags))
    found.control_red = not eyes.missed(accounts[0], stands[0])


def _watch(
    all_of_it: Manned, pids: Mapping[str, int], looks: dict[str, list[Look]], connections: list[int], seconds: float
) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for name, pid in pids.items():
            looks.setdefault(name, []).append(look(pid))
        with psycopg.connect(all_of_it.servers.addresses.superuser) as connection:
            [(count,)] = connection.execute("select count(*) from pg_stat_activity where usename like 'everlog%'")
        connections.append(count)
        time.sleep(min(EVERY, seconds / 12))


def look(pid: int) -> Look:
    place = Path(f"/proc/{pid}")
    pages = int((place / "statm").read_text().split()[1])
    return Look(pages * 4096, len(list((place / "fd").iterdir())))


def thirds(values: Sequence[float]) -> tuple[float, float]:
    """The medians of the first third, a warm-up left out, and of the last."""
    begun = values[len(values) // 6 :]
    third = max(len(begun) // 3, 1)
    return median(begun[:third]), median(begun[-third:])


def grown(looks: Sequence[Look]) -> list[str]:
    found = []
    first, last = thirds([each.memory for each in looks])
    if last > max(first * GROWTH, first + ROOM):
        found.append(f"memory grew from {first / 2**20:.0f} to {last / 2**20:.0f} MB")
    first, last = thirds([each.files for each in looks])
    if last > first + MORE:
        found.append(f"open files grew from {first:.0f} to {last:.0f}")
    return found
