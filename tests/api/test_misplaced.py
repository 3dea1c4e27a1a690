"""What was moved in the database, or whose key is gone, is not shown, and who asks is told which of the two it is."""

from uuid import uuid4

import psycopg
import pytest

from adapters.postgres.tables import table
from api.http import TROUBLES
from projections.prospects import prospects
from tests.waiting import until


@pytest.fixture
def two(world, monkeypatch):
    """An organisation of its own with two persons in its read models, and where they are asked for."""
    monkeypatch.setattr(world.edge, "_troubles", TROUBLES)
    tenant = world.tenant()
    paths = []
    for name in ("Ada", "Grace"):
        body = {"name": name, "email": f"{uuid4().hex}@example.org"}
        made = world.ask("POST", "/v1/prospects", tenant.keys["Admin"], json=body)
        paths.append(f"/v1/prospects/{made.json()['id']}")
    for path in paths:
        until(lambda path=path: ask(world, tenant, path).status_code == 200)
    return tenant, paths


def ask(world, tenant, path):
    return world.ask("GET", path, tenant.keys["Admin"])


def told(world, tenant, path):
    answer = ask(world, tenant, path)
    return answer.status_code, answer.json().get("code")


def test_a_person_s_value_in_another_s_row_is_not_shown(world, two, migrated):
    tenant, (ada, grace) = two
    name = f"everlog.{table(prospects).table.name}"
    with psycopg.connect(migrated.addresses.superuser) as attacker:
        moved = f"""update {name} one set name = other.name from {name} other
            where one.tenant_id = %s and other.tenant_id = one.tenant_id and one.id = %s and other.id = %s"""
        ids = [path.rpartition("/")[2] for path in (ada, grace)]
        assert attacker.execute(moved.encode(), [tenant.id, *ids]).rowcount == 1
    assert told(world, tenant, ada) == (500, "keys.misplaced")
    assert "Grace" not in ask(world, tenant, ada).text
    assert told(world, tenant, "/v1/prospects") == (500, "keys.misplaced")
    # The control: nobody touched the other.
    assert ask(world, tenant, grace).json()["name"] == "Grace"


def test_a_key_that_nobody_destroyed_and_is_not_there_is_no_erasure(world, two, migrated):
    tenant, (ada, _) = two
    named = "update everlog.tenant_keys set kms_key = %s || kms_key where tenant_id = %s and purpose = 'subjects'"
    with psycopg.connect(migrated.addresses.superuser) as attacker:
        assert attacker.execute(named, ["gone.", tenant.id]).rowcount == 1
    world.logs.rings.forget()
    assert told(world, tenant, ada) == (500, "keys.missing")
    with psycopg.connect(migrated.addresses.superuser) as attacker:
        attacker.execute(named.replace("%s || kms_key", "substr(kms_key, %s)"), [len("gone.") + 1, tenant.id])
    world.logs.rings.forget()
    assert ask(world, tenant, ada).json()["name"] == "Ada"
