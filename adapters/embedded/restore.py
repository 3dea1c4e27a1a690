"""Putting a backup back: PostgreSQL replays the archive up to a point in time, where nobody can reach it yet."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from tempfile import mkdtemp
from typing import Generic, TypeVar

import psycopg
from msgspec import Struct
from psycopg import sql

from adapters.embedded import archive, backup, cluster, lock, logs, memory, nats, postgres
from adapters.embedded import folder as folders
from adapters.embedded.backup import Backup, Unusable
from adapters.embedded.memory import Memory
from adapters.embedded.place import Place
from adapters.embedded.program import ENVIRONMENT, leashed
from adapters.embedded.refusal import CannotStart
from adapters.embedded.settings import Settings

T = TypeVar("T")
_FRESH = "postgres.restoring"
_TELL = 15.0
"""Seconds between two words on how far a recovery is."""
_SEGMENT = re.compile("[0-9A-F]{24}")
_FETCHED = re.compile('restored log file "([0-9A-F]{24})"')
_SCALE = 10_000
"""Between a major version and its number."""


class Restored(Struct, Generic[T], frozen=True):
    """`backup` is what was put back, `replaced` where the earlier data lie now, `done` what was done before the end."""

    backup: Backup
    replaced: Path | None
    until: datetime | None
    """When the last transaction was committed that is in it; None where there was none after the backup."""
    done: T


def restore(
    folder: Path,
    backups: Path,
    at: datetime | None,
    settings: Settings,
    then: Callable[[psycopg.Connection, Backup], T],
    *,
    replace: bool,
    tell: Callable[[str], object] = lambda _: None,
) -> Restored[T]:
    """Put back the latest fitting backup, up to `at` or as far as the archive goes. Nothing runs when this returns.

    `then` is given the superuser's connection, in autocommit, while nobody else can connect: what it raises leaves the
    data that were there as they were; what it has done elsewhere by then stays done. `tell` is given words on how far
    it is, now and then. Data that stand in the folder are moved aside, never removed, and only with `replace`.

    Raises:
        Unusable: there is no backup that fits, or the archive does not reach that far.
        CannotStart: the folder is in use, or holds data and nobody said to replace them.
    """
    folder = folders.prepare(folder)
    chosen = backup.choose(backups, at)
    with lock.held(folder), ExitStack() as stack:
        where, known = _at(folder, settings, lambda where: _must_fit(chosen, where, replace=replace))
        if where.home != folder:
            stack.enter_context(lock.held(where.home))
        postgres.clear(where)
        nats.clear(where)
        backup.verify(chosen, where.binaries.postgres.parent)
        fresh = _laid_out(where, chosen)
        try:
            with _recovering(where, fresh, at, settings, tell) as connection:
                until = _last(connection)
                _set_passwords(connection, known)
                done = then(connection, chosen)
        except BaseException:
            folders.remove(fresh)
            raise
        return Restored(chosen, _swapped(where, fresh), until, done)


def _at(folder: Path, settings: Settings, fits: Callable[[Place], None]) -> tuple[Place, Memory]:
    """Where the servers' data are to lie, and their passwords; made where nothing speaks against it."""
    known = memory.load(folder)
    where = folders.find(folder, known, settings)
    fits(where)
    if known is None:
        known = Memory(home=str(where.home), postgres_port=0, nats_port=0)
        memory.save(folder, known)
    return where, known


def _must_fit(chosen: Backup, where: Place, *, replace: bool) -> None:
    major = chosen.manifest.version // _SCALE
    if not chosen.manifest.embedded or str(major) != cluster.MAJOR:
        raise Unusable(
            f"{chosen.folder} is a backup of {'an' if chosen.manifest.embedded else 'no'} embedded server, of "
            f"PostgreSQL {major}; this puts back embedded ones of PostgreSQL {cluster.MAJOR}. Put it back where it "
            "comes from, then run `everlog promote`: the guide on restoring says how."
        )
    data = where.home / "postgres"
    if data.exists() and not replace:
        raise CannotStart(
            f"{data} holds a database. Give --replace to put the backup in its place (what is there is moved aside, "
            "not removed), or name another folder in EVERLOG_HOME."
        )


def _laid_out(where: Place, chosen: Backup) -> Path:
    """The backup's files where the server may write to them."""
    fresh = where.home / _FRESH
    folders.remove(fresh)
    where.data(fresh.name)
    shutil.copytree(chosen.base, fresh, dirs_exist_ok=True, symlinks=True)
    (fresh / "recovery.signal").touch()
    for path in (fresh, *fresh.rglob("*")):
        if where.account:
            os.chown(path, where.account.uid, where.account.gid, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)
    return fresh


