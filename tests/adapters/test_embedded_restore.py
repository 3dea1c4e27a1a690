"""A recovery may take as long as it takes, while it goes on."""

import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest

from adapters import recovery
from adapters.embedded import restore as back
from adapters.embedded import running, wipe
from adapters.embedded.backup import Unusable
from adapters.embedded.settings import Settings

PATIENCE, SEGMENTS = 10.0, 14


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """A folder of backups, and an archive that goes on for more segments than we have seconds of patience."""
    archive = Path(tempfile.mkdtemp(prefix="everlog-archive-", dir="/var/tmp"))
    archive.rmdir()
    home, backups = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("backups")
    with running(home, Settings(archive=archive)) as servers:
        recovery.backup(home, "", home / "keys", backups)
        with psycopg.connect(servers.addresses.superuser, autocommit=True) as connection:
            for number in range(SEGMENTS):
                connection.execute("select pg_logical_emit_message(true, 'a test', %s)", [str(number)])
                connection.execute("select pg_switch_wal()")
    yield backups, archive
    wipe(home)
    shutil.rmtree(archive, ignore_errors=True)


@pytest.fixture
def home(tmp_path):
    yield tmp_path / "home"
    wipe(tmp_path / "home")


@pytest.fixture
def slowed(monkeypatch):
    """Each file that is fetched from the archive takes so many seconds more."""
    options = back._options

    def slow(seconds):
        def slower(*given):
            for each in options(*given):
                yield each.replace("restore_command=", f"restore_command=sleep {seconds}; ")

        monkeypatch.setattr(back, "_options", slower)

    monkeypatch.setattr(back, "_TELL", 1.0)
    return slow


def put_back(home, taken):
    backups, archive = taken
    told: list[str] = []
    settings = Settings(archive=archive, patience=PATIENCE)
    back.restore(home, backups, None, settings, lambda *_: None, replace=False, tell=told.append)
    return told


def test_a_recovery_that_takes_longer_than_our_patience_goes_on_and_says_how_far_it_is(taken, home, slowed):
    slowed(1)
    told = put_back(home, taken)
    left = [int(words.rpartition("holds ")[2].split()[0]) for words in told if "holds" in words]
    assert left == sorted(left, reverse=True)
    assert left[0] > left[-1]


def test_the_control_a_recovery_that_stands_still_is_given_up(taken, home, slowed):
    slowed(600)
    with pytest.raises(Unusable, match="has not gone on for 10 s"):
        put_back(home, taken)
    assert not (home / "postgres").exists()
