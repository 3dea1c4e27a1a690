"""Back to a point in time: the tail never happened, whoever saw it finds back, and who was erased stays erased."""

import shutil
import time
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from uuid import UUID

import psycopg

from adapters.embedded import wipe
from api.demo.applications import prospect
from tests.faults.aftermath import late, settled
from tests.faults.evidence import Ledger
from tests.faults.lost_tail import Witnesses, tokens
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
    them = Witnesses(product)
    erased = [prospect(them.tenant, 1), prospect(them.tenant, KEPT + 1)]
    them.send(0, KEPT // 2, them.ledger)
    answered(["backup", str(home / "backups")], product.environment)
    them.send(KEPT // 2, KEPT, them.ledger)
    settled(product.settings, them.tenant, KEPT, time.monotonic())
    at = clock(product)
    them.send(KEPT, LOST, Ledger())
    settled(product.settings, them.tenant, LOST, time.monotonic())
    given = tokens(them.client, prospect(them.tenant, 0))
    them.read()
    them.erase(*erased)
    product.stop()
    began = time.monotonic()
    put_back(product.environment, home, at, "--replace")
    product.start()
    back = time.monotonic() - began
    wrong, lag = them.again(given, erased[0], KEPT + AFTER - LOST, LOST, AFTER)
    product.stop()
    found = them.judged()
    found.notes |= {"put back and served after, s": round(back, 1), "views then after, s": round(lag, 1)}
    found.violations += wrong
    found.late = late(lag)
    found.control_red &= forgotten(product, home, at, them.tenant, erased[0])
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
