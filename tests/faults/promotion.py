"""A replica that was behind is promoted: what it lacks never happened, and whoever saw that finds back to the log."""

import asyncio
from pathlib import Path
from uuid import UUID

from adapters.erasures import Erasures
from adapters.ledger import Ledger as Remembered
from adapters.postgres.database import Database
from api import settings as configuration
from api.demo.applications import prospect
from api.demo.client import Client
from tests.clusters import caught_up, cut_off
from tests.faults.aftermath import aftermath, settled
from tests.faults.evidence import Ledger, counted
from tests.faults.kills import organisation
from tests.faults.replicated import Replicated, replicated
from tests.faults.tail import Consumer, Stream, compared, send, some, stale, tokens
from tests.faults.trial import Found, Trial

KEPT, LOST, AFTER = 20, 30, 40
"""Applications: those up to here are replicated, are lost, come afterwards."""


def run(trial: Trial) -> Found:
    found = Found(control_red=True)
    for cycle in range(trial.cycles):
        one = once(trial.home / str(cycle))
        found.add(one)
        found.control_red &= one.control_red
    return found


def once(home: Path) -> Found:
    with replicated(home) as two:
        url, tenant, key = organisation(two.product)
        client, ledger, stream, consumer = Client(url, tenant, key), Ledger(), Stream(), Consumer("apart")
        send(client, ledger, some(tenant, 0, KEPT))
        settled(two.product.settings, tenant, KEPT)
        caught_up(two.primary, two.replica)
        cut_off(two.replica)
        # What is sent now is acknowledged and will be gone: nobody is promised more of a replica that nobody waits for.
        send(client, Ledger(), some(tenant, KEPT, LOST))
        settled(two.product.settings, tenant, LOST)
        given = tokens(client, prospect(tenant, 0))
        stream.read(client)
        asyncio.run(consumer.read(two.product.settings.nats, tenant))
        erased = prospect(tenant, 1)
        erase(two, tenant, erased)
        two.primary.kill()
        two.promote()
        client.position = ""
        send(client, ledger, some(tenant, LOST, AFTER))
        captures = KEPT + AFTER - LOST
        wrong = stale(client, given, url)
        lag = settled(two.product.settings, tenant, captures)
        stream.read(client)
        asyncio.run(consumer.read(two.product.settings.nats, tenant))
        if not client.get(f"/v1/prospects/{erased}")["erased"]:
            wrong.append("who was erased in the lost tail is back")
        two.product.stop()
        after = aftermath(configuration.read(two.product.environment), tenant)
    found = counted(ledger, after.log)
    found.notes["all was well again after, s"] = round(lag, 1)
    followed = compared(stream, consumer, after)
    found.add(followed)
    found.control_red = followed.control_red
    found.violations += wrong
    found.violations += [f"{view} differs from its rebuild: {rows[:2]}" for view, rows in after.differing.items()]
    return found


def erase(two: Replicated, tenant: UUID, subject: UUID) -> None:
    settings = two.product.settings
    with Database(settings.database) as database:
        Erasures(database, Remembered(settings.keys)).erase(tenant, [subject])
