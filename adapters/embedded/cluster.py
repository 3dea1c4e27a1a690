"""The PostgreSQL cluster: made once, with one owner role and one database."""

import signal
import subprocess
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from adapters.embedded import folder, postgres
from adapters.embedded.memory import Memory, sync
from adapters.embedded.place import Place
from adapters.embedded.program import ENVIRONMENT, leashed
from adapters.embedded.refusal import CannotStart

MAJOR = "18"


def create(place: Place, memory: Memory) -> None:
    """The cluster, if there is none yet; made aside, so that a half-made one is never taken for a whole one."""
    data, fresh = place.home / "postgres", place.home / "postgres.new"
    if data.exists():
        _check(data)
        return
    folder.remove(fresh)
    place.data(fresh.name)
    password = place.config("password", memory.superuser)
    try:
        done = subprocess.run(
            leashed(
                [
                    str(place.binaries.initdb),
                    "-D",
                    str(fresh),
                    f"--pwfile={password}",
                    "--username=postgres",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--data-checksums",
                    "--no-instructions",
                ],
                place.account,
                signal.SIGKILL,
            ),
            cwd=fresh,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        password.unlink(missing_ok=True)
    if done.returncode:
        raise CannotStart(f"initdb cannot make a cluster in {place.home}. Its last words:", done.stderr.strip())
    fresh.rename(data)
    sync(place.home)


def settle(memory: Memory) -> None:
    """The owner role and its database. Other roles come with the schema: they are the owner's to make."""
    superuser = postgres.url("postgres", memory.superuser, memory.postgres_port, "postgres")
    try:
        # A promotion that was cut short has left the server read-only to whoever does not ask otherwise.
        options = "-c default_transaction_read_only=off"
        with psycopg.connect(superuser, autocommit=True, options=options) as connection:
            _settle(connection, memory.owner)
    except psycopg.Error as problem:
        raise CannotStart(f"PostgreSQL runs, but its superuser cannot make the database: {problem}.") from problem


def _settle(connection: psycopg.Connection, password: str) -> None:
    if not _has(connection, "select 1 from pg_roles where rolname = 'everlog_owner'"):
        connection.execute(sql.SQL("create role everlog_owner login createrole password {}").format(password))
    if not _has(connection, "select 1 from pg_database where datname = 'everlog'"):
        connection.execute("create database everlog owner everlog_owner")
    # A refused value stands in an error's first line, which no other setting keeps out of the log. The client gets
    # the error and tells it in its own words; the server keeps its own messages, failures and losses included.
    connection.execute("alter database everlog set log_min_messages = log")


def _has(connection: psycopg.Connection, query: LiteralString) -> bool:
    return connection.execute(query).fetchone() is not None


def _check(data: Path) -> None:
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except OSError as problem:
        raise CannotStart(
            f"{data} is no PostgreSQL cluster: {problem}. Restore it from a backup, or move it away."
        ) from problem
    if found != MAJOR:
        raise CannotStart(
            f"{data} holds data of PostgreSQL {found}, this release runs {MAJOR}. "
            "Dump it with the release that wrote it (pg_dump), move the folder away, and load the dump."
        )
