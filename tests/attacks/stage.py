"""A running product, organisations with something in them, and a superuser of its database."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
from msgspec import Struct, field

from api import bootstrap
from api.bootstrap import Product
from api.settings import Settings
from api.verify import Verdict, verify
from application.api_keys import mint
from application.kernel import Caller
from application.pipeline import Asked
from application.tenancy import provision
from domain.kernel import Actor
from tenants.context import SYSTEM
from tests.faults.disk.plant import superuser
from tests.served import Served, served

OPERATOR = Actor("operator", SYSTEM)
PEOPLE = 4
PATIENCE = 60.0
"""Seconds until what was appended is sealed and seen; the machine may be busy."""


class Org(Struct):
    id: UUID
    key: str
    keys: str
    """The folder of the keys."""
    head: int = 0
    """The last position, all of which is sealed."""
    people: list[UUID] = field(default_factory=list)
    dump: list[tuple[Any, ...]] = field(default_factory=list)
    """What the attacker has kept of an earlier time."""


class Stage:
    def __init__(self, product: Served) -> None:
        self.product = product
        self.settings: Settings = product.settings
        self.url = superuser(product.home).removesuffix("postgres") + "everlog"

    @contextmanager
    def attacker(self) -> Iterator[psycopg.Connection]:
        """A superuser's connection, whom no wall and no trigger holds."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("set session_replication_role = replica")
            yield connection

    def found(self, many: int) -> list[Org]:
        """So many organisations, with people in them, sealed."""

        async def work(product: Product) -> list[Org]:
            await product.database.start()
            product.link.start()
            try:
                return [await self._found(product) for _ in range(many)]
            finally:
                await product.database.stop()

        with bootstrap.product(self.settings) as product:
            made = asyncio.run(work(product))
        for each in made:
            self.people(each, PEOPLE)
        self.settled(*made)
        return made

    async def _found(self, product: Product) -> Org:
        tenant = uuid4()
        await provision(product.pipeline, product.logs, OPERATOR, tenant, "Acme", OPERATOR.id)
        minted = mint(tenant, "key", "Admin", None, None)
        await product.pipeline.run(Caller(tenant=tenant, actor=OPERATOR), Asked(minted.issue, minted.id))
        return Org(tenant, minted.text, f"{self.settings.keys}")

    def people(self, org: Org, many: int) -> None:
        for _ in range(many):
            body = {"name": "Ada", "email": f"{uuid4()}@example.org", "industry": "looms"}
            org.people.append(UUID(self._posted(org, "prospects", body)["id"]))

    def grown(self, org: Org) -> None:
        """So that there is another checkpoint."""
        self.people(org, 3)
        self.settled(org)

    def predicted(self, org: Org) -> None:
        """Somebody asks what becomes of one of them."""
        self._posted(org, "predictions", {"prospect": f"{org.people[0]}"})
        self.settled(org)

    def _posted(self, org: Org, what: str, body: dict[str, str]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {org.key}", "Idempotency-Key": f"{uuid4()}"}
        until = time.monotonic() + PATIENCE
        while True:
            made = httpx2.post(f"{self.product.url}/v1/{what}", headers=headers, json=body, timeout=60)
            if made.is_success:
                found: dict[str, Any] = made.json()
                return found
            # The worker that answers may still be starting.
            assert made.status_code == 503, made.text
            assert time.monotonic() < until, made.text
            time.sleep(0.5)

    def erased(self, org: Org) -> None:
        """Destroy the key of somebody, as an approved erasure does."""
        with bootstrap.product(self.settings, worker=True) as product:
            [(subject,)] = product.database.query(
                org.id,
                "select subject from everlog.subject_keys where tenant_id = %s and wrapped is not null limit 1",
                [org.id],
            )
            product.erasures.erase(org.id, [subject])

    def forgotten(self, org: Org) -> None:
        """Somebody is erased of whom the attacker has kept the row of keys."""
        with self.attacker() as connection:
            sql = "select subject, epoch, wrapped from everlog.subject_keys where tenant_id = %s and subject = %s"
            org.dump = connection.execute(sql, [org.id, org.people[0]]).fetchall()
        with bootstrap.product(self.settings, worker=True) as product:
            product.erasures.erase(org.id, [org.people[0]])

    def rebuilt(self, org: Org) -> None:
        with bootstrap.product(self.settings, worker=True) as product, ThreadPoolExecutor(2) as threads:
            runner = bootstrap.runner(product, org.id, threads)
            for view in ("prospects", "audit"):
                runner.rebuild(view)
            runner.catch_up()

    def rotated(self, org: Org) -> None:
        """Wrap everybody's keys under a new tenant key, at once."""
        with bootstrap.product(self.settings, worker=True) as product:
            product.logs.rings.custody(org.id).rotate(early=True)

    def killed(self, org: Org) -> None:
        """Append, and kill everything at once, so that some of it may be neither sealed nor seen."""
        self.people(org, 2)
        self.product.kill()
        self.product.start()
        self.settings = self.product.settings

    def settled(self, *orgs: Org) -> None:
        """Wait until all events are sealed, and in the read models."""
        until = time.monotonic() + PATIENCE
        with self.attacker() as connection:
            for org in orgs:
                while not (head := _level(connection, org.id)):
                    assert time.monotonic() < until, f"{org.id} is not sealed:\n{self.product.told()[-3000:]}"
                    time.sleep(0.1)
                org.head = head

    def verdict(self, org: Org) -> Verdict:
        return verify(self.settings, org.id, None, [])


def _level(connection: psycopg.Connection, tenant: UUID) -> int:
    """The head, where seals and views have reached it; 0 where they have not."""
    [(head, sealed, seen, views)] = connection.execute(
        """select h.position, (select max(size) from everlog.seals where tenant_id = h.tenant_id),
            (select min(position) from everlog.checkpoints where tenant_id = h.tenant_id),
            (select count(*) from everlog.pointers where tenant_id = h.tenant_id)
        from everlog.heads h where tenant_id = %s""",
        [tenant],
    ).fetchall()
    return int(head) if views and head == sealed == seen else 0


@contextmanager
def staged(home: Path, **more: str) -> Iterator[Stage]:
    with served(home, **more) as product:
        yield Stage(product)
