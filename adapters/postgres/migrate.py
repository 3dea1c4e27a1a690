"""Bring a database to this release: roles, the log's schema, the views' tables, the walls. Run as the owner role."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import psycopg

from adapters.postgres import walls
from adapters.postgres.definitions import FUNCTIONS
from adapters.postgres.roles import Connection, Roles, ensure, role_of, worker_of

if TYPE_CHECKING:
    # Alembic takes a third of what importing the product takes, and the API and the worker migrate nothing.
    from alembic.config import Config

Views = Callable[[Connection, Roles], None]
"""Makes the tables of the read models; the walls are put around them afterwards."""

FOLDER = FUNCTIONS.parent

_PATIENCE = "-c timezone=UTC -c lock_timeout=20s"
"""A migration gives up rather than make everyone else wait behind it for a lock."""
_FUNCTIONS = """
    select p.oid::regprocedure::text from pg_proc p
    where p.pronamespace = 'everlog'::regnamespace and p.prorettype <> 'trigger'::regtype"""
_LOCK = 7_366_240_301
"""Any number that nothing else locks: two migrations at once run one after the other."""


def migrate(owner_url: str, app_url: str, worker_url: str | None = None, views: Views | None = None) -> Roles:
    """Make or upgrade everything; running it again changes nothing.

    The owner role needs CREATEROLE (unless the app's and the worker's role stand already) and CREATE on the
    database. It never needs to be superuser. `worker_url` defaults to the app's, with `_worker` behind the role's
    name. A failure leaves no table open: nobody has a right to one before it stands behind its wall.
    """
    worker_url = worker_url or worker_of(app_url)
    roles = Roles(role_of(app_url), role_of(worker_url))
    with psycopg.connect(owner_url, autocommit=True, options=_PATIENCE) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        with connection.transaction():
            ensure(connection, app_url)
            ensure(connection, worker_url)
            connection.execute("create schema if not exists everlog")
        _upgrade(owner_url)
        with connection.transaction():
            _define(connection)
            if views:
                views(connection, roles)
            walls.enclose(connection, roles)
            _close_doors(connection)
    return roles


def _define(connection: Connection) -> None:
    """The functions of this release. They are replaced where they stand, and made anew where their answer changed."""
    texts = [path.read_bytes() for path in sorted(FUNCTIONS.glob("*.sql"))]
    try:
        with connection.transaction():
            for text in texts:
                connection.execute(text)
    except psycopg.errors.InvalidFunctionDefinition:
        for (name,) in connection.execute(_FUNCTIONS).fetchall():
            connection.execute(f"drop function {name}".encode())
        for text in texts:
            connection.execute(text)


def config() -> "Config":
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return settings


def _upgrade(owner_url: str) -> None:
    """Run the migrations that are missing, all in one transaction."""
    from alembic import command
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    settings = config()
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(owner_url, options=_PATIENCE), poolclass=NullPool
    )
    with engine.begin() as lent:
        settings.attributes["connection"] = lent
        command.upgrade(settings, "head")


def _close_doors(connection: Connection) -> None:
    """Take from everyone what PostgreSQL gives everyone, where it is ours to take: new functions, temporary tables."""
    connection.execute("alter default privileges revoke execute on functions from public")
    owned = connection.execute(
        "select quote_ident(datname) from pg_database where datname = current_database()"
        " and pg_has_role(current_user, datdba, 'usage')"
    ).fetchone()
    if owned:
        connection.execute(f"revoke temporary on database {owned[0]} from public".encode())
