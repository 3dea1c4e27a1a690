"""Whoever asks for an organisation that was forgotten here is told that it has left; nobody else notices."""

import logging
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from adapters.erasures import Erasures
from adapters.journal import aside
from adapters.journal.drain import carry
from adapters.journal.segment import Segment
from adapters.keyring import Services
from adapters.ledger import Forgotten, Ledger
from api.http import TROUBLES
from application.ports import Closed
from domain.api_keys import write
from domain.audit import Denial
from tenants.context import SYSTEM
from tests.api.journal.story import captured, reads, sealed, seen
from tests.waiting import until

PATHS = ("/v1/prospects", "/v1/funnel", "/v1/audit", "/v1/predictions", "/v1/keys", "/v1/proofs/checkpoint")
CLOSE = "update everlog.heads set closed = 'left' where tenant_id = %s"
REOPEN = "update everlog.heads set closed = null where tenant_id = %s"


@pytest.fixture
def leaving(world, tmp_path, monkeypatch):
    """A tenant that has left, and what has it forgotten."""
    monkeypatch.setattr(world.edge, "_troubles", TROUBLES)
    services = Services(world.logs.rings.services.at(uuid4(), "any")[0], tmp_path)
    monkeypatch.setattr(world.logs.rings, "services", services)
    tenant = world.tenant()
    captured(world, tenant)
    assert until(lambda: asked(world, tenant, PATHS[0]) == (200, ""))
    world.database.query(tenant.id, CLOSE, [tenant.id])

    def forget():
        gone = Forgotten(tenant.id, datetime.now(UTC), "there", f"everlog/{tenant.id}", 1, "")
        Erasures(world.database, Ledger(tmp_path), world).leave(gone)

    yield tenant, forget
    # Other tests wait for the same journal, and for whoever keeps the views.
    world.tenants.remove(tenant)
    Ledger(tmp_path).path.unlink(missing_ok=True)
    world.database.query(tenant.id, REOPEN, [tenant.id])


def asked(world, tenant, path, method="GET", **more):
    answer = world.ask(method, path, tenant.keys["Admin"], **more)
    return answer.status_code, answer.json().get("code", "")


def test_it_is_told_so_whatever_it_asks(world, acme, leaving):
    tenant, forget = leaving
    body = {"name": "Ada", "email": f"{uuid4().hex}@example.org"}
    assert asked(world, tenant, PATHS[0]) == (200, ""), "the control: until then it is only closed"
    assert asked(world, tenant, "/v1/prospects", "POST", json=body) == (503, "tenancy.closed")
    assert world.logs.rings.of(tenant.id).keys.at_hand
    forget()
    assert not world.logs.rings.of(tenant.id).keys.at_hand
    assert {asked(world, tenant, path) for path in PATHS} == {(410, "tenancy.left")}
    assert asked(world, tenant, "/v1/prospects", "POST", json=body) == (410, "tenancy.left")
    assert asked(world, acme, PATHS[0]) == (200, "")


def test_a_wrong_key_of_it_is_noted_by_the_installation_and_is_no_error(world, leaving, caplog):
    tenant, forget = leaving
    wrong = write(tenant.id, tenant.ids["Admin"], bytes(32))
    forget()
    with caplog.at_level(logging.ERROR):
        answer = world.ask("GET", PATHS[0], wrong)
    assert (answer.status_code, answer.json()["code"]) == (401, "auth.invalid")
    known = world.logs.of(SYSTEM).read(0, 100_000)
    noted = [each.fact.resource for each in known if isinstance(each.fact, Denial)]
    assert f"api_keys/{tenant.ids['Admin']}" in noted
    assert [each for each in caplog.records if each.name == "application.entry"] == []


def test_what_was_read_of_it_waits_for_nobody(world, leaving, tmp_path):
    """Its reads can be recorded nowhere; those of others in the same file are."""
    tenant, forget = leaving
    other, folder = world.tenant(kept=False), tmp_path / "journal"
    folder.mkdir()
    frames = [sealed(world, seen(world, each, each.ids["Admin"], UUID(int=5))) for each in (tenant, other)]
    segment = Segment.create(folder)
    segment.write(frames)
    with pytest.raises(Closed):
        carry(segment, world.logs)
    assert segment.path.exists(), "the control: while it may be reopened its reads wait"
    segment.close()
    forget()
    again = Segment.abandoned(segment.path)
    assert again
    carry(again, world.logs)
    assert not list(folder.iterdir())
    assert len(reads(world, other)) == 1


def test_files_that_were_set_aside_for_it_are_found_and_no_others(world, leaving, tmp_path):
    tenant, _ = leaving
    other, third, folder = world.tenant(kept=False), world.tenant(kept=False), tmp_path / "journal"
    folder.mkdir()
    files = []
    for whose in ((tenant, other), (tenant, third), (third,), (tenant,)):
        segment = Segment.create(folder)
        segment.write([sealed(world, seen(world, each, each.ids["Admin"], UUID(int=5))) for each in whose])
        segment.set_aside("left")
        files.append(segment.path.with_suffix(".left"))
    found = aside.remains(folder, tenant.id, lambda each: each == third.id)
    assert {each.path for each in found} == {files[0], files[3]}
    for each in found:
        each.drop()
    assert sorted(folder.iterdir()) == sorted(files[1:3])
    assert until(lambda: aside.remains(folder, third.id, lambda _: False))
