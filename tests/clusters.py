"""PostgreSQL servers and a NATS server of a test's own, not in the product's care: to be killed, cloned, promoted."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg

from adapters.embedded import binaries
from adapters.embedded.settings import Settings as Embedded
from tests.served import free_port
from tests.waiting import until

PASSWORD = "made-up"
SMALL = ("shared_buffers=32MB", "max_connections=60", "jit=off", "wal_keep_size=256MB", "autovacuum=off")


class Cluster:
    """One server on the loopback address; as root it is run by nobody, like the embedded ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        (self.folder.parent / "password").write_text(PASSWORD)
        run("initdb", "-D", self.folder, "-U", "postgres", "--auth=scram-sha-256", "--locale=C", "--encoding=UTF8",
            f"--pwfile={self.folder.parent / 'password'}")  # fmt: skip

    def clone(self, origin: "Cluster") -> None:
        """Become a streaming replica of another."""
        url = f"host=127.0.0.1 port={origin.port} user=postgres password={PASSWORD} application_name=replica"
        run("pg_basebackup", "-d", url, "-D", self.folder, "-R", "-c", "fast", "-X", "stream")

    def start(self) -> None:
        self.port = free_port()
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *SMALL]
        options = [word for each in settings for word in ("-c", each)]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [programs() / "postgres", "-D", self.folder, *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                **account(),
            )
        until(self.answers)

    def answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            return bool(self.ask("select 1"))
        return False

    def url(self, role: str = "postgres", database: str = "everlog") -> str:
        return f"postgresql://{role}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def ask(self, *statements: str, database: str = "postgres") -> Any:
        """The rows of the last one."""
        with psycopg.connect(self.url(database=database), autocommit=True, connect_timeout=5) as connection:
            *before, last = statements
            for each in before:
                connection.execute(each.encode())
            cursor = connection.execute(last.encode())
            return cursor.fetchall() if cursor.description else []

    def kill(self) -> None:
        """As the end of a machine: every process of it at once, without a word."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGSTOP)
                for pid in children(self._process.pid):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(60)
                self._process = None
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A primary with an empty database `everlog` and its owner role."""
    folder = reachable()
    made = Cluster(folder / "primary")
    try:
        made.create()
        made.start()
        made.ask(f"create role everlog_owner login createrole password '{PASSWORD}'")
        made.ask("create database everlog owner everlog_owner")
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def pair() -> Iterator[tuple[Cluster, Cluster]]:
    """A primary and a streaming replica."""
    with cluster() as primary:
        replica = Cluster(primary.folder.parent / "replica")
        replica.clone(primary)
        try:
            replica.start()
            until(lambda: primary.ask("select 1 from pg_stat_replication where state = 'streaming'"))
            yield primary, replica
        finally:
            replica.kill()


@contextmanager
def broker(home: Path) -> Iterator[str]:
    """The URL of a NATS server with JetStream."""
    port = free_port()
    argv = [str(binaries.installed().nats), "-js", "-sd", str(home), "-a", "127.0.0.1", "-p", str(port)]
    with ExitStack() as stack:
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)
        yield f"nats://127.0.0.1:{port}"


def caught_up(primary: Cluster, replica: Cluster) -> None:
    """Return when the replica has replayed all that the primary has written by now."""
    [(place,)] = primary.ask("select pg_current_wal_lsn()")
    until(lambda: replica.ask(f"select pg_last_wal_replay_lsn() >= '{place}'") == [(True,)])


def cut_off(replica: Cluster) -> None:
    """It gets nothing of the primary any more."""
    replica.ask("alter system set primary_conninfo = ''", "select pg_reload_conf()")
    until(lambda: not replica.ask("select pid from pg_stat_wal_receiver"))


def reachable() -> Path:
    """A folder that the servers' account can write to."""
    folder = Path(mkdtemp(prefix="everlog-clusters-", dir="/var/tmp"))
    if who := account():
        os.chown(folder, who["user"], who["group"])
    return folder


def run(program: str, *words: Any) -> None:
    done = subprocess.run(
        [programs() / program, *words], cwd="/", capture_output=True, text=True, check=False, **account()
    )
    assert done.returncode == 0, done.stderr


def programs() -> Path:
    if os.geteuid():
        return binaries.installed().postgres.parent
    place = Embedded().places[0]
    place.mkdir(parents=True, exist_ok=True)
    return binaries.copied(place).postgres.parent


def account() -> dict[str, Any]:
    if os.geteuid():
        return {}
    who = pwd.getpwnam(Embedded().account)
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in found]
