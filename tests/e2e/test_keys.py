"""What operators do with keys from the command line, while the product runs."""

from uuid import uuid4

import httpx2
import msgspec
import pytest

from tests.adapters.kms.transit import Transit, certified, serving
from tests.served import answered
from tests.waiting import until


@pytest.fixture
def own(ask):
    """An organisation of this test's own: its identifier, and a client with an Admin's key."""
    made = ask("tenants", "create", "Keyed")
    return made["tenant"], {"Authorization": f"Bearer {made['key']}"}


@pytest.fixture
def vault(tmp_path):
    """Another key service, and the setting that names it."""
    transit = Transit()
    certificate, private = certified(tmp_path)
    (tmp_path / "token").write_text(transit.token)
    with serving(transit, certificate, private) as url:
        yield transit, f"vault:{url}?token={tmp_path}/token&ca={certificate}"


def captured(house, headers):
    body = {"name": "Ada", "email": f"{uuid4().hex}@example.org"}
    answer = httpx2.post(f"{house.url}/v1/prospects", json=body, headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.headers["Everlog-Position"]


def names(house, headers, position):
    answer = httpx2.get(f"{house.url}/v1/prospects", headers=headers | {"Everlog-Min-Position": position}, timeout=60)
    assert answer.status_code == 200, answer.text
    return {each["name"] for each in answer.json()["items"]}


def told(house, headers, type):
    query = {"type": type}
    answer = httpx2.get(f"{house.url}/v1/audit", params=query, headers=headers, timeout=60).json()
    return [each["type"] for each in answer.get("items", [])]


def test_an_organisation_rotates_its_keys_while_it_works(house, ask, own):
    tenant, headers = own
    captured(house, headers)
    first = ask("keys", "rotate", tenant)
    assert first["subjects"] >= 1
    assert ask("keys", "rotate", tenant)["epoch"] == first["epoch"] + 1
    assert names(house, headers, captured(house, headers)) == {"Ada"}
    until(lambda: told(house, headers, "keys.rotated") == ["keys.rotated"] * 2)


def test_an_organisation_goes_to_its_own_key_service_and_comes_back(house, ask, own, vault):
    tenant, headers = own
    transit, setting = vault
    position = captured(house, headers)
    moved = ask("keys", "move", tenant, setting)
    assert (moved["keys"], moved["service"]) == (3, setting.partition("?")[0])
    assert len(transit.keys) == 3
    assert names(house, headers, position) == {"Ada"}
    until(lambda: told(house, headers, "keys.moved") == ["keys.moved"])
    assert ask("keys", "move", tenant, "installation")["keys"] == 3
    assert names(house, headers, captured(house, headers)) == {"Ada"}


def test_a_setting_that_names_no_service_is_a_plain_message(run, own):
    tenant, _ = own
    for words in (["move", tenant, "ftp:x"], ["carry", "ftp:x"]):
        done = run("keys", *words)
        assert done.returncode == 1
        assert done.stderr.startswith("everlog: EVERLOG_KMS is file:FOLDER")


@pytest.mark.long
def test_an_installation_is_carried_to_another_key_service(tmp_path_factory, vault):
    from tests.served import served

    transit, setting = vault
    with served(tmp_path_factory.mktemp("carried") / "home") as product:
        made = answered(["tenants", "create", "Carried"], product.environment)
        headers = {"Authorization": f"Bearer {made['key']}"}
        captured(product, headers)
        done = answered(["keys", "carry", setting], product.environment)
        assert min(done["keys"].values()) >= 3
        assert sum(done["keys"].values()) == len(transit.keys)
        # What runs goes on with what it has at hand.
        assert names(product, headers, captured(product, headers)) == {"Ada"}
        product.stop()
        product.environment["EVERLOG_KMS"] = setting
        product.start()
        assert names(product, headers, captured(product, headers)) == {"Ada"}
        assert answered(["keys", "carry", setting], product.environment)["keys"].keys() == done["keys"].keys()
        assert msgspec.json.encode(done)
