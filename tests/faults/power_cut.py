"""Power cuts under PostgreSQL and NATS while two organisations stream: what was acknowledged is there afterwards.

Both servers' data lie on disks that forget what was not synced. A cut takes both disks away at once, then every process
of the product is killed, and all of it starts on what the disks have kept.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import psycopg

from api import settings as configuration
from tests.faults.aftermath import aftermath, settled
from tests.faults.disk.plant import Plant, known, plant, superuser
from tests.faults.evidence import counted
from tests.faults.kills import Feed, organisation, watched
from tests.faults.trial import Found, Trial

LEAST = 300
"""Applications that each client streams at least."""
ROUND = 20
"""Cuts of one pair of servers: what the clients have to send comes to an end."""
SOON = 30.0
"""Seconds within which nothing is behind the log once all is served again."""
IDLE = "10s"
"""How often the log's server writes by itself, in the control: the cut comes before."""


def run(trial: Trial) -> Found:
    found = Found(control_red=True)
    for number in range(0, trial.cycles, ROUND):
        cycles = min(ROUND, trial.cycles - number)
        one, lag = endure(Trial(trial.home / str(number), cycles, trial.seed + number), LEAST)
        if lag > SOON:
            one.violations.append(f"the views, the models and the relay had caught up only after {lag:.1f} s")
        found.add(one)
        found.control_red &= one.control_red
        found.notes |= one.notes
    return found


def endure(trial: Trial, least: int) -> tuple[Found, float]:
    """Cut the power while two organisations stream, then once more as the control.

    Answers with what stands afterwards, and the seconds until nothing was behind the log.
    """
    dice = trial.dice()
    with plant(trial.home / "home") as station:
        product = station.product
        feeds = [Feed(*organisation(product), least=least) for _ in range(2)]
        with watched(product, feeds) as eyes:
            seconds = [blackout(station, feeds, dice) for _ in range(trial.cycles)]
            for feed in feeds:
                feed.enough()
            since = time.monotonic()
            lags = [settled(product.settings, feed.client.tenant, feed.captures, since) for feed in feeds]
            # The relay may still have to find what a cut took out of the midst of JetStream.
            eyes.arrive(product.settings.nats, SOON)
        product.stop()
        settings = configuration.read(product.environment)
        stands = [aftermath(settings, feed.client.tenant) for feed in feeds]
        found = eyes.judge([feed.ledger for feed in feeds], stands)
        missed, lost = eyes.missed(feeds[0].ledger, stands[0]), unsynced(station)
    found.notes |= {"ready again after, s": round(max(seconds), 1), "lag 0 after, s": round(max(lags), 1)}
    found.notes |= {"lost by the control": lost, "overlooked by the control": ", ".join(missed)}
    found.control_red = lost > 0 and not missed
    return found, max(lags)


def blackout(station: Plant, feeds: Sequence[Feed], dice: Random) -> float:
    """One cut at a random moment; seconds until the product is ready again."""
    if dice.random() < 0.8:
        for feed in feeds:
            feed.progress()
    time.sleep(dice.uniform(0, 1.5))
    station.cut(dice)
    station.power()
    began = time.monotonic()
    station.product.start()
    return time.monotonic() - began


def unsynced(station: Plant) -> int:
    """The control: how many acknowledged events a cut loses where the server does not wait for its disk."""
    product = station.product
    product.start()
    client = organisation(product)
    with psycopg.connect(superuser(product.home), autocommit=True) as connection:
        for setting, value in (("synchronous_commit", "off"), ("wal_writer_delay", IDLE)):
            connection.execute(f"alter system set {setting} = '{value}'")
        connection.execute("select pg_reload_conf()")
    feed = Feed(*client, least=30)
    feed.enough()
    station.cut()
    station.power()
    # The product refuses to start on a server that is told so.
    os.truncate(Path(known(product.home).home, "postgres", "postgresql.auto.conf"), 0)
    log = aftermath(configuration.read(product.environment), feed.client.tenant).log
    return counted(feed.ledger, log).lost
