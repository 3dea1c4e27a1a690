"""Words planted in every personal field cannot be found again, in no dump and in no file of either server.

What is not personal is planted too, and is found wherever the other is looked for: that is the control.
"""

import asyncio
from base64 import b64encode
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from msgspec import Struct
from msgspec.structs import replace

from adapters.log.states import EVERY
from adapters.nats.link import Link
from adapters.nats.relay import Relay
from adapters.postgres.database import Database
from adapters.postgres.recorder import Recorder
from adapters.postgres.views import Views
from application.kernel import Once
from domain.kernel import Actor, Circumstances, Meta
from domain.prospects import Captured, Noted, prospects
from projections.runner import Runner
from tests.adapters.codec.facts import CODEC, structs
from tests.adapters.nats.broker import Free
from tests.canary import dumped, files, found, numbered, search, variants
from tests.conftest import MODELS
from tests.waiting import until

MARK = uuid4().hex[:12]
SECRET, OPEN = f"kanari{MARK}", f"openly{MARK}"
NUMBER = 918273.0 + int(MARK[:6], 16) / 2**24
"""As good as a name where it stands for what only one person has."""


NEEDLES = {**variants(SECRET), **numbered(NUMBER)}


def example(shape):
    """A fact with something in its collections."""
    seen: list = []

    @seed(1)
    @settings(max_examples=50, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(structs(shape.fact))
    def draw(fact):
        seen.append(fact)

    draw()
    return max(seen, key=lambda fact: sum(bool(getattr(fact, name)) for name in shape.names))


def planted(value, word):
    """The same with every text and number in it replaced."""
    if isinstance(value, str):
        return f"{word}.{uuid4().hex}"
    if isinstance(value, float):
        return NUMBER
    if isinstance(value, tuple):
        return tuple(planted(each, word) for each in value)
    if isinstance(value, Struct):
        return replace(value, **{name: planted(getattr(value, name), word) for name in value.__struct_fields__})
    return value


def facts():
    """One of each tag, planted: personal fields with what must not be found, the other texts with what must."""
    for shape in CODEC.shapes.values():
        fact = example(shape)
        personal = {field.name: planted(getattr(fact, field.name), SECRET) for field in shape.personal}
        rest = {name: getattr(fact, name) for name in shape.names if name not in personal}
        public = {name: planted(value, OPEN) for name, value in rest.items() if isinstance(value, str)}
        yield shape.tag, replace(fact, **public, **personal)


def meta(**more) -> Meta:
    told = Circumstances(*(f"{SECRET}.{name}" for name in ("ip", "session", "agent", "reason")))
    return Meta(uuid4(), Actor("user", uuid4()), f"{OPEN}.permission", circumstances=told, **more)


def fill(log, database):
    id = uuid4()
    for tag, fact in facts():
        stream = f"{tag.partition('.')[0]}/{uuid4()}"
        log.submit(stream, 0, [fact], meta(), Once(uuid4(), SECRET, SECRET.encode())).result(10)
    captured = Captured(f"{SECRET} name", f"{SECRET}@example.org", f"{OPEN} industry", ((SECRET, NUMBER),))
    notes = [Noted(f"{SECRET} {n}") for n in range(EVERY)]
    log.submit(f"prospects/{id}", 0, [captured, *notes], meta()).result(10)
    asyncio.run(_load(log, database, f"prospects/{id}"))


async def _load(log, database, stream):
    await database.start()
    try:
        await log.load(stream, prospects)
    finally:
        await database.stop()


@pytest.fixture(scope="module")
def filled(servers, migrated, database, committer, logs) -> UUID:
    """A tenant whose every fact went through the log, the views and the relay."""
    tenant = uuid4()
    logs.provision(tenant)
    log = logs.of(tenant)
    fill(log, database)
    with Database(migrated.addresses.worker) as worker:
        assert Runner(log, Views(tenant, worker, log), MODELS).catch_up()
    link = Link(servers.addresses.nats)
    relay = Relay(link, lambda: [(tenant, *log.head())], lambda _: Recorder(tenant, database, committer), Free())
    link.start()
    try:
        until(lambda: relay._courses and relay.behind() == {tenant: 0})
    finally:
        link.stop()
    count = "select count(*) from everlog.snapshots where tenant_id = %s"
    assert until(lambda: database.query(tenant, count, [tenant]) == [(1,)])
    with psycopg.connect(servers.addresses.superuser, autocommit=True) as connection:
        connection.execute("checkpoint")
    return tenant


def test_a_dump_holds_nothing_personal(servers, filled):
    dump = dumped(servers.addresses.superuser)
    assert found(dump, NEEDLES) == set()
    assert {"plain", "hex"} & found(dump, variants(OPEN))


def test_no_file_of_either_server_holds_anything_personal(servers, filled):
    paths = files(servers.folder, servers.home)
    assert search(paths, NEEDLES) == {}
    told = [str(path) for path in search(paths, variants(OPEN))]
    assert any("pg_wal" in path for path in told), "the write-ahead log was looked at"
    assert any("/base/" in path for path in told), "the tables were looked at"
    assert any("jetstream" in path for path in told), "JetStream's store was looked at"


def test_what_was_planted_is_there_for_who_has_the_keys(logs, filled):
    log = logs.of(filled)
    opened = repr(log.open(log.read(0, 10_000)))
    personal = sum(len(shape.personal) for shape in CODEC.shapes.values())
    assert opened.count(SECRET) > personal
    assert repr(NUMBER) in opened


def test_a_word_is_found_however_it_is_written():
    for name, needle in variants("word-that-is-long").items():
        for offset in range(3):
            texts = [b"x" * offset + b"word-that-is-long" + b"y" * 5]
            texts += [b64encode(texts[0]), texts[0].hex().encode(), texts[0].hex().upper().encode()]
            texts += ["word-that-is-long".encode("utf-16-le")]
            assert any(needle in text for text in texts) or name.startswith("base64")
    for offset in range(3):
        assert found(b64encode(b"x" * offset + b"word-that-is-long, and more"), variants("word-that-is-long"))


def test_a_word_is_found_across_the_parts_that_a_file_is_read_in(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.canary._CHUNK", 10)
    (tmp_path / "file").write_bytes(b"x" * 15 + b"word-that-is-long" + b"y" * 30)
    assert search(files(tmp_path, tmp_path), variants("word-that-is-long")) == {tmp_path / "file": {"plain"}}
    assert search([tmp_path / "gone"], variants("word-that-is-long")) == {}
