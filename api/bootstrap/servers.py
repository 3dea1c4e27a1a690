"""The servers below the product: started, wiped, migrated, looked over."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

import psycopg
from msgspec.structs import replace

from adapters.embedded import running, wipe
from adapters.embedded.settings import Settings as Servers
from adapters.ledger import Ledger
from adapters.nats.streams import ensure_streams
from adapters.postgres import migrate as schema
from adapters.postgres.lint import lint
from adapters.postgres.tables import create
from api.bootstrap.capabilities import MODELS
from api.bootstrap.product import signer_of, trusted
from api.settings import Settings, Unset
from tenants.isolation import Finding


def embedded(settings: Settings, stack: ExitStack) -> tuple[Settings, Callable[[], str]]:
    """Start the embedded servers for as long as the stack stands; the settings with their addresses.

    Also answers with a function that says why a server was given up, or nothing while none was.

    Raises:
        CannotStart: it says what is wrong and what to do.
    """
    servers = stack.enter_context(running(settings.home, Servers(archive=settings.archive)))
    known = servers.addresses
    return replace(
        settings, database=known.app, owner=known.owner, worker=known.worker, nats=known.nats
    ), lambda: servers.why


def wiped(settings: Settings) -> None:
    """Take away all that embedded servers keep; keys stay. Raises `CannotStart` while they run."""
    wipe(settings.home)
    now = datetime.now(UTC)
    Ledger(settings.keys).set_aside(now)
    signer_of(settings).set_aside(now)


def migrate(settings: Settings) -> None:
    """Roles, schema, read models, walls and streams. Raises `Unset` without the owner's URL, and what `PLAIN` lists."""
    if not settings.owner:
        raise Unset("Set EVERLOG_OWNER_URL: tables and roles are made by a role that the product does not run as.")
    worker = settings.worker or None
    try:
        schema.migrate(settings.owner, settings.database, worker, lambda connection, _: create(connection, MODELS))
    except psycopg.errors.ReadOnlySqlTransaction as fenced:
        raise Unset(
            "The database takes no writes: it is a replica, or `everlog promote` was cut short. Run `everlog promote`."
        ) from fenced
    if settings.nats:
        ensure_streams(settings.nats, trust=trusted(settings))


def holes(settings: Settings) -> list[Finding]:
    """What a look at the database's catalogue finds wrong with the walls."""
    with psycopg.connect(settings.database) as connection:
        return lint(connection)
