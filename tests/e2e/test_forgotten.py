"""Canaries: people planted everywhere that the product puts a person, erased, and found again nowhere.

Afterwards nothing of them is in a dump, in no file of either server, no log and no file of the product; nobody who has
all the keys can open it; nor can who kept a backup, once the epoch that their keys lay under is over. Whoever was not
erased is untouched, and what was proven stays proven. The controls: a word that nobody hides is found by the same
search, the neighbours are opened by the same keys, and the backup opens before the epoch is over.
"""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from adapters.kept import WHOLE
from adapters.keyring import Cache, Keys, Ring
from adapters.kms import named
from api import bootstrap
from domain.kernel import Erased
from tenants.keys import Misplaced
from tests.adapters.nats.stored import stored
from tests.adapters.supervising import ROOT
from tests.canary import dumped, files, found, made_of, rows, search, variants
from tests.faults.disk.plant import superuser
from tests.served import command
from tests.waiting import until

VERIFIER = ROOT / "clients" / "verifier" / "everlog_verify.py"
NEIGHBOURS = 2


class Client:
    """One key's requests; `position` is where the last command of this one stands."""

    def __init__(self, url, key):
        self.http = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120)
        self.position = ""

    def ask(self, method, path, **named):
        return self.http.request(method, path, **named)


class Flock:
    """Some people of one organisation who are to be erased, one who is held, and their neighbours."""

    def __init__(self, house, ask, many):
        self.house, self.ask = house, ask
        mark = uuid4().hex[:12]
        self.mark, self.open = f"kanari{mark}", f"openly{mark}"
        made = ask("tenants", "create", "Canaries")
        self.tenant = UUID(made["tenant"])
        self.client = Client(house.url, made["key"])
        second = ask("api-keys", "create", str(self.tenant), "--role", "Admin", "--name", "second")
        self.second = Client(house.url, second["key"])
        self.gone = [self.plant(f"gone{number}") for number in range(many)]
        self.held = self.plant("held")
        self.left = [self.plant(f"left{number}") for number in range(NEIGHBOURS)]

    def word(self, name):
        return f"{self.mark}.{name}."

    def plant(self, name):
        """Somebody in each place that takes what is about a person; their identifier."""
        word, client = self.word(name), self.client
        person = {"name": f"{word}name", "email": f"{word}@example.org", "attributes": {f"{word}size": 7.0}}
        done = client.ask("POST", "/v1/prospects", json={**person, "industry": f"{self.open} industry"})
        id = done.json()["id"]
        one = f"/v1/prospects/{id}"
        for path, body in (
            (f"{one}/notes", {"text": f"{word}note"}),
            (f"{one}/signals", {"kind": "codes", "strength": 1.0, "codes": [f"{word}code"]}),
            (f"{one}/rectification", {"name": f"{word}renamed", "reason": f"{word}reason"}),
            (f"{one}/lose", {"reason": f"{word}lost"}),
        ):
            self.sent(client, path, body)
        # Refused, read, found and handed out: each leaves something of its own behind.
        client.ask("POST", "/v1/prospects", json={**person, "id": str(uuid4())})
        client.ask("POST", "/v1/prospects/find", json={"email": person["email"]})
        assert f"{word}renamed" in client.ask("GET", one, headers={"Everlog-Min-Position": client.position}).text
        assert f"{word}note" in client.ask("GET", f"/v1/privacy/subjects/{id}/export?format=html").text
        return id

    def sent(self, client, path, body):
        done = client.ask("POST", path, json=body)
        assert done.is_success, done.text
        client.position = done.headers["Everlog-Position"]
        return done

    def erase(self):
        for number, id in enumerate(self.gone):
            path, reason = f"/v1/privacy/erasures/{id}", self.word(f"gone{number}")
            self.sent(self.client, path, {"basis": "objection", "reason": f"{reason}why"})
            self.sent(self.second, f"{path}/approval", {})
        hold = f"/v1/privacy/holds/{self.held}"
        self.sent(self.client, hold, {"matter": "suit"})
        self.sent(self.second, f"{hold}/placement", {"matter": "suit"})
        refused = self.client.ask("POST", f"/v1/privacy/erasures/{self.held}", json={"basis": "objection"})
        assert refused.json()["code"] == "privacy.held"
        until(lambda: all(self.erased(id) for id in self.gone), 900)

    def erased(self, id):
        return self.client.ask("GET", f"/v1/privacy/erasures/{id}").json()["stage"] == "erased"

    def opened(self, product):
        """Everything in the log and in the rows of people, opened by whoever has all the keys."""
        log, position, told = product.logs.of(self.tenant), 0, []
        while batch := log.read(position):
            told.append(repr(log.open(batch)))
            position = batch[-1].position
        told += [self.client.ask("GET", f"/v1/prospects/{id}").text for id in (*self.gone, self.held, *self.left)]
        return "".join(told)

    def proof(self, id, folder):
        """That somebody's first event is in the log, as it could be proven before."""
        asked = f"/v1/audit?type=prospects.captured&resource={id}"
        position = until(lambda: self.client.ask("GET", asked).json()["items"])[0]["position"]
        answer = until(
            lambda: (a := self.client.ask("GET", f"/v1/proofs/inclusion?position={position}")).is_success and a
        )
        (folder / f"{id}.json").write_text(answer.text)
        return folder / f"{id}.json"


def raw(text):
    return None if text == r"\N" else bytes.fromhex(text.removeprefix(r"\\x"))


