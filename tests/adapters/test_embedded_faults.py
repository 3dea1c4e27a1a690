"""What the embedded servers are when they or their supervisor die."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import nats
import psycopg
import pytest

from adapters.embedded import CannotStart, Servers, Settings, postgres, running, watch, wipe
from adapters.embedded import folder as folders
from tests.adapters.supervising import AS_ROOT, alive, begin, gone, one, processes, supervisor
from tests.served import command
from tests.waiting import until


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Not those of the whole run: other tests hold connections to them."""
    folder = tmp_path_factory.mktemp("mortal")
    with running(folder) as servers:
        yield servers
    wipe(folder)


@pytest.fixture
def table(servers: Servers):
    yield
    with psycopg.connect(servers.addresses.owner, autocommit=True) as connection:
        connection.execute("drop table if exists survivors")


def write(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table if not exists survivors (n bigint generated always as identity, word text)")
        connection.execute("insert into survivors (word) values ('acknowledged')")


def rows(url: str) -> int:
    return one(url, "select count(*) from survivors")


def test_postgres_killed_answers_again_at_the_same_address(servers: Servers, table):
    busy = psycopg.connect(servers.addresses.owner)
    backend = busy.info.backend_pid
    write(servers.addresses.owner)
    before = servers.postgres.kill()
    servers.postgres.wait_ready()
    assert servers.postgres.pid != before
    assert rows(servers.addresses.owner) == 1
    assert gone([before, backend])
    with pytest.raises(psycopg.OperationalError):
        busy.execute("select 1")


def test_a_backend_that_does_not_notice_is_ended_before_the_next_server_starts(servers: Servers, table):
    stopped = psycopg.connect(servers.addresses.owner)
    os.kill(stopped.info.backend_pid, signal.SIGSTOP)
    write(servers.addresses.owner)
    servers.postgres.kill()
    servers.postgres.wait_ready()
    assert gone([stopped.info.backend_pid])
    assert rows(servers.addresses.owner) == 1


def test_nats_killed_keeps_its_streams(servers: Servers):
    async def publish(first: bool) -> int:
        connection = await nats.connect(servers.addresses.nats)
        stream = connection.jetstream()
        if first:
            await stream.add_stream(name="survivors", subjects=["survivors"])
            await stream.publish("survivors", b"acknowledged")
        messages = (await stream.stream_info("survivors")).state.messages
        if not first:
            await stream.delete_stream("survivors")
        await connection.close()
        return messages

    assert asyncio.run(publish(first=True)) == 1
    before = servers.nats.kill()
    servers.nats.wait_ready()
    assert servers.nats.pid != before
    assert asyncio.run(publish(first=False)) == 1


def test_a_restart_in_order_is_no_failure(servers: Servers):
    for server in (servers.postgres, servers.nats):
        before = server.pid
        server.restart()
        assert server.pid not in (0, before)
        assert gone([before])
    assert not servers.lost.is_set()


@pytest.mark.parametrize("order", [signal.SIGKILL, signal.SIGTERM])
def test_no_server_outlives_its_supervisor_and_the_folder_starts_again(folder, order):
    with supervisor(folder) as first:
        write(first.addresses.owner)
        left = first.servers()
        first.process.send_signal(order)
        first.process.wait()
        assert gone(left)
    with supervisor(folder) as second:
        assert second.addresses == first.addresses
        assert rows(second.addresses.owner) == 1
        write(second.addresses.owner)


def test_a_server_whose_end_one_of_its_processes_holds_up_does_not_outlive_its_supervisor_either(folder):
    with supervisor(folder) as run:
        [checkpointer] = until(lambda: [pid for pid in run.servers() if "checkpointer" in command(pid)[0]])
        os.kill(checkpointer, signal.SIGSTOP)
        run.process.kill()
        assert gone([run.postgres, checkpointer], 60)


def test_what_an_unleashed_run_left_is_stopped_by_the_next(folder):
    """The control of the test above: without the leash the servers do live on."""
    with supervisor(folder, unleashed=True) as first:
        write(first.addresses.owner)
        left = [first.postgres, first.nats]
        first.process.kill()
        first.process.wait()
        assert not gone(left, seconds=1)
    with running(folder) as servers:
        assert gone(left)
        assert servers.addresses == first.addresses
        assert rows(servers.addresses.owner) == 1


def test_everything_killed_at_once_loses_nothing(folder):
    with supervisor(folder) as first:
        write(first.addresses.owner)
        left = first.servers()
        for pid in (first.process.pid, *left):
            # A backend may have followed its server already.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert gone(left)
    assert (Path(first.home) / "postgres" / "postmaster.pid").exists()
    with running(folder) as servers:
        assert rows(servers.addresses.owner) == 1


def test_killed_while_the_cluster_is_being_made(folder):
    for seconds in (0.05, 0.4, 0.8):
        process = begin(folder)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
    with running(folder) as servers:
        write(servers.addresses.owner)
        assert rows(servers.addresses.owner) == 1


WRITES = """
import os, time
os.chdir({folder!r})
number, end = 0, time.monotonic() + 0.5
while time.monotonic() < end:
    os.mkdir(str(number))
    number += 1
"""


def test_a_folder_that_takes_longer_to_remove_than_anybody_waits_is_removed_all_the_same(tmp_path):
    (tmp_path / "large").touch()
    folders.remove(tmp_path, patience=-1)
    assert not tmp_path.exists()


@pytest.mark.parametrize(
    ("remove", "goes"), [(folders.remove, True), (partial(shutil.rmtree, ignore_errors=True), False)]
)
def test_what_the_children_of_a_killed_initdb_still_write_is_removed(tmp_path, remove, goes):
    """The control is to remove once: what is written meanwhile keeps the folder."""
    script = WRITES.format(folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL):
        assert until((tmp_path / "1000").exists)
        remove(tmp_path)
        assert tmp_path.exists() is not goes


def stale(data: Path, pid: int) -> None:
    (data / "postmaster.pid").write_text(f"{pid}\n{data}\n1\n1\n\nlocalhost\n0 0\nready\n")


@pytest.fixture
def living():
    """A process of the very user who runs the servers, as the number in a stale pid file may come to name."""
    identity: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if AS_ROOT else {}
    process = subprocess.Popen(["/bin/sleep", "600"], cwd="/", **identity)
    yield process.pid
    process.kill()
    process.wait()


def test_a_stale_pid_file_does_not_matter(folder, living, monkeypatch):
    with running(folder) as servers:
        data = servers.home / "postgres"
    for pid in (living, 2**22 - 1, 1, os.getpid()):
        stale(data, pid)
        with running(folder) as servers:
            assert servers.postgres.pid != pid
    assert alive([living])
    stale(data, living)
    monkeypatch.setattr(postgres, "_drop_pid", lambda data: None)
    with pytest.raises(CannotStart, match="lock file"), running(folder):
        """The control: PostgreSQL itself takes the living process for a server."""


def test_a_server_that_keeps_dying_is_given_up_loudly(folder, caplog):
    with running(folder, Settings(attempts=3)) as servers:
        control = servers.home / "postgres" / "global" / "pg_control"
        control.rename(control.with_name("away"))
        servers.postgres.kill()
        assert servers.lost.wait(60)
        assert "PostgreSQL" in servers.why
        assert [record.levelname for record in caplog.records][-1] == "CRITICAL"
        with pytest.raises(CannotStart, match="pg_control"):
            servers.postgres.wait_ready()
        assert servers.nats.pid
        control.with_name("away").rename(control)


def test_a_server_that_cannot_start_for_a_full_disk_is_not_given_up(folder, caplog, monkeypatch):
    """Its disk is called full by raising what counts as room beyond any disk."""
    with running(folder, Settings(attempts=1)) as servers:
        control = servers.home / "postgres" / "global" / "pg_control"
        control.rename(control.with_name("away"))
        monkeypatch.setattr(watch, "_ROOM", 2**62)
        monkeypatch.setattr(watch, "_FULL", 0.05)
        servers.postgres.kill()
        until(lambda: "once its disk has room" in caplog.text)
        log = folder / "logs" / "postgres.log"
        before = log.read_text().count("pg_control")
        until(lambda: log.read_text().count("pg_control") > before + 3)
        assert not servers.lost.is_set()
        control.with_name("away").rename(control)
        servers.postgres.wait_ready()


def test_the_end_of_the_block_leaves_no_process(folder):
    before = set(processes())
    with supervisor(folder) as first:
        left = first.servers()
        assert set(left).isdisjoint(before)
    assert first.process.returncode == 0
    assert not alive(left)
