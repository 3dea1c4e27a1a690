"""Promoting a replica, or taking into use what was put back: fenced, until its logs may be written to."""

from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import psycopg
from msgspec import Struct

from adapters.ledger import Ledger
from adapters.postgres.roles import Connection
from adapters.resumption import HEADS, Resumption, begin_again

_PATIENCE = 60
"""Seconds that a replica may take to become the primary."""
_OPTIONS = "-c default_transaction_read_only=off -c synchronous_commit=local -c timezone=UTC -c lock_timeout=20s"
_ABOUT = """
    select pg_is_in_recovery(), r.rolsuper,
        has_parameter_privilege('default_transaction_read_only', 'alter system')
        and has_function_privilege('pg_promote(boolean, integer)', 'execute')
        and has_function_privilege('pg_reload_conf()', 'execute'),
        to_regclass('everlog.heads') is not null
    from pg_roles r where r.rolname = current_user"""
_WAITING = """
    select current_setting('synchronous_standby_names') <> ''
    and not exists (select from pg_stat_replication where sync_state in ('sync', 'quorum'))"""


class Unpromoted(Exception):
    """The server was not taken into use; the message says why and what to do."""


class Promoted(Struct, frozen=True):
    """`replica`: it was one before. `waiting`: commits wait for a synchronous replica that is not there."""

    replica: bool
    resumption: Resumption
    waiting: bool


def promote(url: str, ledger: Ledger, copies: Iterable[Path]) -> Promoted:
    """Let this one server take writes, its logs in a new generation. Cut short, it takes none until this is done again.

    The product looks for a server that takes writes, and would find a replica the moment it is promoted: so the server
    is told before to be read-only to everybody, and tells the opposite to this session alone.
    """
    with psycopg.connect(url, autocommit=True, options=_OPTIONS) as connection:
        replica, superuser = _looked_at(connection)
        _fence(connection, on=True)
        if replica and not connection.execute("select pg_promote(true, %s)", [_PATIENCE]).fetchall()[0][0]:
            raise Unpromoted(f"The replica was not promoted within {_PATIENCE} s. See its log, then do this again.")
        heads = _heads(connection, superuser=superuser)
        done = begin_again(connection, heads, ledger, copies, "promotion" if replica else "restore")
        _fence(connection, on=False)
        [(waiting,)] = connection.execute(_WAITING)
        return Promoted(replica, done, waiting)


def _looked_at(connection: Connection) -> tuple[bool, bool]:
    replica, superuser, may, there = connection.execute(_ABOUT).fetchall()[0]
    if not there:
        raise Unpromoted("There is no log in this database. EVERLOG_OWNER_URL names the one to take into use.")
    if not may:
        raise Unpromoted(
            "This role may not promote. Use a superuser's URL for this command, or let the owner do it, as superuser: "
            "grant alter system on parameter default_transaction_read_only to everlog_owner; "
            "grant execute on function pg_promote(boolean, integer), pg_reload_conf() to everlog_owner;"
        )
    return replica, superuser


def _fence(connection: Connection, *, on: bool) -> None:
    what = "set default_transaction_read_only = on" if on else "reset default_transaction_read_only"
    connection.execute(f"alter system {what}".encode())
    connection.execute("select pg_reload_conf()")
    # Sessions that begin from here on have read it: the server that makes them has.
    connection.execute("select pg_sleep(0.2)")


def _heads(connection: Connection, *, superuser: bool) -> list[tuple[UUID, int]]:
    """All tenants. The owner stands behind the walls like everybody: it opens this one for itself, in a transaction."""
    with connection.transaction(force_rollback=True):
        if not superuser:
            connection.execute("alter table everlog.heads no force row level security")
        return connection.execute(HEADS).fetchall()
