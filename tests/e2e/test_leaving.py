"""An organisation that has moved is forgotten where it was: nothing of it opens there again, also not from a backup."""

import shutil
import subprocess
import sys
from uuid import UUID, uuid4

import httpx2
import pytest

from adapters.keyring import Rings
from adapters.kms import FileKMS
from adapters.postgres.database import Database
from api import bootstrap
from domain.audit import Operated
from domain.kernel import Erased
from tenants.context import SYSTEM
from tests.adapters.supervising import ROOT
from tests.served import answered, everlog, served
from tests.waiting import until

VERIFIER = ROOT / "clients" / "verifier" / "everlog_verify.py"
PEOPLE = 3


class Site:
    """One installation."""

    def __init__(self, product):
        self.product = product
        self.identity = self.ask("tenants", "identity")["identity"]

    def run(self, *words):
        return everlog([str(each) for each in words], self.product.environment)

    def ask(self, *words):
        return answered([str(each) for each in words], self.product.environment)

    def get(self, key, path="/v1/prospects", **more):
        return httpx2.get(f"{self.product.url}{path}", headers={"Authorization": f"Bearer {key}"}, timeout=60, **more)

    def names(self, key):
        answer = self.get(key)
        assert answer.status_code == 200, answer.text
        return {each["name"] for each in answer.json()["items"]}

    def capture(self, key, name):
        body = {"name": name, "email": f"{uuid4().hex}@example.org"}
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx2.post(f"{self.product.url}/v1/prospects", json=body, headers=headers, timeout=60)
        assert answer.status_code == 201, answer.text
        until(lambda: name in self.names(key))

    def opens(self, tenant, keys=None):
        """How many persons' keys open for who has the database and the key folder, and heeds nothing that is noted."""
        settings = self.product.settings
        with Database(settings.worker) as database:
            sql = "select subject from everlog.subject_keys where tenant_id = %s"
            subjects = [row[0] for row in database.query(tenant, sql, [tenant])]
            found = Rings(database, FileKMS(keys or settings.keys)).of(tenant).fetch(subjects)
            return sum(not isinstance(each, Erased) for each in found.values())

    def jobs(self, tenant):
        """What workers do for the organisation."""
        with Database(self.product.settings.worker) as database:
            sql = "select job from everlog.leases where tenant_id = %s and leased = %s"
            return {job for (job,) in database.query(SYSTEM, sql, [SYSTEM, tenant])}

    def troubles(self, tenant):
        """What it has logged about the organisation that is not as it should be."""
        lines = self.product.told().splitlines()
        return [line for line in lines if f"{tenant}" in line and '"level":"info"' not in line]


@pytest.fixture
def sites(tmp_path):
    with served(tmp_path / "here") as here, served(tmp_path / "there") as there:
        yield Site(here), Site(there)


def moved(here, there, folder):
    """An organisation, its key, and what it was before it left; it has arrived there."""
    made = here.ask("tenants", "create", "Moving")
    for number in range(PEOPLE):
        here.capture(made["key"], f"Person {number}")
    here.ask("backup", folder / "backups")
    until(lambda: here.get(made["key"], "/v1/proofs/bundle").status_code == 200)
    (folder / "bundle").write_bytes(here.get(made["key"], "/v1/proofs/bundle").content)
    first, second, to = folder / "first", folder / "second", ("--to", there.identity)
    done = here.ask("tenants", "export", made["tenant"], *to, "-o", first)
    here.ask("tenants", "export", made["tenant"], *to, "-o", second, "--after", done["upto"], "--leave")
    for parcel in (first, second):
        there.ask("tenants", "import", parcel, "--from", here.identity)
    return UUID(made["tenant"]), made["key"]


def received(there, tenant, path):
    until(lambda: there.run("tenants", "receipt", tenant, "-o", path).returncode == 0, 60)
    return path


def refused(site, words, why):
    done = site.run(*words)
    assert done.returncode == 1, done.stdout
    assert why in done.stderr, done.stderr


