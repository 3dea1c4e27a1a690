"""A key service that is away or refuses us fails whom it serves, with a code that says so, and nobody else."""

from uuid import uuid4

import pytest

from adapters.kms import named
from api.http import PASSING
from tests.adapters.kms.transit import Transit, certified, serving


@pytest.fixture
def transit():
    return Transit()


@pytest.fixture
def vaulted(world, transit, tmp_path, monkeypatch):
    """A tenant whose keys lie under a Vault, among others whose keys do not."""
    certificate, private = certified(tmp_path)
    (tmp_path / "token").write_text(transit.token)
    monkeypatch.setattr(world.edge, "_passing", PASSING)
    with serving(transit, certificate, private) as url:
        with monkeypatch.context() as patch:
            patch.setattr(
                world.logs.rings, "_kms", named(f"vault:{url}?token={tmp_path}/token&ca={certificate}", tmp_path)
            )
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
