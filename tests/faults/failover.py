"""The primary's machine ends while clients stream; its synchronous replica is promoted, and nothing is lost."""

import time
from pathlib import Path

from api import settings as configuration
from api.demo.client import Client
from tests.clusters import cut_off
from tests.faults.aftermath import aftermath, settled
from tests.faults.evidence import Ledger, counted
from tests.faults.kills import Feed, organisation, watched
from tests.faults.lost_tail import send, some
from tests.faults.replicated import replicated
from tests.faults.trial import Found, Trial

LEAST = 150
"""Applications that each client streams at least."""
ALIVE = 30.0
"""Seconds in which appends and views have to be back, from the command that promotes on."""
REMOTE = (
    "alter system set synchronous_standby_names = '*'",
    "alter role everlog_app set synchronous_commit = remote_apply",
    "alter role everlog_worker set synchronous_commit = remote_apply",
    "select pg_reload_conf()",
)


def run(trial: Trial) -> Found:
    found = Found()
    for cycle in range(trial.cycles):
        one = once(trial.home / str(cycle), trial, LEAST)
        found.add(one)
        found.notes |= {what: max(value, found.notes.get(what, 0)) for what, value in one.notes.items()}
    if late := {what: value for what, value in found.notes.items() if float(value) > ALIVE}:
        found.violations.append(f"later than {ALIVE:.0f} s: {late}")
    found.control_red = control(trial.home / "control")
    return found


def once(home: Path, trial: Trial, least: int) -> Found:
    """One failover in the middle of two streams."""
    with replicated(home, started=False) as two:
        two.primary.ask(*REMOTE)
        two.product.start()
        feeds = [Feed(*organisation(two.product), least=least) for _ in range(2)]
        with watched(two.product, feeds) as eyes:
            for feed in feeds:
                feed.progress()
            time.sleep(trial.dice(home).uniform(0, 1))
            two.primary.kill()
            began = time.monotonic()
            said = two.promote()
            for feed in feeds:
                feed.progress()
            back = time.monotonic() - began
            for feed in feeds:
                feed.enough()
            since = time.monotonic()
            lags = [settled(two.product.settings, feed.client.tenant, feed.captures, since) for feed in feeds]
            eyes.arrive(two.product.settings.nats)
        two.product.stop()
        settings = configuration.read(two.product.environment)
        stands = [aftermath(settings, feed.client.tenant) for feed in feeds]
    found = eyes.judge([feed.ledger for feed in feeds], stands)
    found.notes = {"appends were back after, s": round(back, 1), "views then after, s": round(max(lags), 1)}
    if said["generation"] != 2 or any(each.log[-1].generation != 2 for each in stands):
        found.violations.append("the logs do not go on in generation 2")
    if missed := eyes.missed(feeds[0].ledger, stands[0]):
        found.violations.append(f"overlooked by the control: {missed}")
    return found


def control(home: Path) -> bool:
    """The same with a replica that nobody waits for: what was acknowledged meanwhile has to be found missing."""
    with replicated(home) as two:
        url, tenant, key = organisation(two.product)
        client, ledger = Client(url, tenant, key), Ledger()
        send(client, ledger, some(tenant, 0, 10))
        cut_off(two.replica)
        send(client, ledger, some(tenant, 10, 20))
        two.primary.kill()
        two.promote()
        two.product.stop()
        after = aftermath(configuration.read(two.product.environment), tenant)
    return counted(ledger, after.log).lost > 0