def verified(bundle):
    """Whether a stranger, who has this file and nothing else, finds it sound."""
    ended = subprocess.run([sys.executable, "-I", VERIFIER, bundle], check=False, stdout=subprocess.DEVNULL)
    return ended.returncode == 0


def told(here):
    """What the installation's own trail says of it."""
    settings = here.product.settings
    with bootstrap.product(settings) as product:
        known = product.logs.of(SYSTEM).read(0, 100_000)
    facts = [each.fact for each in known if isinstance(each.fact, Operated) and each.fact.command == "tenants forget"]
    return [dict(each.given) for each in facts]


@pytest.mark.long
def test_who_has_left_is_forgotten_and_no_backup_brings_them_back(sites, tmp_path):
    here, there = sites
    other = here.ask("tenants", "create", "Staying")
    here.capture(other["key"], "Neighbour")
    tenant, key = moved(here, there, tmp_path)
    assert (len(here.names(key)), here.opens(tenant) >= PEOPLE) == (PEOPLE, True), "the control: it opens until then"
    receipt = received(there, tenant, tmp_path / "receipt")
    assert verified(tmp_path / "bundle")
    assert {"views", "seal", "deliver"} <= here.jobs(tenant), "the control"
    copy = shutil.copytree(here.product.settings.keys, tmp_path / "keys")
    unproven(here, there, tenant, other, tmp_path)
    done = here.ask("tenants", "forget", tenant, receipt)
    assert (len(done["destroyed"]), done["withheld"]) == (3, [])
    closed(here, tenant, key)
    [noted] = told(here)
    assert (noted["tenant"], noted["size"], noted["root"], noted["keys"]) == (
        str(tenant),
        str(done["size"]),
        done["root"],
        "3",
    )
    again(here, tenant, receipt, copy)
    assert len(told(here)) == 2, "one for each run that had something to do"
    here.product.stop()
    here.ask("restore", tmp_path / "backups", "--replace")
    here.product.start()
    closed(here, tenant, key)
    assert here.opens(tenant, copy) >= PEOPLE, "the control: a copy of the key folder would, so it is to be deleted"
    assert verified(tmp_path / "bundle")
    assert here.names(other["key"]) == {"Neighbour"}
    here.capture(other["key"], "Another")
    there.capture(key, "New")
    assert len(there.names(key)) == PEOPLE + 1
    assert here.troubles(tenant) == []


def unproven(here, there, tenant, other, folder):
    """Nobody is forgotten who has not left, and nobody without proof, or with another's."""
    true, lie = folder / "receipt", folder / "lie"
    refused(here, ("tenants", "forget", other["tenant"], true), "has not left")
    refused(here, ("tenants", "forget", tenant, folder / "nothing"), "There is no file")
    lie.write_bytes(here.get(other["key"], "/v1/proofs/checkpoint").content)
    refused(here, ("tenants", "forget", tenant, lie), "no receipt")
    lie.write_bytes(true.read_bytes().replace(b'"signature":"', b'"signature":"A'))
    refused(here, ("tenants", "forget", tenant, lie), "receipt")
    refused(there, ("tenants", "receipt", other["tenant"], "-o", folder / "none"), "no organisation")
    assert here.opens(tenant) >= PEOPLE


def closed(here, tenant, key):
    gone = here.get(key)
    assert (gone.status_code, gone.json()["code"]) == (410, "tenancy.left")
    assert here.opens(tenant) == 0
    until(lambda: here.jobs(tenant) == set(), 60)


def again(here, tenant, receipt, copy):
    """Done again it changes nothing; where it was cut short, so that a key lives still, it is finished."""
    assert here.ask("tenants", "forget", tenant, receipt)["destroyed"] == []
    left, keys = f"{tenant}.tokens.1", here.product.settings.keys
    shutil.copy(copy / left, keys / left)
    (keys / f"{left}.destroyed").unlink()
    assert here.ask("tenants", "forget", tenant, receipt)["destroyed"] == [left]
    refused(here, ("tenants", "reopen", tenant), "was forgotten")
