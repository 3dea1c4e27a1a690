"""Back to a point in time: the tail never happened, whoever saw it finds back, and who was erased stays erased."""

import asyncio
import shutil
import time
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from uuid import UUID

import psycopg

from adapters.embedded import wipe
from adapters.erasures import Erasures
from adapters.ledger import Ledger as Remembered
from adapters.postgres.database import Database
from api import settings as configuration
from api.demo.applications import prospect
from api.demo.client import Client
from tests.faults.aftermath import aftermath, settled
from tests.faults.evidence import Ledger, counted
from tests.faults.kills import organisation
from tests.faults.tail import Consumer, Stream, compared, send, some, stale, tokens
from tests.faults.trial import Found, Trial
from tests.served import Served, answered, served

KEPT, LOST, AFTER = 20, 30, 40
"""Applications: those up to here are of before the point in time, are lost, come afterwards."""


def run(trial: Trial) -> Found:
    found = Found(control_red=True)
    for cycle in range(trial.cycles):
        one = once(trial.home / str(cycle))
        found.add(one)
        found.control_red &= one.control_red
        found.notes |= {what: max(value, found.notes.get(what, 0)) for what, value in one.notes.items()}
    return found


def once(home: Path) -> Found:
    home.mkdir(parents=True)
    # As root the server that writes to it is nobody's, who reaches no folder of ours.
    archive = Path(mkdtemp(prefix="everlog-archive-", dir="/var/tmp"))
    archive.rmdir()
    try:
        with served(home / "home", EVERLOG_ARCHIVE=str(archive)) as product:
            return _once(product, home)
    finally:
        shutil.rmtree(archive, ignore_errors=True)


def _once(product: Served, home: Path) -> Found:
    url, tenant, key = organisation(product)
    client, ledger, stream, consumer = Client(url, tenant, key), Ledger(), Stream(), Consumer("apart")
    erased = [prospect(tenant, 1), prospect(tenant, KEPT + 1)]
    send(client, ledger, some(tenant, 0, KEPT // 2))
    answered(["backup", str(home / "backups")], product.environment)
    send(client, ledger, some(tenant, KEPT // 2, KEPT))
    settled(product.settings, tenant, KEPT)
    at = clock(product)
    send(client, Ledger(), some(tenant, KEPT, LOST))
    settled(product.settings, tenant, LOST)
    given = tokens(client, prospect(tenant, 0))
    stream.read(client)
    asyncio.run(consumer.read(product.settings.nats, tenant))
    with Database(product.settings.database) as database:
        Erasures(database, Remembered(product.settings.keys)).erase(tenant, erased)
    product.stop()
    began = time.monotonic()
    put_back(product.environment, home, at, "--replace")
    product.start()
    back = time.monotonic() - began
    client.position = ""
    send(client, ledger, some(tenant, LOST, AFTER))
    wrong = stale(client, given, url)
    if not client.get(f"/v1/prospects/{erased[0]}")["erased"]:
        wrong.append("who was erased after the point in time is back")
    lag = settled(product.settings, tenant, KEPT + AFTER - LOST)
    stream.read(client)
    asyncio.run(consumer.read(product.settings.nats, tenant))
    product.stop()
    after = aftermath(configuration.read(product.environment), tenant)
    found = counted(ledger, after.log)
    found.notes |= {"put back and served after, s": round(back, 1), "views then after, s": round(lag, 1)}
    followed = compared(stream, consumer, after)
    found.add(followed)
    found.violations += wrong
    found.violations += [f"{view} differs from its rebuild: {rows[:2]}" for view, rows in after.differing.items()]
    found.control_red = followed.control_red and forgotten(product, home, at, tenant, erased[0])
    return found


def put_back(environment: dict[str, str], home: Path, at: datetime, *more: str) -> None:
    answered(["restore", str(home / "backups"), "--at", at.isoformat(), *more], environment)


def clock(product: Served) -> datetime:
    """A moment after all that was acknowledged, and before whatever is sent next."""
    with psycopg.connect(product.settings.database) as connection:
        [(at,)] = connection.execute("select clock_timestamp()")
    time.sleep(0.05)
    return datetime.fromisoformat(str(at))


def forgotten(product: Served, home: Path, at: datetime, tenant: UUID, erased: UUID) -> bool:
    """The same put back into another folder, with the keys and without the ledger: the person has to be there again."""
    keys = home / "keys"
    shutil.copytree(product.home / "keys", keys)
    (keys / "ledger").unlink()
    other = {**product.environment, "EVERLOG_HOME": str(home / "other"), "EVERLOG_KEYS": str(keys)}
    try:
        put_back(other, home, at)
        with (
            served(home / "other", EVERLOG_KEYS=str(keys)) as again,
            psycopg.connect(again.settings.worker) as connection,
        ):
            connection.execute("select set_config('app.tenant', %s, false)", [str(tenant)])
            asked = "select wrapped is not null from everlog.subject_keys where tenant_id = %s and subject = %s"
            return connection.execute(asked, [tenant, erased]).fetchall() == [(True,)]
    finally:
        wipe(home / "other")
