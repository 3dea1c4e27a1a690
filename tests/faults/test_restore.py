"""The fault that `make faults` does with the whole product, in small, and what `everlog restore` refuses."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from adapters import recovery
from adapters.embedded import CannotStart, running, wipe
from adapters.embedded.backup import Unusable
from adapters.embedded.settings import Settings
from adapters.erasures import Erasures, Outdated
from adapters.kms import FileKMS
from adapters.ledger import Began, Ledger
from adapters.log import Logs
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database
from adapters.postgres.migrate import migrate
from application.ports import SubjectErased
from domain.kernel import Actor, Erased, Meta
from domain.prospects import Captured
from tenants.context import SYSTEM
from tests.deciders import DECIDERS


@pytest.fixture
def archive():
    folder = Path(tempfile.mkdtemp(prefix="everlog-archive-", dir="/var/tmp"))
    folder.rmdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(tmp_path):
    yield tmp_path / "home"
    wipe(tmp_path / "home")


class Story:
    """What happened until the servers stopped: a backup, a kept fact, a moment, and a tail."""

    def __init__(self, home, archive, backups):
        self.tenant, self.streams = uuid4(), [f"prospects/{uuid4()}" for _ in range(3)]
        self.keys = home / "keys"
        with running(home, Settings(archive=archive)) as servers:
            self.addresses = servers.addresses
            migrate(servers.addresses.owner, servers.addresses.app, servers.addresses.worker)
            with self.product() as (database, log):
                self.capture(log, 0)
                self.backup = recovery.backup(home, "", self.keys, backups)
                self.capture(log, 1)
                [(self.at,)] = database.query(self.tenant, "select clock_timestamp()")
                self.capture(log, 2)
                Erasures(database, Ledger(self.keys)).erase(self.tenant, [log.read(0)[0].id, log.read(2)[0].id])

    def product(self):
        return _product(self.addresses, self.keys, self.tenant)

    def capture(self, log, number):
        fact = Captured("Ada", f"{uuid4()}@example.org", "engines")
        meta = Meta(uuid4(), Actor("user", uuid4()), "test")
        log.submit(self.streams[number], 0, [fact], meta).result(60)


class _product:
    def __init__(self, addresses, keys, tenant):
        self.database = Database(addresses.app)
        self.committer = Committer(addresses.app)
        self.keys, self.tenant = keys, tenant

    def __enter__(self):
        self.database.open()
        self.committer.open()
        self.logs = Logs(self.database, self.committer, FileKMS(self.keys), DECIDERS)
        for each in (SYSTEM, self.tenant):
            self.logs.provision(each)
        return self.database, self.logs.of(self.tenant)

    def __exit__(self, *_):
        self.logs.close()
        self.committer.close()
        self.database.close()


def test_a_point_in_time_comes_back_without_its_tail_and_without_the_erased(home, archive, tmp_path):
    backups = tmp_path / "backups"
    story = Story(home, archive, backups)
    _is_refused(story, home, backups, archive)
    done = recovery.restore(home, backups, story.at, archive, story.keys, replace=True)
    assert done.replaced
    assert done.replaced.is_dir()
    assert (done.done.generation, done.done.erased) == (2, 2)
    with running(home, Settings(archive=archive)) as servers:
        story.addresses = servers.addresses
        with story.product() as (database, log):
            assert Erasures(database, Ledger(story.keys)).settle() == 0
            assert [(each.stream, each.generation) for each in log.read(0)] == [
                (story.streams[0], 1),
                (story.streams[1], 1),
                (f"tenancy/{story.tenant}", 2),
            ]
            names = [log.open(each.fact).name for each in log.read(0)[:2]]
            assert names == [Erased(), "Ada"]
            # Of the third nobody has heard here, and nothing about them is recorded again.
            with pytest.raises(SubjectErased):
                story.capture(log, 2)
    # The control: with an empty ledger the same backup brings the person back, and the same generation again.
    other, keys = tmp_path / "other", tmp_path / "other-keys"
    shutil.copytree(story.keys, keys)
    (keys / "ledger").unlink()
    try:
        again = recovery.restore(other, backups, story.at, archive, keys, replace=False)
        assert (again.done.generation, again.done.erased) == (2, 0)
    finally:
        wipe(other)
    with running(home, Settings(archive=archive)) as servers, Database(servers.addresses.app) as database:
        Ledger(story.keys).take_over([_later(tmp_path)])
        with pytest.raises(Outdated):
            Erasures(database, Ledger(story.keys)).settle()


def test_data_that_a_restore_which_failed_late_left_behind_are_taken_into_use_again(
    home, archive, tmp_path, monkeypatch
):
    """The ledger knows of a generation of which what was there before the restore does not."""
    backups = tmp_path / "backups"
    story = Story(home, archive, backups)

    def full(*_):
        raise OSError("Its disk is full.")

    monkeypatch.setattr(Erasures, "replay", full)
    with pytest.raises(OSError, match="full"):
        recovery.restore(home, backups, story.at, archive, story.keys, replace=True)
    # Cut short as well, and done again.
    with pytest.raises(OSError, match="full"):
        recovery.taken_up(home, archive, story.keys, None)
    monkeypatch.undo()
    with running(home, Settings(archive=archive)) as servers, Database(servers.addresses.app) as database:
        with pytest.raises(Outdated, match="everlog promote"):
            Erasures(database, Ledger(story.keys)).settle()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            migrate(servers.addresses.owner, servers.addresses.app, servers.addresses.worker)
    done = recovery.taken_up(home, archive, story.keys, None)
    assert (done.replica, done.resumption.generation, done.resumption.erased) == (False, 4, 2)
    with running(home, Settings(archive=archive)) as servers:
        story.addresses = servers.addresses
        with story.product() as (database, log):
            assert Erasures(database, Ledger(story.keys)).settle() == 0
            assert [each.stream for each in log.read(0)] == [*story.streams, f"tenancy/{story.tenant}"]
            story.streams[0] = f"prospects/{uuid4()}"
            story.capture(log, 0)


def test_there_is_nothing_to_take_into_use_where_there_are_no_data(home):
    with pytest.raises(Unusable, match="EVERLOG_OWNER_URL"):
        recovery.taken_up(home, None, home / "keys", None)
    assert not home.exists()


def _is_refused(story, home, backups, archive):
    """A folder in use, data that stand, a time out of reach, and a backup that is not what was made."""
    with running(home), pytest.raises(CannotStart, match="already runs"):
        recovery.restore(home, backups, None, archive, story.keys, replace=True)
    with pytest.raises(CannotStart, match="--replace"):
        recovery.restore(home, backups, None, archive, story.keys, replace=False)
    with pytest.raises(Unusable, match="earliest backup"):
        recovery.restore(home, backups, story.at - timedelta(days=1), archive, story.keys, replace=True)
    with pytest.raises(Unusable, match="no backup in"):
        recovery.restore(home, home, None, archive, story.keys, replace=True)
    with pytest.raises(Unusable, match="ends before that time"):
        recovery.restore(home, backups, datetime.now(UTC) + timedelta(days=1), archive, story.keys, replace=True)
    manifest = story.backup.folder / "manifest.json"
    good = manifest.read_bytes()
    manifest.write_bytes(good.replace(b'"embedded": true', b'"embedded": false'))
    with pytest.raises(Unusable, match="was changed"):
        recovery.restore(home, backups, None, archive, story.keys, replace=True)
    manifest.write_bytes(good)
    version = story.backup.base / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(Unusable, match="damaged"):
        recovery.restore(home, backups, None, archive, story.keys, replace=True)
    version.write_text("18\n")


def _later(tmp_path):
    """A ledger that knows of one generation more."""
    folder = tmp_path / "later"
    ledger = Ledger(folder)
    ledger.add([Began(9, "restore", datetime.now(UTC))])
    return ledger.path