@contextmanager
def _recovering(
    where: Place, fresh: Path, at: datetime | None, settings: Settings, tell: Callable[[str], object]
) -> Iterator[psycopg.Connection]:
    """PostgreSQL once it has replayed everything, on a socket that only we and the server's account can reach."""
    room = Path(mkdtemp(prefix="everlog-restore-"))
    log = where.logs / "restore.log"
    log.unlink(missing_ok=True)
    try:
        if where.account:
            os.chown(room, where.account.uid, where.account.gid)
        argv = [str(where.binaries.postgres), "-D", str(fresh), *_options(where, room, at, settings)]
        with log.open("wb") as output:
            server = subprocess.Popen(
                leashed(argv, where.account, signal.SIGINT),
                cwd=fresh,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            _await(server, fresh, log, settings, tell)
            with psycopg.connect(host=str(room), user="postgres", dbname="everlog", autocommit=True) as connection:
                yield connection
        finally:
            _end(server)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _options(where: Place, room: Path, at: datetime | None, settings: Settings) -> Iterator[str]:
    sources = [settings.archive] if settings.archive else []
    # What a server that was killed had not archived yet.
    sources += [where.home / "postgres" / "pg_wal"]
    copies = " || ".join(f"cp {quote(str(each))}/%f %p 2>/dev/null" for each in sources)
    options = {
        "hba_file": where.config("pg_hba.restore.conf", "local all postgres trust\n"),
        "listen_addresses": "",
        "unix_socket_directories": room,
        # So that a cluster of other sizes can be replayed; nobody asks anything before the end.
        "hot_standby": "off",
        "restore_command": copies,
        "recovery_target_action": "promote",
        "log_min_error_statement": "panic",
        # By these words it is seen that a recovery goes on.
        "log_startup_progress_interval": "10s",
    }
    if at:
        options["recovery_target_time"] = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f+00}"
    if settings.archive:
        archive.prepare(where, settings.archive)
        # The new timeline begins in the archive too.
        options["archive_mode"] = "on"
        options["archive_library"] = "basic_archive"
        options["basic_archive.archive_directory"] = settings.archive
    for name, value in options.items():
        yield from ("-c", f"{name}={value}")


def _await(
    server: subprocess.Popen[bytes], fresh: Path, log: Path, settings: Settings, tell: Callable[[str], object]
) -> None:
    """Until everything is replayed, however long that takes: while it goes on, PostgreSQL says so in its log.

    Raises `Unusable` where it ended, or has said nothing for as long as our patience lasts.
    """
    moved = told = time.monotonic()
    said = 0
    while not postgres.answers(fresh, server.pid):
        now, size = time.monotonic(), log.stat().st_size
        if server.poll() is not None:
            raise Unusable(_why(log))
        if size != said:
            moved, said = now, size
        elif now - moved > settings.patience:
            raise Unusable(f"The recovery has not gone on for {settings.patience:.0f} s. {_last_words(log)}")
        if now - told > _TELL:
            told = now
            tell(_how_far(log, settings.archive))
        time.sleep(0.1)


def _how_far(log: Path, archive: Path | None) -> str:
    """PostgreSQL replays a segment when it has fetched it, one after the other; each is 16 MB of the log."""
    found = _FETCHED.findall(logs.tail(log, 100))
    if not found or archive is None:
        return "PostgreSQL recovers."
    left = sum(each.name > found[-1] for each in archive.iterdir() if _SEGMENT.fullmatch(each.name))
    return f"PostgreSQL recovers: it replays {found[-1]}, and the archive holds {left} later segments."


def _why(log: Path) -> str:
    words = log.read_text(errors="replace")
    if "before configured recovery target was reached" in words:
        return "What is archived ends before that time. Choose an earlier one, or none to go as far as possible."
    return f"PostgreSQL does not take the backup. {_last_words(log)}"


def _last_words(log: Path) -> str:
    return f"Its last words, in {log}: " + " ".join(logs.tail(log, 3).splitlines())


def _end(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)
    try:
        server.wait(120)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        raise


def _last(connection: psycopg.Connection) -> datetime | None:
    at: datetime | None = connection.execute("select pg_last_xact_replay_timestamp()").fetchall()[0][0]
    return at


def _set_passwords(connection: psycopg.Connection, known: Memory) -> None:
    """Those of this data folder; those in the backup may be of another."""
    named = {
        "postgres": known.superuser,
        "everlog_owner": known.owner,
        "everlog_app": known.app,
        "everlog_worker": known.worker,
    }
    there = {name for (name,) in connection.execute("select rolname from pg_roles")}
    for role in named.keys() & there:
        statement = sql.SQL("alter role {} password {}").format(sql.Identifier(role), named[role])
        connection.execute(statement)


def _swapped(where: Place, fresh: Path) -> Path | None:
    """Take the restored data into use; where the earlier ones lie now."""
    data, aside = where.home / "postgres", None
    if data.exists():
        aside = where.home / f"postgres.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        data.rename(aside)
    fresh.rename(data)
    memory.sync(where.home)
    return aside
