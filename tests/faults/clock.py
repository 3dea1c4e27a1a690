"""Clocks that jump, by seconds or by a day, back or ahead, while two organisations stream and workers are killed.

The database's clock is moved inside the database: the function that tells it is replaced by one that adds a setting. It
is the clock that events are recorded by and leases end by. The clock of the product's Python processes is moved on its
own, so that the two are apart. Never the machine's.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import psycopg

from api import settings as configuration
from domain.kernel import Recorded
from tests.adapters.supervising import ROOT
from tests.faults.aftermath import aftermath, settled
from tests.faults.disk.plant import superuser
from tests.faults.evidence import counted
from tests.faults.kills import PARTS, Feed, kill, organisation, watched
from tests.faults.trial import Found, Trial
from tests.served import Served, served
from tests.waiting import until

LEAST = 300
"""Applications that each client streams at least."""
PAUSE = 0.25
"""Seconds that each rests after a request, so that a machine of two cores is not kept busy by what is asked alone."""
JUMPS = (86_400, 3, -172_800, -3, 90_000, -3600)
"""Seconds by which the clock is moved, from where it is: a day ahead of the machine's, a day behind it, which is two
days behind what was recorded, an hour ahead, and back. The log is in the next day from the first of them on."""
SOON = 30.0
"""Seconds within which nothing is behind the log after the last jump."""
ALARM = "The database's clock"
KEEP = "at := greatest(at, before);"
"""What keeps recorded time from going back."""

_MOVABLE = """
    alter function pg_catalog.clock_timestamp() rename to machine_timestamp;
    create function pg_catalog.clock_timestamp() returns timestamptz language sql volatile as $$
        select machine_timestamp() + coalesce(nullif(current_setting('fault.shift', true), ''), '0')::interval $$"""
_OTHERS = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename is not null"


class Clocks:
    """The database's and the processes' own, each as far from the machine's as it was moved."""

    def __init__(self, product: Served, file: Path) -> None:
        self._product = product
        self._file = file
        self.database = 0
        with self.owner() as connection:
            connection.execute(_MOVABLE)
            # Plans that were made before know the function that is called otherwise now.
            connection.execute(_OTHERS)

    def move(self, seconds: int, processes: int) -> None:
        """The database's clock by so many seconds, and those of the processes to so many from the machine's."""
        self.database += seconds
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(processes))
        fresh.replace(self._file)
        with self.owner() as connection:
            connection.execute(f"alter system set fault.shift = '{self.database} seconds'")
            connection.execute("select pg_reload_conf()")

    @contextmanager
    def owner(self) -> Iterator[psycopg.Connection]:
        """A superuser's connection to the product's database, a transaction for each statement."""
        url = superuser(self._product.home).removesuffix("postgres") + "everlog"
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection


def run(trial: Trial) -> Found:
    found, lag = endure(trial, [JUMPS[number % len(JUMPS)] for number in range(trial.cycles)], LEAST)
    if lag > SOON:
        found.violations.append(f"the views, the models and the relay had caught up only after {lag:.1f} s")
    return found


def endure(trial: Trial, jumps: Sequence[int], least: int) -> tuple[Found, float]:
    """Move the clocks while two organisations stream; what stands, and the seconds until nothing was behind the log."""
    dice = trial.dice()
    shift = trial.home / "shift"
    shift.write_text("0")
    moved = {"PYTHONPATH": str(ROOT / "tests" / "faults" / "shifted"), "EVERLOG_FAULT_SHIFT": str(shift)}
    with served(trial.home / "home", **moved) as product:
        clocks = Clocks(product, shift)
        feeds = [Feed(*organisation(product), least=least, pause=PAUSE) for _ in range(2)]
        with watched(product, feeds) as eyes:
            for seconds in jumps:
                jump(clocks, product, feeds, seconds, dice)
            for feed in feeds:
                feed.enough()
            since = time.monotonic()
            lags = [settled(product.settings, feed.client.tenant, feed.captures, since) for feed in feeds]
            eyes.arrive(product.settings.nats)
        tenant, control = backwards(clocks, product)
        alarmed = ALARM in product.told()
        product.stop()
        settings = configuration.read(product.environment)
        stands = [aftermath(settings, feed.client.tenant) for feed in feeds]
        back = counted(control.ledger, aftermath(settings, tenant).log).violations
    found, missed = eyes.judge([feed.ledger for feed in feeds], stands), eyes.missed(feeds[0].ledger, stands[0])
    found.notes |= {"moved by, s": ", ".join(map(str, jumps)), "lag 0 after, s": round(max(lags), 1)}
    found.notes["recorded in the next day"] = sum(tomorrow(each.log) for each in stands)
    if not all(tomorrow(each.log) for each in stands):
        found.violations.append("a log was never ahead of its clock")
    if not alarmed:
        found.violations.append("nobody was told that the clock had jumped")
    found.control_red = "time goes backwards" in back and not missed
    return found, max(lags)


def tomorrow(log: Sequence[Recorded]) -> int:
    """How many of its events are recorded later than it is, and than any jump but the first would make it."""
    return sum(each.at > datetime.now(UTC) + timedelta(hours=12) for each in log)


def jump(clocks: Clocks, product: Served, feeds: Sequence[Feed], seconds: int, dice: Random) -> None:
    """Move both clocks, and kill a worker that is at work before it has renewed its leases by the new time."""
    assert until(lambda: product.children().keys() >= set(PARTS.values()), seconds=60)
    clocks.move(seconds, dice.choice(JUMPS))
    kill(product, dice.choice(("views", "learning")), dice)
    for feed in feeds:
        feed.progress()
    time.sleep(dice.uniform(0, 1.5))


def backwards(clocks: Clocks, product: Served) -> tuple[UUID, Feed]:
    """The control: a log that records by the clock alone, which goes back."""
    feed = Feed(*organisation(product), least=30)
    feed.progress()
    whole = []
    with clocks.owner() as connection:
        for way in ("append", "put"):
            [(told,)] = connection.execute(f"select pg_get_functiondef('everlog.{way}'::regproc)").fetchall()
            assert KEEP in told
            connection.execute(told.replace(KEEP, ""))
            whole.append(told)
        # The second wall: a head whose time would go back is refused.
        connection.execute("alter table everlog.heads disable trigger guard")
    clocks.move(-7200, 0)
    feed.progress()
    feed.enough()
    with clocks.owner() as connection:
        # Without these the product would not start again.
        for told in whole:
            connection.execute(told)
        connection.execute("alter table everlog.heads enable trigger guard")
    return feed.client.tenant, feed
