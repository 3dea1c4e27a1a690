"""The product on the benchmark's servers, put together by its own bootstrap."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
from msgspec import Struct

from adapters.postgres.spoken import spoken
from adapters.postgres.tables import sums, table
from api import bootstrap
from api.settings import Settings
from application.ports import Logs
from benchmarks.ground import Ground
from benchmarks.peers.bare import free
from projections.kernel import View
from projections.runner import Runner

_STATE = ("checkpoints", "pointers", "parked")
PLENTY = 10**9
"""Requests a minute: the rate is counted like any other, and never used up."""


class Product(Struct, frozen=True):
    """The app role's process and the worker role's; `superuser` serves what measures them."""

    app: bootstrap.Product
    worker: bootstrap.Product
    superuser: str

    @property
    def settings(self) -> Settings:
        return self.app.settings

    @property
    def logs(self) -> Logs:
        """As the pipeline has them, traces and metrics included."""
        told: Logs = self.app.telemetry.logs(self.app.logs)
        return told

    def tenant(self) -> UUID:
        """A new tenant with an empty log and its keys."""
        tenant = uuid4()
        self.app.logs.provision(tenant)
        return tenant

    def sizes(self, tenant: UUID) -> tuple[int, int]:
        """Mean bytes of metadata and of body of a tenant's events, as stored."""
        sql = b"select avg(length(meta))::int, avg(length(body))::int from everlog.events where tenant_id = %s"
        with psycopg.connect(self.superuser) as connection:
            row = connection.execute(sql, [tenant]).fetchone()
        assert row
        return row

    def settle(self) -> None:
        """Statistics, hint bits and a checkpoint, so that no contender's turn pays for what was recorded before."""
        with psycopg.connect(self.superuser, autocommit=True) as connection:
            connection.execute("vacuum analyze")
            connection.execute("checkpoint")

    def runner(self, tenant: UUID, threads: Executor, models: Sequence[Any] = bootstrap.MODELS) -> Runner:
        """As the worker has one, of these views."""
        return bootstrap.runner(self.worker, tenant, threads, models)

    def forget_views(self) -> None:
        """Empty read models, as before the first event."""
        tables = [f"everlog.{name}" for name in _STATE]
        for each in bootstrap.MODELS:
            made = [table(each).table] if isinstance(each, View) else [sums(each, "a")]
            if isinstance(each, View) and each.words:
                made.append(spoken(each, "a").table)
            tables += [f"everlog.{one.name}" for one in made]
        with psycopg.connect(self.superuser, autocommit=True) as connection:
            connection.execute(f"truncate {', '.join(tables)}".encode())


@contextmanager
def opened(ground: Ground) -> Iterator[Product]:
    """Everything migrated and open."""
    addresses = ground.servers.addresses
    settings = Settings(
        home=ground.home,
        keys=ground.home / "keys",
        journal=ground.home / "journal",
        database=addresses.app,
        owner=addresses.owner,
        worker=addresses.worker,
        nats=addresses.nats,
        port=free(),
        rate=PLENTY,
    )
    bootstrap.migrate(settings)
    with bootstrap.product(settings) as app, bootstrap.product(settings, worker=True) as worker:
        yield Product(app, worker, addresses.superuser)
