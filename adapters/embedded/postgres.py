"""PostgreSQL: what it is told, and how it answers."""

import hashlib
import os
import signal
from pathlib import Path

from adapters.embedded import strays
from adapters.embedded.memory import Memory
from adapters.embedded.place import Place
from adapters.embedded.ports import LOOPBACK
from adapters.embedded.program import Program
from adapters.embedded.settings import Settings

_STOP = signal.SIGINT
"""Fast shutdown: sessions are ended, everything is written, then it is gone."""
_ORPHAN = signal.SIGQUIT
"""Immediate shutdown: it recovers when it starts. An orderly one may wait for ever for one of its processes, as one
that begins in the midst of a recovery does now and then (18.6), and then nobody is there to make it."""
_ROWS_OF_A_READY_PID_FILE = 8

_ACCESS = """\
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""
_ARCHIVE = """\
archive_mode = on
archive_library = 'basic_archive'
basic_archive.archive_directory = '{archive}'
# What is not archived yet is lost with the disk: half a minute's work at most.
archive_timeout = 30s
"""
_CONFIG = """\
# What initdb found to work on this machine comes first, what a server for many tenants on a small machine needs second.
include '{data}/postgresql.conf'
hba_file = '{hba}'
listen_addresses = '{host}'
unix_socket_directories = ''
password_encryption = scram-sha-256
cluster_name = '{cluster}'
max_connections = {max_connections}
shared_buffers = {shared_buffers}
effective_cache_size = 1GB
random_page_cost = 1.1
jit = off
# A plan in parallel takes the second core from everyone else.
max_parallel_workers_per_gather = 0
# What is acknowledged is on disk.
fsync = on
synchronous_commit = on
full_page_writes = on
wal_compression = on
# A value never reaches a log: neither as a parameter, nor in a statement, nor in an error's detail or context.
logging_collector = off
log_line_prefix = '%m [%p] '
log_timezone = UTC
timezone = UTC
log_statement = none
log_min_duration_statement = -1
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_min_error_statement = panic
log_error_verbosity = terse
"""


def program(place: Place, memory: Memory, settings: Settings) -> Program:
    data = place.home / "postgres"
    hba = place.config("pg_hba.conf", _ACCESS)
    config = place.config(
        "postgresql.conf",
        _CONFIG.format(
            data=_quoted(data),
            hba=_quoted(hba),
            host=LOOPBACK,
            cluster=_cluster(data),
            max_connections=settings.max_connections,
            shared_buffers=settings.shared_buffers,
        )
        + (_ARCHIVE.format(archive=_quoted(settings.archive)) if settings.archive else ""),
    )
    return Program(
        name="PostgreSQL",
        argv=[
            str(place.binaries.postgres),
            *("-D", str(data)),
            *("-c", f"config_file={config}"),
            *("-p", str(memory.postgres_port)),
        ],
        folder=data,
        account=place.account,
        log=place.logs / "postgres.log",
        stop=_STOP,
        orphan=_ORPHAN,
        known=known(data),
        before=lambda: _drop_pid(data),
        answers=lambda pid: answers(data, pid),
    )


def clear(place: Place) -> None:
    """End what an earlier run left behind."""
    for data in (place.home / "postgres", place.home / "postgres.new"):
        strays.clear(known(data), _STOP)


def url(role: str, password: str, port: int, database: str = "everlog") -> str:
    return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{database}"


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")


def _cluster(data: Path) -> str:
    """Stands in the title of each of the cluster's processes."""
    return "everlog-" + hashlib.sha256(os.fsencode(data)).hexdigest()[:12]


def known(data: Path) -> strays.Known:
    """Whether a command line is that of a process of this cluster."""
    title = f"postgres: {_cluster(data)}"

    def ours(command: list[str]) -> bool:
        begun = Path(command[0]).name in ("postgres", "initdb") and str(data) in command
        return begun or command[0].startswith(title)

    return ours


def _drop_pid(data: Path) -> None:
    """PostgreSQL overwrites a dead process's pid file, but takes any living process for a server.

    After a crash the number soon belongs to someone else. We hold the folder's lock and have found no server of it.
    """
    (data / "postmaster.pid").unlink(missing_ok=True)


def answers(data: Path, pid: int) -> bool:
    """Whether this process serves the data: it has recovered, and takes writes."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= _ROWS_OF_A_READY_PID_FILE and lines[0] == str(pid) and lines[7].strip() == "ready"
