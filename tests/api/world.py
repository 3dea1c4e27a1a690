"""The whole HTTP API on real servers, behind a real HTTP server: two tenants, and a key for each role."""

import asyncio
import threading
from contextlib import contextmanager
from typing import Any, get_args
from uuid import UUID, uuid4

import httpx2
from granian.constants import Interfaces
from granian.server.embed import Server

from adapters.casbin import Casbin
from adapters.deliveries import Deliveries
from adapters.documents import DOCUMENTS
from adapters.embedded import ports
from adapters.erasures import Erasures
from adapters.kept import Kept
from adapters.ledger import Ledger
from adapters.postgres.reads import ReadModels
from adapters.postgres.views import Views
from adapters.proofs.proven import Proven
from api.again import again
from api.app import create_app
from api.bootstrap import learner
from api.edge import Edge
from application.api_keys import Keyring, mint
from application.audit import Trail
from application.entry import Entry
from application.kernel import Caller
from application.orgs import Found
from application.pipeline import Asked, Pipeline
from application.ports import Unanswered
from domain.access import Role
from domain.api_keys import api_keys
from domain.audit import audit
from domain.deliveries import deliveries
from domain.exports import exports
from domain.kernel import Actor
from domain.keys import keys
from domain.orgs import orgs
from domain.predictions import Features, Made, Reason, predictions
from domain.privacy import privacy
from domain.proofs import proofs
from domain.prospects import prospects
from domain.reports import reports
from domain.searches import searches
from domain.tenancy import tenancy
from projections.runner import Runner
from tenants.context import SYSTEM
from tenants.keys import Denied, Unserved
from tenants.quotas import Quota

ROLES: tuple[Role, ...] = get_args(Role)
DECIDERS = {
    each.name: each
    for each in (
        *(prospects, predictions, orgs, api_keys, audit, exports, tenancy, privacy, reports, proofs, keys),
        deliveries,
        searches,
    )
}
OPERATOR = Actor("operator", UUID(int=7))


class Nobody:
    """Scores nothing: no worker is there."""

    answer: Any = None

    async def score(self, tenant, payload, type):
        if self.answer is None:
            raise Unanswered(2)
        return self.answer(tenant, payload)


class Tenant:
    def __init__(self, id):
        self.id = id
        self.keys = {}
        self.ids = {}


class World:
    def __init__(self, logs, database, keeper, models, signer, journal, rate=10**7):
        self.logs = logs
        self.database = database
        self.keeper = keeper
        self.signer = signer
        self.models = models
        self.scorer = Nobody()
        self.keyring = Keyring(logs)
        self.access = Casbin(logs, self.keyring)
        self.reads = ReadModels(database, models, b"#" * 32, logs.of, poll=0.01)
        self.trail = Trail(logs, 10**6)
        self.pipeline = Pipeline(logs, self.access, self.trail, self.reads.of)
        entry = Entry(self.keyring, logs, self.trail)
        self.journal = journal
        self.secrets: dict[str, Any] = {}
        """The folders of the key service, and of the signing keys."""
        proven = Proven(database, signer)
        self.edge = Edge(
            self.pipeline,
            entry,
            logs,
            self.scorer,
            DECIDERS,
            Quota(rate),
            proven,
            journal,
            documents=DOCUMENTS,
            again=self.again,
            granted=logs.granted,
            deliveries=Deliveries(database, logs.rings),
        )
        self.edge._attempts = Quota(10**7)
        self.app = create_app(self.edge, checks={"database": self.check})
        self.port = ports.choose()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx2.Client(base_url=self.url, timeout=60)
        self.tenants: list[Tenant] = []
        self._loop = asyncio.new_event_loop()
        self._up, self._down = threading.Event(), threading.Event()
        self._server: Any = None

    def kept(self, tenant, database=None):
        """What models keep, as a worker writes it, or by another role's database as an API reads it."""
        erasures = Erasures(self.keeper, Ledger(self.secrets["keys"]), self)
        return Kept(self.logs.of(tenant), self.logs.rings.of(tenant), database or self.keeper, erasures)

    def again(self, tenant, made):
        return again(made, self.logs.of(tenant), learner, self.kept(tenant, self.database))

    async def check(self):
        await self.database.fetch(SYSTEM, "select 1")
        return ""

    @contextmanager
    def running(self):
        threads = [threading.Thread(target=run, daemon=True) for run in (self._serve, self._keep)]
        for thread in threads:
            thread.start()
        assert self._up.wait(30)
        try:
            yield self
        finally:
            self._down.set()
            self._loop.call_soon_threadsafe(self._server.stop)
            for thread in threads:
                thread.join(30)

    def _serve(self):
        async def serve():
            await self.database.start()
            self._server = Server(self.app, port=self.port, interface=Interfaces.ASGI, log_enabled=False)
            self._server.on_startup(self._up.set)
            await self._server.serve()
            await self.database.stop()

        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(serve())

    def _keep(self):
        """Keep the views of all tenants up with their logs."""
        runners = {}
        while not self._down.wait(0.01):
            for tenant in list(self.tenants):
                if tenant.id not in runners:
                    store = Views(tenant.id, self.keeper, self.logs.of(tenant.id))
                    runners[tenant.id] = Runner(self.logs.of(tenant.id), store, self.models)
                try:
                    runners[tenant.id].catch_up()
                except (Unserved, Denied):
                    # As a worker does: one tenant's key service keeps nobody else's views waiting.
                    runners.pop(tenant.id)

    def forget(self, tenant, subjects):
        """Let go of keys at hand, as processes do that hear of an erasure."""
        self.logs.rings.of(tenant).forget(subjects)

    def drop(self, tenant):
        self.logs.rings.drop(tenant)

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def do(self, tenant, command, id):
        return self.run(self.pipeline.run(Caller(tenant=tenant, actor=OPERATOR), Asked(command, id)))

    def tenant(self, *, kept=True):
        """A new tenant with its organisation and a key of each role."""
        id = uuid4()
        self.logs.provision(id)
        tenant = Tenant(id)
        self.do(id, Found(name="Acme", admin=uuid4()), id)
        for role in ROLES:
            self.key(tenant, role)
        if kept:
            self.tenants.append(tenant)
        return tenant

    def key(self, tenant, role, name="", **named):
        minted = mint(tenant.id, name or role, role, **named)
        self.do(tenant.id, minted.issue, minted.id)
        tenant.keys[name or role] = minted.text
        tenant.ids[name or role] = minted.id
        return minted.text

    def ask(self, method, path, key=None, headers=None, **named):
        """One request; `key` is the text of an API key."""
        bearer = {"Authorization": f"Bearer {key}"} if key else {}
        return self.client.request(method, path, headers={**bearer, **(headers or {})}, **named)


def made(tenant, payload):
    """A prediction, as a worker would answer it."""
    return Made(
        model="prospects.conversion",
        number=0,
        prospect=payload["prospect"],
        position=1,
        learned=0,
        champion="online",
        refits=(),
        probability=0.5,
        likely=("won", "lost"),
        candidates=(("online", 0.5),),
        digest="0" * 64,
        build="test",
        reasons=(Reason("sponsor:24D", 1.0, 0.3),),
        features=Features((("employees", 250.0),), ("sponsor:24D",)),
    )
