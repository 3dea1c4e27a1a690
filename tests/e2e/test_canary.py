"""What is said of persons through the API is nowhere to be read: in no dump, no file of a server, no log, no journal.

Words are planted wherever the API takes something personal, and looked for in all that the running product leaves on
disk. What is not personal is planted beside them and is found by the same search: that is the control.
"""

import re
import zlib
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from adapters.codec.meta import PATH
from api import bootstrap
from api.bootstrap.learned import kept
from domain.kernel import Sealed
from tests.adapters.codec.facts import CODEC
from tests.canary import dumped, files, found, made_of, numbered, rows, search, variants
from tests.faults.disk.plant import known, superuser
from tests.waiting import until

MARK = uuid4().hex[:12]
SECRET, OPEN = f"kanari{MARK}", f"openly{MARK}"
NUMBER = 918273.0 + int(MARK[:6], 16) / 2**24
NEEDLES = {**variants(SECRET), **numbered(NUMBER)}
COMPUTED = {"predictions.made.reasons", "predictions.made.features"}
"""No request carries them: a model works them out of what is planted here. `tests.isolation` plants them directly."""


def plant(url, key):
    """Ask everything that takes something about a person. Answers the last position."""
    told = {"User-Agent": f"{SECRET} agent", "Everlog-Reason": f"{SECRET} reason", "Authorization": f"Bearer {key}"}
    position = ""
    with httpx2.Client(base_url=url, headers=told, timeout=60) as client:

        def post(path, status, **body):
            nonlocal position
            answer = client.post(path, json=body, headers={"Idempotency-Key": f"{SECRET}-{uuid4()}"})
            assert answer.status_code in (status, 200), (path, answer.text)
            position = answer.headers.get("Everlog-Position", position)
            return answer.json()

        person = f"/v1/prospects/{uuid4()}"
        captured = {"email": f"{SECRET}@example.org", "industry": OPEN, "attributes": {SECRET: NUMBER}}
        post("/v1/prospects", 201, id=person[-36:], name=f"{SECRET} name", **captured)
        post(f"{person}/signals", 200, kind="visit", strength=0.5, codes=[SECRET])
        post(f"{person}/notes", 200, text=f"{SECRET} note")
        told_anew = {"name": f"{SECRET} new", "email": f"{SECRET}.new@example.org", "attributes": {SECRET: NUMBER}}
        post(f"{person}/rectification", 200, reason=f"{SECRET} married", **told_anew)
        post(f"{person}/lose", 200, reason=f"{SECRET} too dear")
        # Somebody whom a model goes on knowing: whose outcome it waits for.
        waiting = {"name": f"{SECRET} other", "email": f"{SECRET}.other@example.org", "industry": OPEN}
        post("/v1/prospects", 201, attributes={SECRET: NUMBER}, **waiting)
        erasure = f"/v1/privacy/erasures/{person[-36:]}"
        post(erasure, 200, basis="objection", reference=f"{OPEN} ticket", reason=f"{SECRET} asked for it")
        # What is refused goes into the trail, and what is looked for by a reader into the journal.
        assert client.post(f"{person}/notes", json={"text": SECRET, "more": SECRET}).status_code == 422
        assert client.get(f"/v1/prospects/{SECRET}").status_code in (404, 422)
        post("/v1/prospects/find", 200, email=f"{SECRET}@example.org")
        post("/v1/audit/find", 200, reason=f"{SECRET} reason", agent=f"{SECRET} agent")
        post("/v1/audit/find", 200, q=SECRET)
        post("/v1/searches", 201, name=OPEN, filter={"q": SECRET, "session": SECRET})
        sought = {"about": SECRET, "because": SECRET, "session": SECRET}
        assert client.post("/v1/audit/export/find", json={"type": OPEN, **sought}).status_code == 200
        assert client.get(f"/v1/audit/export?type={OPEN}&q={SECRET}").status_code == 200
        client.get(f"/v1/prospects?industry={OPEN}")
        client.get("/v1/prospects", headers={"Authorization": f"Bearer everlog_{SECRET}"})
    return position


@pytest.fixture(scope="module")
def planted(house, ask):
    """The tenant, once all of it is in the log, in the views and in JetStream, and on the disk."""
    made = ask("tenants", "create", f"{OPEN} Ltd")
    position = plant(house.url, made["key"])
    ask("audit", made["tenant"], "--type", OPEN, "--q", SECRET)
    key = {"Authorization": f"Bearer {made['key']}", "Everlog-Min-Position": position}
    assert httpx2.get(f"{house.url}/v1/prospects", headers=key, timeout=60).json()["items"]
    with psycopg.connect(superuser(house.home), autocommit=True) as connection:
        connection.execute("checkpoint")
    return UUID(made["tenant"])


def events(house, tenant):
    """The tenant's log, as whoever has the keys reads it; with the personal fields of each event, by path."""
    with bootstrap.product(house.settings) as product:
        log = product.logs.of(tenant)
        for event in log.read(0, 1000):
            opened = log.open(event)
            for holder, clear in ((event.fact, opened.fact), (event.meta, opened.meta)):
                for name in holder.__struct_fields__:
                    value = getattr(holder, name)
                    if isinstance(value, Sealed):
                        yield value.binding.partition("#")[2], repr(getattr(clear, name))


def test_every_personal_field_that_the_api_takes_was_planted(house, planted):
    """Reads come into the log a moment later, from the journal."""
    fields = {field.path for shape in CODEC.shapes.values() for field in shape.personal} | {PATH}

    def told():
        return {path for path, value in events(house, planted) if SECRET in value}

    until(lambda: told() >= fields - COMPUTED)


def left(house, tenant):
    """What a worker left of the model, as whoever has the keys reads it, once it holds what was planted; compressed."""
    with bootstrap.product(house.settings, worker=True) as product:
        fresh = bootstrap.learner()
        keeping = kept(product, tenant).begin(fresh.name, fresh.build)

        def told():
            latest = keeping.left()
            return latest.dumped if latest and SECRET.encode() in zlib.decompress(latest.dumped) else b""

        return until(told)


def inflated(raw):
    """Whatever in it looks compressed, as it was before."""
    told = b""
    for begin in re.finditer(re.escape(zlib.compress(b"", zlib.Z_BEST_SPEED)[:2]), raw):
        with suppress(zlib.error):
            told += zlib.decompressobj().decompress(raw[begin.start() :])
    return told


def test_a_dump_of_the_database_shows_nothing_personal(house, planted):
    """Where what models keep, words and tokens of those persons stand in it."""
    model = left(house, planted)
    dump = dumped(superuser(house.home).removesuffix("postgres") + "everlog")
    assert all(made_of(dump.decode(), planted).values())
    assert found(dump, NEEDLES) == set()
    assert {"plain", "hex"} & found(dump, variants(OPEN))
    # A word that is compressed is no needle.
    notes = [bytes.fromhex(body[3:]) for (body,) in rows(dump.decode(), "model_notes", planted, ("body",))]
    assert not [each for each in notes if SECRET.encode() in inflated(each)]
    assert SECRET.encode() in inflated(b"\0" + model), "the control"


def test_nothing_that_the_product_leaves_on_disk_shows_anything_personal(house, planted):
    """Tables, write-ahead log, JetStream's store, the journal, the key folder, and the logs of every process."""
    paths = [*files(house.home, Path(known(house.home).home)), house.log]
    assert search(paths, NEEDLES) == {}
    told = [str(path) for path in search(paths, variants(OPEN))]
    for part in ("pg_wal", "/base/", "jetstream"):
        assert any(part in path for path in told), f"{part} was looked at"
