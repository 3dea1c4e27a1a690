"""The product on servers of the fault's own, which it can put wires between, and stop one by one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from adapters.embedded import CannotStart, Servers, running, wipe
from api import settings as configuration
from api.settings import Settings
from tests.faults.callers import Organisation
from tests.faults.proxy import Proxy, port_of, through
from tests.served import Served, answered


class Wired(Struct, frozen=True):
    """The product and its servers, with a wire of ours to each of them."""

    product: Served
    servers: Servers
    database: Proxy
    broker: Proxy

    @property
    def direct(self) -> Settings:
        """The product's settings with the servers' own addresses."""
        return direct(self.product.environment, self.servers)

    def organisation(self) -> Organisation:
        return organisation(self.product.url, self.product.environment)


@contextmanager
def wired(home: Path, seed: int = 0, **more: str) -> Iterator[Wired]:
    with ExitStack() as stack:
        servers = stack.enter_context(existing(home / "servers"))
        database = stack.enter_context(Proxy(port_of(servers.addresses.app), seed))
        broker = stack.enter_context(Proxy(port_of(servers.addresses.nats), seed + 1))
        product = Served(home / "home", **named(servers, database, broker), **more)
        stack.callback(_wipe, home / "home")
        stack.callback(product.stop)
        migrated(product, servers)
        product.start()
        yield Wired(product, servers, database, broker)


@contextmanager
def existing(folder: Path) -> Iterator[Servers]:
    try:
        with running(folder) as servers:
            yield servers
    finally:
        _wipe(folder)


def named(servers: Servers, database: Proxy, broker: Proxy) -> dict[str, str]:
    return {
        "EVERLOG_DATABASE_URL": through(servers.addresses.app, database.port),
        "EVERLOG_WORKER_URL": through(servers.addresses.worker, database.port),
        "EVERLOG_NATS_URL": through(servers.addresses.nats, broker.port),
    }


def migrated(product: Served, servers: Servers) -> None:
    answered(["migrate"], product.environment | {"EVERLOG_OWNER_URL": servers.addresses.owner})


def direct(environment: dict[str, str], servers: Servers, nats: str = "") -> Settings:
    known = servers.addresses
    return replace(
        configuration.read(environment),
        database=known.app,
        worker=known.worker,
        nats=nats or known.nats,
        owner=known.owner,
    )


def organisation(url: str, environment: dict[str, str], name: str = "Acme") -> Organisation:
    made = answered(["tenants", "create", name], environment)
    return Organisation(url, UUID(made["tenant"]), made["key"])


def _wipe(folder: Path) -> None:
    with suppress(CannotStart):
        wipe(folder)
