"""The scripts of the containers, run for real: a primary is set up, a replica copies and follows it."""

import os
import shutil
import subprocess
from contextlib import ExitStack

import psycopg
import pytest

from tests.clusters import PASSWORD, SMALL, Cluster, account, programs, reachable
from tests.house.sources import ROOT
from tests.served import free_port
from tests.waiting import until

OWNER = "an owner's, with ' and \" and \\"


def script(name, folder, environment, *arguments):
    """One of the scripts, started as the servers' account."""
    shutil.copy(ROOT / "deploy/postgres" / name, folder / name)
    (folder / name).chmod(0o755)
    path = f"{programs()}:{os.environ['PATH']}"
    words = ["bash", folder / name, *arguments]
    log = (folder / f"{name}.log").open("ab")
    return subprocess.Popen(
        words, cwd="/", env={"PATH": path, **environment}, stdout=log, stderr=log, start_new_session=True, **account()
    )


@pytest.fixture(scope="module")
def folder():
    folder = reachable()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def primary(folder):
    made = Cluster(folder / "primary")
    made.create()
    made.start()
    known = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(made.port),
        "PGPASSWORD": PASSWORD,
        "PGDATA": str(made.folder),
        "EVERLOG_OWNER_PASSWORD": OWNER,
        "REPLICATION_PASSWORD": "a replica's",
    }
    try:
        assert script("primary.sh", folder, known).wait(60) == 0, (folder / "primary.sh.log").read_text()
        made.ask("select pg_reload_conf()")
        yield made
    finally:
        made.kill()


def follow(primary, folder):
    """A replica as its container starts it: the cluster, and the process."""
    made = Cluster(folder / "replica")
    made.port = free_port()
    known = {
        "PRIMARY": "127.0.0.1",
        "PRIMARY_PORT": str(primary.port),
        "PGDATA": str(made.folder),
        "REPLICATION_PASSWORD": "a replica's",
    }
    options = [f"port={made.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *SMALL]
    made._process = script("replica.sh", folder, known, *(word for each in options for word in ("-c", each)))
    return made


def test_the_owner_owns_the_database_and_nobody_reads_its_password_in_the_log(primary, folder):
    url = {"host": "127.0.0.1", "port": primary.port, "user": "everlog_owner", "password": OWNER, "dbname": "everlog"}
    with psycopg.connect(**url) as connection:
        row = connection.execute(
            "select pg_get_userbyid(datdba), rolsuper, rolcreaterole, rolreplication from pg_database, pg_roles"
            " where datname = current_database() and rolname = current_user"
        ).fetchone()
    assert row == ("everlog_owner", False, True, False)
    logs = "".join(log.read_text() for log in folder.glob("*.log"))
    assert "an owner" not in logs
    assert "a replica's" not in logs


def test_a_replica_copies_follows_and_outlives_a_copy_that_was_cut_short(primary, folder):
    with ExitStack() as stack:
        # What an earlier start left: half a copy, and the empty folder that the image has made.
        for name in ("replica", "replica.fresh"):
            run_as = account()
            (folder / name).mkdir(mode=0o700)
            if run_as:
                os.chown(folder / name, run_as["user"], run_as["group"])
        (folder / "replica.fresh" / "PG_VERSION").write_text("half a copy")
        replica = follow(primary, folder)
        stack.callback(replica.kill)
        until(replica.answers)
        primary.ask(
            "alter system set synchronous_standby_names = 'replica'",
            "alter system set synchronous_commit = 'remote_apply'",
            "select pg_reload_conf()",
        )
        until(lambda: primary.ask("select sync_state from pg_stat_replication") == [("sync",)])
        primary.ask("create table kept (n int)", "insert into kept values (1)")
        # What is acknowledged can be read there at once: nothing is waited for.
        assert replica.ask("select n from kept", "select pg_is_in_recovery(), n from kept") == [(True, 1)]
        replica.stop()
        primary.ask("set synchronous_commit = local", "insert into kept values (2)")
        again = follow(primary, folder)
        stack.callback(again.kill)
        until(again.answers)
        until(lambda: again.ask("select count(*) from kept") == [(2,)])
        assert not (folder / "replica.fresh").exists()
