"""A key service that is away or refuses us fails whom it serves, with a code that says so, and nobody else."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from msgspec.structs import replace

from adapters.keyring import BACK, Custody, Services
from adapters.kms import named
from adapters.postgres.database import Database
from adapters.proofs.looks import Looks
from adapters.proofs.sealer import Sealer
from api.checking import Look
from api.http import TROUBLES
from tenants.keys import OWN
from tests.adapters.kms.transit import Transit, certified, serving
from tests.api.looks import Checking, worker
from tests.waiting import until


@pytest.fixture
def transit():
    return Transit()


@pytest.fixture
def vaulted(world, transit, tmp_path, monkeypatch):
    """A tenant whose keys lie under a Vault, among others whose keys do not."""
    certificate, private = certified(tmp_path)
    (tmp_path / "token").write_text(transit.token)
    monkeypatch.setattr(world.edge, "_troubles", TROUBLES)
    with serving(transit, certificate, private) as url:
        with monkeypatch.context() as patch:
            vault = named(f"vault:{url}?token={tmp_path}/token&ca={certificate}", tmp_path)
            patch.setattr(world.logs.rings, "services", Services(vault))
            tenant = world.tenant(kept=False)
        yield tenant


def capture(world, tenant):
    """What is answered to a new prospect where no key is at hand."""
    world.logs.rings.forget()
    headers = {"Authorization": f"Bearer {tenant.keys['Admin']}"}
    body = {"name": "Ada", "email": f"{uuid4().hex}@example.org"}
    return world.client.post("/v1/prospects", json=body, headers=headers)


@pytest.mark.parametrize("trouble", ["sealed", "revoked"])
def test_without_its_key_service_a_tenant_is_told_so_and_the_others_go_on(world, acme, vaulted, transit, trouble):
    assert capture(world, vaulted).status_code == 201
    if trouble == "sealed":
        transit.states = [503] * 1000
    else:
        transit.token = "another"
    answer = capture(world, vaulted)
    assert (answer.status_code, answer.json()["code"]) == (503, "keys.away")
    assert int(answer.headers["Retry-After"]) > 0
    assert capture(world, acme).status_code == 201
    transit.states, transit.token = [], "first"
    assert capture(world, vaulted).status_code == 201


@pytest.fixture
def owning(world, transit, tmp_path, monkeypatch):
    """A tenant that brings a Vault of its own, once it has written something."""
    certificate, private = certified(tmp_path)
    (tmp_path / "token").write_text(transit.token)
    monkeypatch.setattr(world.edge, "_troubles", TROUBLES)
    installation = world.logs.rings.services.at(uuid4(), "any")[0]
    services = Services(installation, world.secrets["keys"], lambda setting: named(setting, tmp_path, 2.0))
    monkeypatch.setattr("tenants.keys.OWN", replace(OWN, renew=0.2, dead=1.0))
    with serving(transit, certificate, private) as url, monkeypatch.context() as patch:
        patch.setattr(world.logs.rings, "services", services)
        tenant = world.tenant()
        assert capture(world, tenant).status_code == 201
        with Database(world.keeper.url) as worker:
            custody = Custody(worker, services, world.logs.rings.of(tenant.id))
            setting = f"vault:{url}?token={tmp_path}/token&ca={certificate}"
            assert custody.bring(setting) == 3
            yield tenant
            transit.token = "first"
            world.logs.rings.forget()
            assert custody.bring(BACK) == 3


def asked(world, tenant, path):
    answer = world.ask("GET", path, tenant.keys["Admin"])
    return answer.status_code, answer.json().get("code", "")


PATHS = ("/v1/prospects", "/v1/funnel", "/v1/audit", "/v1/predictions")


def test_who_owns_the_key_closes_the_organisation_and_opens_it_again(world, acme, owning, transit):
    assert sorted(name.split(".")[1] for name in transit.keys) == ["requests", "subjects", "tokens"]
    assert {asked(world, owning, path) for path in PATHS} == {(200, "")}
    transit.token = "another"
    until(lambda: asked(world, owning, PATHS[0]) == (403, "keys.revoked"))
    # Also what is in the clear, and what would be written.
    assert {asked(world, owning, path) for path in PATHS} == {(403, "keys.revoked")}
    headers = {"Authorization": f"Bearer {owning.keys['Admin']}"}
    body = {"name": "Ada", "email": f"{uuid4().hex}@example.org"}
    assert world.client.post("/v1/prospects", json=body, headers=headers).json()["code"] == "keys.revoked"
    assert {asked(world, acme, path) for path in PATHS} == {(200, "")}
    transit.token = "first"
    until(lambda: asked(world, owning, PATHS[0]) == (200, ""))
    assert {asked(world, owning, path) for path in PATHS} == {(200, "")}


def test_a_key_service_that_stays_away_closes_it_too(world, acme, owning, transit):
    assert asked(world, owning, PATHS[0]) == (200, "")
    transit.states = [503] * 10_000
    until(lambda: asked(world, owning, PATHS[0]) == (503, "keys.away"))
    assert {asked(world, acme, path) for path in PATHS} == {(200, "")}
    transit.states = []
    until(lambda: asked(world, owning, PATHS[0]) == (200, ""))


def test_who_closed_an_organisation_raises_no_alarm_and_its_record_is_looked_at_once_it_is_open(
    world, owning, transit, migrated, tmp_path
):
    sealer = Sealer(owning.id, world.keeper, world.signer)
    while sealer.seal():
        pass
    looks = Looks(tmp_path)
    checking = Checking(world, Look(worker(world, migrated, tmp_path)), owning, looks=looks)
    transit.token, began = "another", datetime.now(UTC)
    looked, lines = checking.advance()
    # A line of that level may be left out, whatever was set before.
    assert (looked, {name for name, *_ in lines} - {"proofs.withheld"}) == (0, set())
    assert checking.told("failed_tenants") == 0
    # It is tried again soon, and late only where nobody tries.
    tried = looks.last(owning.id)
    assert tried is not None
    assert (tried.withheld, tried.sound, tried.at > began) == (True, None, True)
    transit.token = "first"
    assert until(checking.advance) == (1, [])
