"""A tenant key has an end, and with it all copies of the keys under it, in backups and in the write-ahead log."""

from time import time
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from adapters.keyring import Cache, Keys, Ring
from adapters.keyring.custody import DAY
from adapters.kms import FileKMS
from adapters.log import Logs
from application.keys import EVERY, Keeping
from domain.kernel import Actor, Erased, Meta
from domain.keys import Expired, Rotated
from domain.prospects import Captured
from tenants.keys import EPOCH, TURN, Misplaced
from tests.adapters.keyring.kept import HELD, custody_of
from tests.deciders import DECIDERS


class Years:
    """A tenant's keys over time, and backups of the database that were kept."""

    def __init__(self, worker, folder, tenant):
        self.now = 60.5 * EPOCH
        self.worker, self.folder, self.tenant = worker, folder, tenant
        self.custody = custody_of(tenant, worker, folder, lambda: self.now)
        self.ring = self.custody._ring

    def backup(self):
        """What a dump of the two tables of keys holds."""
        held = self.worker.query(self.tenant, HELD, [self.tenant])
        sql = "select purpose, epoch, kms_key, wrapped from everlog.tenant_keys where tenant_id = %s"
        return held, self.worker.query(self.tenant, sql, [self.tenant])

    def opens(self, backup, subject):
        """Whether a subject's key comes out of a backup, by all that the key service still has."""
        held, tenant_keys = backup
        rows = {row[0]: row for row in held}

        def query(_, sql, params):
            if "tenant_keys" in sql and "created_at" not in sql:
                return [row[2:] for row in tenant_keys if row[:2] == tuple(params[1:])]
            return [(*row, 0.0) for row in tenant_keys] if "tenant_keys" in sql else [rows[each] for each in params[1]]

        put_back: Any = SimpleNamespace(query=query)
        keys = Keys(self.tenant, put_back, FileKMS(self.folder), lambda: self.now)
        try:
            return not isinstance(Ring(keys, put_back, Cache()).fetch([subject])[subject], Erased)
        except Misplaced:
            return False

    def days(self, count):
        """Time passes, and a worker looks at the keys every day."""
        told = []
        for _ in range(count):
            self.now += DAY
            turned = self.custody.rotate()
            told += [turned.epoch] if turned.begun else []
            told += [-each for each in self.custody.expire()]
        return told


def test_a_backup_of_keys_is_useless_after_thirty_days_and_none_is_before_fifteen(worker, folder, tenant):
    years, subject = Years(worker, folder, tenant), uuid4()
    years.ring.ensure([subject])
    kept = {}
    for day in range(75):
        kept[day] = years.backup()
        years.days(1)
        ages = {day + 1 - taken: years.opens(backup, subject) for taken, backup in kept.items()}
        assert not any(opens for age, opens in ages.items() if age >= 30)
        assert all(opens for age, opens in ages.items() if age < 14)
        years.ring.forget([subject])
        assert not isinstance(years.ring.fetch([subject])[subject], Erased)
    assert len(years.ring.keys.epochs) == 6


def test_without_rotation_a_backup_would_open_for_ever(worker, folder, tenant):
    years, subject = Years(worker, folder, tenant), uuid4()
    years.ring.ensure([subject])
    backup = years.backup()
    years.now += 400 * DAY
    assert years.opens(backup, subject)


def test_who_was_erased_is_gone_from_backups_in_thirty_days(worker, folder, tenant):
    years, subject = Years(worker, folder, tenant), uuid4()
    years.ring.ensure([subject])
    years.days(13)
    backup = years.backup()
    sql = "update everlog.subject_keys set wrapped = null, erased_at = now() where tenant_id = %s and subject = %s"
    worker.query(tenant, sql, [tenant, subject])
    assert years.opens(backup, subject)
    years.days(30)
    assert not years.opens(backup, subject)


def test_an_epoch_is_not_destroyed_while_somebody_lies_under_it(worker, folder, tenant):
    years, subject = Years(worker, folder, tenant), uuid4()
    years.ring.ensure([subject])
    years.ring.keys.turn()
    years.now += 2 * EPOCH
    assert years.custody.expire() == []
    years.custody.rotate()
    assert years.custody.expire() != []


def test_a_worker_keeps_the_keys_and_tells_the_trail(committer, worker, folder, tenant):
    beat = [0.0]
    with Logs(worker, committer, FileKMS(folder), DECIDERS) as logs:
        log, custody, untold = logs.of(tenant), logs.rings.custody(tenant), logs.rings.untold(tenant)
        meta = Meta(uuid4(), Actor("user", uuid4()), "test")
        log.submit(f"prospects/{uuid4()}", 0, [Captured("Ada", "ada@example.org", "")], meta).result(60)
        keeping = Keeping(tenant, log, custody, untold, lambda: beat[0])
        assert keeping.advance() == 0
        keys, began = logs.rings.of(tenant).keys, time()
        first = keys.epoch
        keys._clock = lambda: began + TURN + 60
        beat[0] += EVERY - 1
        assert keeping.advance() == 0
        beat[0] += 1
        assert keeping.advance() == 1
        keys._clock = lambda: began + EPOCH
        beat[0] += EVERY
        assert keeping.advance() >= 1
        told = [each.fact for each in log.stream(f"keys/{tenant}")]
    assert told[0] == Rotated(first + 1, 1)
    assert told[-1] == Expired(first)
