"""What the embedded servers are when all goes well."""

import asyncio
import re
import socket
import stat
import tempfile
from pathlib import Path

import nats
import psycopg
import pytest
from nats.errors import Error as NatsError

from adapters.embedded import Servers, Settings, lock, logs, memory, root, running, wipe
from api import settings as configuration
from tests.adapters.supervising import AS_ROOT, ODD, one


def show(url: str, name: str) -> str:
    return one(url, f"show {name}")


def port(servers: Servers) -> int:
    return int(show(servers.addresses.owner, "port"))


def modes(folder: Path) -> dict[Path, int]:
    return {parent: stat.S_IMODE(parent.stat().st_mode) for parent in folder.parents}


async def published(url: str) -> int:
    connection = await nats.connect(url, allow_reconnect=False)
    try:
        await connection.jetstream().add_stream(name="try", subjects=["try"])
        await connection.jetstream().publish("try", b"x" * 2_000_000)
        return (await connection.jetstream().stream_info("try")).state.messages
    finally:
        await connection.jetstream().delete_stream("try")
        await connection.close()


def test_both_are_the_real_servers(servers: Servers):
    assert show(servers.addresses.owner, "server_version").startswith("18.")
    assert asyncio.run(published(servers.addresses.nats)) == 1


@pytest.mark.parametrize("name", ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"])
def test_what_is_acknowledged_is_on_disk(servers: Servers, name):
    assert show(servers.addresses.owner, name) == "on"


def test_the_owner_owns_its_database_and_is_no_superuser(servers: Servers):
    with psycopg.connect(servers.addresses.owner) as connection:
        query = """select rolsuper, rolcreaterole, rolbypassrls, rolreplication, pg_get_userbyid(datdba) = rolname
                   from pg_roles, pg_database where rolname = current_user and datname = current_database()"""
        assert connection.execute(query).fetchone() == (False, True, False, False, True)


def test_nobody_enters_without_the_password(servers: Servers):
    wrong = re.sub(r":[^:@]+@", ":guess@", servers.addresses.owner)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    with pytest.raises(NatsError):
        asyncio.run(published("nats://guess@" + servers.addresses.nats.partition("@")[2]))


def test_an_old_folder_keeps_its_addresses_and_rows_and_wiping_keeps_what_is_not_the_servers(folder):
    with running(folder) as servers:
        before = servers.addresses
        with psycopg.connect(before.owner) as connection:
            connection.execute("create table kept as select 1 as one")
    (folder / "keys").mkdir()
    with running(folder) as servers:
        assert servers.addresses == before
        with psycopg.connect(before.owner) as connection:
            assert connection.execute("select one from kept").fetchone() == (1,)
        home = servers.home
    wipe(folder)
    assert [path.name for path in folder.iterdir() if path.name != "lock"] == ["keys"]
    assert not (home / "postgres").exists()


def test_a_remembered_port_that_someone_took_is_left_to_them(folder):
    with running(folder) as servers:
        before = port(servers)
    with socket.create_server(("127.0.0.1", before)), running(folder) as servers:
        assert port(servers) != before


def test_a_path_may_hold_any_character(tmp_path):
    folder = tmp_path / ODD
    with running(folder) as servers:
        assert show(servers.addresses.owner, "fsync") == "on"
        assert asyncio.run(published(servers.addresses.nats)) == 1
    wipe(folder)


def test_no_parent_folder_changes_its_mode(folder):
    before = modes(folder)
    with running(folder):
        assert modes(folder) == before


def test_secrets_and_logs_are_for_our_eyes_only(folder):
    with running(folder) as servers:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "servers.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "logs").stat().st_mode) == 0o700
        assert stat.S_IMODE((servers.home / "config").stat().st_mode) & 0o007 == 0
        assert {log.name for log in (folder / "logs").iterdir()} == {"postgres.log", "nats.log"}


@pytest.mark.skipif(not AS_ROOT, reason="an ordinary user's servers lie in the data folder itself")
def test_what_a_removed_temporary_folder_leaves_behind_is_swept_away(tmp_path, monkeypatch):
    standing, gone = (tmp_path / name for name in ("standing", "gone"))
    standing.mkdir()
    homes = [root._home(tmp_path, folder, root._account("nobody")) for folder in (standing, gone)]
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/nowhere")
    root._sweep(tmp_path)
    assert [home.exists() for home in homes] == [True, True]
    monkeypatch.undo()
    with lock.held(homes[1]):
        root._sweep(tmp_path)
        assert [home.exists() for home in homes] == [True, True]
    root._sweep(tmp_path)
    assert [home.exists() for home in homes] == [True, False]


@pytest.mark.skipif(not AS_ROOT, reason="an ordinary user's server runs user's server runs as that user")
def test_the_database_server_cannot_read_the_key_files(folder):
    (folder / "keys").mkdir(parents=True, mode=0o700)
    key = folder / "keys" / "kms"
    key.write_text("secret")
    with running(folder) as servers, psycopg.connect(servers.addresses.superuser, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select pg_read_file(%s)", [str(key)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select pg_read_file(%s)", [str(folder / "servers.json")])
        assert connection.execute("select pg_read_file('PG_VERSION')").fetchone() == ("18\n",)


def test_a_log_that_grows_too_large_is_moved_aside_while_its_server_writes_on(folder):
    with running(folder) as servers, logs.kept_small(folder / "logs", largest=1, every=0.01):
        log, old = folder / "logs" / "postgres.log", folder / "logs" / "postgres.old"
        with psycopg.connect(servers.addresses.superuser, autocommit=True) as connection:
            for _ in range(500):
                connection.execute("do $$begin raise log 'grown'; end$$")
                if old.exists() and b"grown" in old.read_bytes():
                    break
        assert b"grown" in old.read_bytes()
        assert not log.read_bytes().startswith(b"\0")


def test_the_broker_flushes_with_each_message_if_asked(folder):
    with running(folder, Settings(sync_interval="always")) as servers:
        assert asyncio.run(published(servers.addresses.nats)) == 1
        assert "always" in (servers.home / "config" / "nats.conf").read_text()


LOUD = "set log_min_messages = error; set log_min_error_statement = error; set log_error_verbosity = default"


@pytest.mark.parametrize("loud", [False, pytest.param(True, id="control")])
def test_no_value_reaches_a_log(folder, loud):
    with running(folder) as servers, psycopg.connect(servers.addresses.superuser, autocommit=True) as connection:
        connection.execute(LOUD if loud else "select 1")
        connection.execute("create table people (mail text primary key)")
        connection.execute("insert into people values ('ada@example.org')")
        for statement, value in (
            ("insert into people values (%s)", "ada@example.org"),
            ("select %s::text::uuid", "ada@example.org"),
            ("select 'ada@example.org' from nowhere where %s", True),
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement, [value])
        with pytest.raises(psycopg.Error), connection.cursor().copy("copy people from stdin") as copy:
            copy.write("ada@example.org\textra\n")
    assert ("ada@example.org" in (folder / "logs" / "postgres.log").read_text()) == loud


def test_no_password_stands_in_what_is_told_of_an_error(servers):
    """pytest, and whoever else tells of an error with the values around it, asks for a value's `repr`."""
    known = memory.load(servers.folder)
    assert known
    settings = configuration.Settings(
        home=servers.folder, keys=servers.folder, journal=servers.folder, database=servers.addresses.app, port=1
    )
    for each in (known, servers.addresses, settings):
        assert "://" not in repr(each)
        assert not [word for word in (known.superuser, known.owner, known.app, known.nats) if word in repr(each)]
