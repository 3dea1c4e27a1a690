import asyncio
import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar
from msgspec import json
from msgspec.structs import asdict, replace

from adapters.casbin import Casbin
from adapters.embedded import ports
from adapters.nats.wake import Wakes
from api.edge import Edge
from api.stream import Pace, Streams, Tails, handlers
from api.stream.feed import Rhythm
from application import api_keys
from application.api_keys import Keyring
from application.audit import Trail
from application.entry import Entry
from application.kernel import Caller
from application.pipeline import Asked, Pipeline
from application.ports import Decision, Unrecorded
from domain.kernel import Actor, Meta, Sealed
from domain.prospects import Captured, Won
from tenants.quotas import Quota
from tests.memory import MemoryLog, MemoryLogs
from tests.waiting import until

NOBODY: Any = None
"""Nobody scores here."""


class Everybody:
    """Access for the test's own commands: they run beside the server, and its enforcer is for one thread."""

    async def decide(self, caller, permission, resource=""):
        return Decision(allowed=True, rule="test")


def _no_reads(_):
    raise AssertionError("the stream asks no read model")


class SealingLog(MemoryLog):
    """Opens what `person` sealed; may be set back as a restore would."""

    generation = 1

    def head(self):
        return self.generation, len(self.facts)

    def _append(self, *args):
        before = len(self.facts)
        appended = super()._append(*args)
        self.facts[before:] = [replace(each, generation=self.generation) for each in self.facts[before:]]
        return appended

    async def opened(self, value):
        return [replace(fact, **{name: _open(each) for name, each in asdict(fact).items()}) for fact in value]


class SealingLogs(MemoryLogs):
    def of(self, tenant):
        return self.logs.setdefault(tenant, SealingLog(tenant))


def _open(value):
    return json.decode(value.box) if isinstance(value, Sealed) else value


def sealed(value):
    return Sealed(UUID(int=9), "prospects/x@1#name", json.encode(value))


class Notes:
    """A journal that keeps what it is given, or takes nothing."""

    def __init__(self):
        self.seen = []
        self.full = False

    async def keep(self, seen, _=1):
        if self.full:
            raise Unrecorded
        self.seen.append(seen)


class House:
    """An API with nothing but the streams, on logs in memory, behind a real server."""

    def __init__(self, poll=0.05, patience=30.0, most=50, check=0.1, heartbeat=15.0):
        self.tenant = uuid4()
        self.logs = SealingLogs()
        self.entered = SealingLogs()
        """Where it is told who signs in, so that in the log there is nothing but what a test has put there."""
        self.journal = Notes()
        self.wakes = Wakes()
        self.port = ports.choose()
        self.pace = Pace(poll=poll, batch=20, kept=50)
        self.rhythm = Rhythm(check=check, heartbeat=heartbeat)
        self.patience, self.most = patience, most
        self.streams = None

    def app(self):
        keyring = Keyring(self.logs)
        access = Casbin(self.logs, keyring)
        trail = Trail(self.logs)
        pipeline = Pipeline(self.logs, access, trail, _no_reads)
        entry = Entry(keyring, self.logs, Trail(self.entered))
        edge = Edge(pipeline, entry, self.logs, NOBODY, {}, Quota(10**6), NOBODY, self.journal)
        tails = Tails(self.logs, self.wakes, self.pace)
        self.streams = Streams(edge, access, keyring, tails, self.rhythm, self.most, self.patience)
        return Litestar(handlers(self.streams), openapi_config=None)

    @property
    def log(self):
        return self.logs.of(self.tenant)

    def key(self, role="Admin", **named):
        minted = api_keys.mint(self.tenant, "a key", role, **named)
        self.command(minted.issue, minted.id)
        return minted

    def command(self, command, id):
        caller = Caller(tenant=self.tenant, actor=Actor("system", UUID(int=1)))
        pipeline = Pipeline(self.logs, Everybody(), Trail(self.logs), _no_reads)
        return asyncio.run(pipeline.run(caller, Asked(command, id)))

    def append(self, fact, capability="prospects", stream=None):
        stream = stream or f"{capability}/{uuid4()}"
        version = sum(each.stream == stream for each in self.log.facts)
        meta = Meta(uuid4(), Actor("user", UUID(int=2)), "prospects.capture")
        self.log.submit(stream, version, [fact], meta).result()
        self.wakes.committed(self.tenant, self.log.generation, len(self.log.facts))
        return stream

    def capture(self, count=1, industry="engines"):
        for n in range(count):
            self.append(Captured(sealed(f"Ada {n}"), sealed(f"{uuid4()}@example.org"), industry))

    def win(self):
        return self.append(Won("new", 100, "EUR"))


@contextmanager
def answering(house):
    """The house behind a granian of its own, in a thread."""
    up, loop = threading.Event(), asyncio.new_event_loop()
    state = SimpleNamespace()

    async def serve():
        server = Server(house.app(), port=house.port, interface=Interfaces.ASGI, log_enabled=False)
        server.on_startup(up.set)
        state.server = server
        await server.serve()

    def run():
        asyncio.set_event_loop(loop)
        state.task = loop.create_task(serve())
        loop.run_until_complete(state.task)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert up.wait(30)
    assert until(lambda: not ports.is_free(house.port))
    try:
        yield house
    finally:
        loop.call_soon_threadsafe(state.server.stop)
        thread.join(30)


@pytest.fixture
def house():
    with answering(House()) as house:
        yield house