class Backup:
    """What a dump has of an organisation's keys. It may be long, so it is looked through once."""

    def __init__(self, dump, settings, tenant):
        self.tenant = tenant
        self.kms = named(settings.kms, settings.keys)
        self.tenant_keys = [
            (purpose, int(epoch), kms_key, raw(wrapped), 0.0)
            for purpose, epoch, kms_key, wrapped in rows(
                dump, "tenant_keys", tenant, ("purpose", "epoch", "kms_key", "wrapped")
            )
        ]
        self.held = {
            UUID(each): (UUID(each), int(epoch), raw(wrapped))
            for each, epoch, wrapped in rows(dump, "subject_keys", tenant, ("subject", "epoch", "wrapped"))
        }

    def query(self, _, sql, params):
        if "tenant_keys" not in sql:
            return [self.held[each] for each in params[1]]
        rows = self.tenant_keys
        return rows if "created_at" in sql else [row[2:4] for row in rows if row[:2] == tuple(params[1:])]

    def opens(self, subject):
        """Whether somebody's key comes out of it, by all that the key service has."""
        assert self.held[UUID(subject)][2], "the backup is of before the erasure"
        put_back: Any = SimpleNamespace(query=self.query)
        keys = Keys(self.tenant, put_back, self.kms)
        try:
            return not isinstance(Ring(keys, put_back, Cache()).fetch([UUID(subject)])[UUID(subject)], Erased)
        except Misplaced:
            return False


def store(house):
    """The folder that has the data of both servers."""
    words = command(house.children()["postgres"])
    return Path(words[words.index("-D") + 1]).parent


def forgotten(house, ask, many, folder):
    """Plant, erase and look everywhere."""
    flock = Flock(house, ask, many)
    other = Flock(house, ask, 0)
    proofs = [flock.proof(id, folder) for id in (flock.gone[0], flock.left[0])]
    url = superuser(house.home).removesuffix("postgres") + "everlog"
    dump = standing(flock, url)
    assert {id for id, _ in made_of(dump, flock.tenant)["tokens"]} >= {*flock.gone, *flock.left}
    assert {id for (id,) in made_of(dump, flock.tenant)["words"]} >= {*flock.gone, *flock.left}
    backup = Backup(dump, house.settings, flock.tenant)
    with bootstrap.product(house.settings, worker=True) as product:
        before = flock.opened(product)
        assert all(flock.word(f"gone{number}") in before for number in range(many))
        flock.erase()
        looked_through(house, flock, url)
        product.logs.rings.of(flock.tenant).forget([UUID(id) for id in flock.gone])
        after = flock.opened(product)
        assert [number for number in range(many) if flock.word(f"gone{number}") in after] == []
        for name in ("held", "left0", "left1"):
            assert after.count(flock.word(name)) >= before.count(flock.word(name)) > 5, "others are as they were"
        assert other.word("left0") in other.opened(product)
        assert [each for each in flock.gone if backup.opens(each)] == flock.gone
        custody = product.logs.rings.custody(flock.tenant)
        custody.rotate(early=True)
        assert custody.expire(0, 0), "the epoch of the backup is over"
        assert [each for each in flock.gone if backup.opens(each)] == []
        assert flock.word("left0") in flock.opened(product), "who lives was taken along into the next"
    for each in proofs:
        assert (
            subprocess.run([sys.executable, "-I", VERIFIER, each], check=False, stdout=subprocess.DEVNULL).returncode
            == 0
        )
    messages = stored(house.settings.nats, flock.tenant)
    about = {each.stream for each in messages if each.stream.startswith("prospects/")}
    assert {f"prospects/{id}" for id in flock.left} <= about
    assert about.isdisjoint(f"prospects/{id}" for id in flock.gone)


def standing(flock, url):
    """A dump in which what a model keeps, words and tokens stand: else there would be nothing to find."""
    told = "select 1 from everlog.model_notes where tenant_id = %s and kind = %s and position >= %s"
    position = flock.client.position
    assert flock.client.ask("GET", "/v1/audit", headers={"Everlog-Min-Position": position}).is_success
    with psycopg.connect(url, autocommit=True) as connection:
        until(lambda: connection.execute(told, [flock.tenant, WHOLE, int(position.partition(":")[2])]).fetchall())
    dump = dumped(url).decode(errors="replace")
    assert all(made_of(dump, flock.tenant).values())
    return dump


def looked_through(house, flock, url):
    """Nothing of anybody stands open anywhere, and what was never hidden is found in the same places."""
    needles, never_hidden = variants(flock.mark), variants(flock.open)
    dump = standing(flock, url)
    assert found(dump.encode(), needles) == set()
    assert {"plain", "hex"} & found(dump.encode(), never_hidden)
    for people in ("tokens", "words"):
        left = {each[0] for each in made_of(dump, flock.tenant)[people]}
        assert left >= set(flock.left), people
        assert left.isdisjoint(flock.gone), people
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("checkpoint")
    paths = files(store(house), house.home, house.log.parent)
    assert search(paths, needles) == {}
    told = [str(path) for path in search(paths, never_hidden)]
    for place in ("pg_wal", "/base/", "jetstream"):
        assert any(place in path for path in told), f"{place} was looked at"
    assert house.log in paths


def test_who_is_erased_is_found_nowhere(house, ask, tmp_path):
    forgotten(house, ask, 5, tmp_path)


@pytest.mark.long
def test_a_hundred_who_are_erased_are_found_nowhere(house, ask, tmp_path):
    forgotten(house, ask, 100, tmp_path)


def test_what_is_planted_in_the_open_is_found(tmp_path):
    (tmp_path / "file").write_bytes(b"\0" * 100 + b"kanari-in-the-open" + b"\0" * 100)
    assert search(files(tmp_path), variants("kanari-in-the-open")) == {tmp_path / "file": {"plain"}}
