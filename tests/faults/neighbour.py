"""One organisation asks ten times its quota, has views rebuilt, or never reads its streams: others hardly notice."""

import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NamedTuple
from uuid import uuid4

from msgspec.structs import replace

from api import bootstrap
from benchmarks.load import captured, meta
from tests.faults.callers import Organisation
from tests.faults.crew import API, Manned, manned
from tests.faults.evidence import Ledger
from tests.faults.load import CREATED, OK, Load, Met, accounts, met, of, under
from tests.faults.overload import stood
from tests.faults.trial import Found, Trial
from tests.served import answered

NAMES = (f"{API} 1", "worker views relay 1")
MOST = 1.5
"""How many times as long others wait at the 99th percentile."""
LEAST = 0.02
"""Seconds below which a difference is the machine's."""
QUOTA = 1200
"""Requests a minute of one key."""
SUBSCRIBERS = 16
OTHERS = 4
KINDS = {"write": CREATED, "read": OK}
"""What others ask for, half and half, with the status by which it is known."""


class Scale(NamedTuple):
    seconds: float = 6.0
    rate: float = 64.0
    """Of the others' requests, a second: less than their quota. In three cycles that is 576 of each kind, so that the
    99th percentile is the sixth slowest."""
    history: int = 4000
    """Events of the one whose views are rebuilt."""
    most: float = MOST


_FULL = Scale()


def run(trial: Trial) -> Found:
    return endure(trial, _FULL)


def endure(trial: Trial, scale: Scale) -> Found:
    found = Found()
    with manned(trial.home, NAMES, EVERLOG_REQUESTS_PER_MINUTE=str(QUOTA)) as all_of_it:
        loud, *others = all_of_it.organisations(1 + OTHERS)
        history = _write(all_of_it, loud, scale)
        harms = {"ten times its quota": asking, "rebuilding": rebuilding, "slow subscribers": subscribing}
        quiet: dict[str, list[Met]] = {name: [] for name in harms}
        harmed: dict[str, list[Met]] = {name: [] for name in harms}
        its_own: list[Met] = []
        for _ in range(trial.cycles):
            for name, harm in harms.items():
                # In pairs, so that whatever else the machine does weighs on both alike.
                quiet[name].append(met(_load(others, scale)))
                with harm(all_of_it, loud, scale) as asked:
                    harmed[name].append(met(_load(others, scale)))
                its_own += asked
        for name in harms:
            before, after = together(quiet[name]), together(harmed[name])
            found.notes[name] = "; ".join(told(before, after, kind) for kind in KINDS)
            found.violations += [f"{name}: {what}" for what in wrong(before, after, scale.most)]
        # The control: an API that stands still now and then, as one without walls between tenants would.
        with stumbling(all_of_it):
            worse = met(_load(others, scale))
        found.control_red = bool(wrong(together(quiet["rebuilding"]), worse, MOST))
        mets = [*itertools.chain(*quiet.values(), *harmed.values()), worse]
        history.take(*accounts(its_own, 1))
        found.add(stood(all_of_it, [loud, *others], [history, *accounts(mets, len(others))]))
    return found


def wrong(before: Met, after: Met, most: float) -> list[str]:
    times = {kind: ratio(before, after, status) for kind, status in KINDS.items()}
    found = [f"others waited {each:.2f} times as long for a {kind}" for kind, each in times.items() if each > most]
    if refused := sorted({status for *_, status in after.answers} - {*KINDS.values()}):
        found.append(f"others were answered with {refused}")
    if after.unanswered:
        found.append(f"{after.unanswered} of others were never answered")
    return found


def told(before: Met, after: Met, kind: str) -> str:
    first, then = (each.slowest(0.99, KINDS[kind]) for each in (before, after))
    return f"p99 of a {kind} {first:.3f} s without and {then:.3f} s with: {ratio(before, after, KINDS[kind]):.2f}"


def ratio(before: Met, after: Met, status: int) -> float:
    return max(after.slowest(0.99, status), LEAST) / max(before.slowest(0.99, status), LEAST)


def together(mets: list[Met]) -> Met:
    waiting = [seconds for each in mets for seconds in each.waiting]
    return Met([answer for each in mets for answer in each.answers], waiting=waiting)


def _load(others: list[Organisation], scale: Scale) -> Load:
    return replace(of(others, scale.seconds, scale.rate, 16), lists=True)


def _write(all_of_it: Manned, loud: Organisation, scale: Scale) -> Ledger:
    """A history, straight into the log, and the account of it."""
    account = Ledger()
    with bootstrap.product(replace(all_of_it.direct, owner=""), worker=True) as product:
        log, pending = product.logs.of(loud.tenant), []
        for _ in range(scale.history):
            asked = account.attempt({"command": "prospects.capture", "id": str(uuid4())})
            pending.append((asked, log.submit(f"prospects/{asked['id']}", 0, [captured()], meta())))
        for asked, future in pending:
            account.acknowledge([asked], [{"position": future.result(120).last}])
    return account


@contextmanager
def asking(_: Manned, loud: Organisation, scale: Scale) -> Iterator[list[Met]]:
    """What it met stands in the list when the block has ended."""
    with under(of([loud], scale.seconds, 10 * QUOTA / 60, 32)) as asked:
        yield asked


@contextmanager
def rebuilding(all_of_it: Manned, loud: Organisation, _: Scale) -> Iterator[list[Met]]:
    """An operator's command, for one view after the other, until the others have been served."""
    enough = threading.Event()

    def work() -> None:
        for view in itertools.cycle(("audit", "prospects")):
            if enough.is_set():
                break
            answered(["views", "rebuild", str(loud.tenant), view], all_of_it.crew.named)

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(work)
        try:
            yield []
        finally:
            enough.set()
            done.result()


@contextmanager
def subscribing(_: Manned, loud: Organisation, scale: Scale) -> Iterator[list[Met]]:
    """Streams from the log's beginning that nobody reads, while it goes on being written."""
    port = int(loud.url.rpartition(":")[2])
    asked = f"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {loud.key}\r\n\r\n"
    with ExitStack() as stack:
        for _number in range(SUBSCRIBERS):
            deaf = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(asked.encode())
        yield stack.enter_context(under(of([loud], scale.seconds, 10, 2)))


@contextmanager
def stumbling(all_of_it: Manned) -> Iterator[None]:
    stop, pid = threading.Event(), all_of_it.crew.pid(f"{API} 1")

    def stumble() -> None:
        while not stop.wait(0.3):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(1.5)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=stumble)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
