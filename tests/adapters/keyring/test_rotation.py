"""A tenant key is rotated while people read and write, and none of them notices."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic, sleep
from uuid import uuid4

import pytest
from msgspec.structs import replace

from adapters.keyring import Cache, Keys, Ring
from adapters.kms import FileKMS
from adapters.log import Logs
from domain.kernel import Actor, Circumstances, Erased, Meta
from domain.prospects import Captured
from tenants.keys import SHARED
from tests.adapters.keyring.kept import HELD, custody_of
from tests.deciders import DECIDERS

DEAD = 0.5
"""Seconds after which a process of the load does not use a tenant key without asking again; 15 minutes elsewhere."""


class Load:
    """Two processes that read everything and write, all the time; what each reader saw that it should not have."""

    def __init__(self, database, committer, folder, tenant):
        self.stack, self.stop, self.tenant = ExitStack(), threading.Event(), tenant
        made = (Logs(database, committer, FileKMS(folder), DECIDERS, Cache(lifetime=0.02)) for _ in range(2))
        self.logs = [self.stack.enter_context(each).of(tenant) for each in made]
        self.written, self.reads, self.failed = 0, 0, list[str]()

    def write(self, log):
        while not self.stop.is_set():
            name = f"{uuid4()}"
            meta = Meta(uuid4(), Actor("user", uuid4()), "test", circumstances=Circumstances("192.0.2.1"))
            captured = Captured(name, f"{name}@example.org", "engines")
            try:
                log.submit(f"prospects/{uuid4()}", 0, [captured], meta).result(60)
                self.written += 1
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is what is looked for
                self.failed.append(f"write: {problem!r}")

    def read(self, log):
        while not self.stop.is_set():
            try:
                for event in log.open(log.read(max(0, self.written - 200), 200)):
                    self.reads += 1
                    if isinstance(event.fact, Captured) and event.fact.email != f"{event.fact.name}@example.org":
                        self.failed.append(f"read: {event.fact}")
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is what is looked for
                self.failed.append(f"read: {problem!r}")

    def __enter__(self):
        self.threads = ThreadPoolExecutor(6)
        for log in self.logs:
            self.threads.submit(self.write, log)
            self.threads.submit(self.read, log)
            self.threads.submit(self.read, log)
        while self.reads < 200:
            sleep(0.01)
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.threads.shutdown()
        self.stack.close()


def under_load(database, committer, worker, folder, tenant, seconds, turn):
    """What a load of so many seconds saw while `turn` was done again and again."""
    custody = custody_of(tenant, worker, folder)
    with Load(database, committer, folder, tenant) as load:
        until, turns = monotonic() + seconds, 0
        while monotonic() < until or turns < 2:
            turn(custody)
            turns += 1
    return load, turns


def rotated(custody):
    custody.rotate(early=True)
    custody.expire(life=0, settled=3 * DEAD)
    sleep(0.3)


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.long)])
def test_rotating_under_load_fails_no_read_and_no_append(
    database, committer, worker, folder, tenant, monkeypatch, seconds
):
    monkeypatch.setattr("tenants.keys.SHARED", replace(SHARED, renew=0.1, dead=DEAD))
    load, turns = under_load(database, committer, worker, folder, tenant, seconds, rotated)
    assert load.failed == []
    gone = len(list(folder.glob(f"{tenant}.subjects.*.destroyed")))
    assert load.written > 20
    assert load.reads > 200
    assert gone > 0, f"{turns} rotations, {load.reads} reads, {load.written} appends: some epochs should be over"
    rest = custody_of(tenant, worker, folder)
    rest.rotate()
    assert {epoch for _, epoch, _ in worker.query(tenant, HELD, [tenant])} == {max(rest._ring.keys.epochs)}


def test_an_epoch_that_is_destroyed_too_early_is_seen_by_the_load(
    database, committer, worker, folder, tenant, monkeypatch
):
    """The control: the same load, and an epoch's key destroyed while subject keys lie under it."""
    monkeypatch.setattr("tenants.keys.SHARED", replace(SHARED, renew=0.1, dead=DEAD))

    def careless(custody):
        number = custody._ring.keys.epoch
        custody._ring.keys.turn()
        FileKMS(folder).destroy(f"{tenant}.subjects.{number}")
        sleep(DEAD)

    load, _ = under_load(database, committer, worker, folder, tenant, 1, careless)
    assert load.failed


def late(ring, custody, monkeypatch):
    """A reader who has read wrapped keys, and asks for their epoch's key once that is rotated away and destroyed."""
    asked: list[str] = []
    ask = type(ring._database).query

    def query(self, tenant, sql, params=()):
        rows = ask(self, tenant, sql, params)
        if self is ring._database and "subject_keys" in sql and not asked:
            asked.append(sql)
            custody.rotate(early=True)
            assert custody.expire(life=0, settled=0)
            ring.keys.forget()
        return rows

    monkeypatch.setattr(type(ring._database), "query", query)


def test_who_read_before_a_rotation_and_asks_after_it_reads_again(database, worker, folder, tenant, monkeypatch):
    subject, custody = uuid4(), custody_of(tenant, worker, folder)
    ring = Ring(Keys(tenant, database, FileKMS(folder)), database, Cache())
    ring.ensure([subject])
    late(ring, custody, monkeypatch)
    assert not isinstance(ring.fetch([subject])[subject], Erased)


def test_who_did_not_read_again_would_take_it_for_an_erasure(database, worker, folder, tenant, monkeypatch):
    subject, custody = uuid4(), custody_of(tenant, worker, folder)
    ring = Ring(Keys(tenant, database, FileKMS(folder)), database, Cache())
    ring.ensure([subject])
    late(ring, custody, monkeypatch)
    rows = ring._database.query(tenant, HELD, [tenant])
    assert [type(ring._unwrap(*row)) for row in rows] == [Erased]


def test_an_erased_subject_is_not_brought_back(database, worker, folder, tenant):
    alive, gone, custody = uuid4(), uuid4(), custody_of(tenant, worker, folder)
    ring = Ring(Keys(tenant, database, FileKMS(folder)), database, Cache())
    ring.ensure([alive, gone])
    sql = "update everlog.subject_keys set wrapped = null, erased_at = now() where tenant_id = %s and subject = %s"
    database.query(tenant, sql, [tenant, gone])
    assert custody.rotate(early=True).subjects == 1
    ring.forget([alive, gone])
    found = ring.fetch([alive, gone])
    assert isinstance(found[gone], Erased)
    assert not isinstance(found[alive], Erased)
