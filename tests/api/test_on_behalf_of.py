"""For whom a client says that it asks: on record with whatever it asks, found again, and worth no permission."""

from uuid import UUID, uuid4

import pytest

from tests.api.erasures import BASIS
from tests.api.journal.story import captured, reads
from tests.waiting import until


@pytest.fixture(scope="module")
def tenant(world):
    return world.tenant()


@pytest.fixture
def for_whom():
    return f"user:{uuid4()}"


def said(user):
    return {"Everlog-On-Behalf-Of": user}


def after(done):
    return {"Everlog-Min-Position": done.headers["Everlog-Position"]}


def entries(world, tenant, user, done):
    path = f"/v1/audit?on_behalf_of={user}"
    return world.ask("GET", path, tenant.keys["Auditor"], after(done)).json()["items"]


def test_what_was_done_and_what_was_refused_is_found_by_whom_it_was_for(world, tenant, for_whom):
    body = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    done = world.ask("POST", "/v1/prospects", tenant.keys["Member"], said(for_whom), json=body)
    path = f"/v1/prospects/{done.json()['id']}/win"
    refused = world.ask("POST", path, tenant.keys["Viewer"], said(for_whom), json={"value": 1, "currency": "EUR"})
    assert refused.status_code == 403
    other = world.ask(
        "POST", path, tenant.keys["Manager"], said(f"user:{uuid4()}"), json={"value": 1, "currency": "EUR"}
    )
    found = entries(world, tenant, for_whom, other)
    viewer, member = ("key", str(tenant.ids["Viewer"]), for_whom), ("key", str(tenant.ids["Member"]), for_whom)
    assert [(each["type"], each["actor_kind"], each["actor"], each["on_behalf_of"]) for each in found] == [
        ("audit.refused", *viewer),
        ("audit.signed-in", *viewer),
        ("prospects.captured", *member),
        ("audit.signed-in", *member),
    ]


def test_each_command_of_a_bulk_is_for_whom_the_bulk_is(world, tenant, for_whom):
    capture = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    bulk = {"commands": [{"command": "prospects.capture", **capture}]}
    done = world.ask("POST", "/v1/commands", tenant.keys["Member"], said(for_whom), json=bulk)
    found = [each["type"] for each in entries(world, tenant, for_whom, done)]
    assert found == ["prospects.captured", "audit.signed-in"]


def test_a_read_is_on_record_for_whom_it_was_and_two_are_not_taken_together(world, tenant):
    id, position, _ = captured(world, tenant)
    users = [f"user:{uuid4()}", f"user:{uuid4()}"]
    for user in (*users, None):
        headers = {"Everlog-Min-Position": position, **(said(user) if user else {})}
        assert world.ask("GET", f"/v1/prospects/{id}", tenant.keys["Admin"], headers).status_code == 200

    def noted():
        found = [each.meta.on_behalf_of for each in reads(world, tenant) if id in each.meta.subjects]
        return found if len(found) == 3 else None

    assert {str(each) for each in until(noted)} == {*users, "None"}


def test_who_asks_for_an_admin_has_no_more_rights(world, tenant):
    for user in (f"user:{tenant.ids['Admin']}", f"user:{tenant.id}"):
        body = {"name": "more", "role": "Admin"}
        assert world.ask("POST", "/v1/api-keys", tenant.keys["Viewer"], said(user), json=body).status_code in {403, 404}
        stage = world.ask(
            "POST", f"/v1/prospects/{uuid4()}/stage", tenant.keys["Viewer"], said(user), json={"stage": "a"}
        )
        assert stage.json()["code"] == "access.denied"


def test_nobody_is_two_people_by_saying_so(world, tenant, for_whom):
    id, _, _ = captured(world, tenant)
    path, ada = f"/v1/privacy/erasures/{id}", tenant.keys["Admin"]
    assert world.ask("POST", path, ada, json=BASIS).status_code == 200
    for user in (for_whom, f"user:{tenant.ids['Manager']}"):
        again = world.ask("POST", f"{path}/approval", ada, said(user), json={})
        assert (again.status_code, again.json()["code"]) == (409, "privacy.four-eyes")
    # The control: somebody else is somebody else, also where they say that they act for the first.
    bob = world.key(tenant, "Admin", "Bob")
    claimed = said(f"user:{tenant.ids['Admin']}")
    assert world.ask("POST", f"{path}/approval", bob, claimed, json={}).status_code == 200


def test_nobody_finds_another_s_searches_by_saying_that_they_act_for_them(world, tenant):
    search = {"name": "Mine", "filter": {"outcome": "refused"}}
    mine = world.ask("POST", "/v1/searches", tenant.keys["Admin"], json=search)
    id, me = mine.json()["id"], said(f"user:{tenant.ids['Admin']}")
    found = world.ask("GET", "/v1/searches", tenant.keys["Auditor"], {**after(mine), **me}).json()["items"]
    assert id not in {each["id"] for each in found}
    asked = world.ask("GET", f"/v1/searches/{id}/entries", tenant.keys["Auditor"], me)
    assert asked.json()["code"] == "searches.unknown"
    shared = world.ask("POST", f"/v1/searches/{id}/share", tenant.keys["Auditor"], me, json={})
    assert shared.status_code >= 400
    # The control: it is there, for who saved it.
    own = world.ask("GET", "/v1/searches", tenant.keys["Admin"], {**after(mine), **said(f"user:{uuid4()}")}).json()
    assert id in {each["id"] for each in own["items"]}


def test_an_identifier_in_capitals_is_the_same(world, tenant):
    id = UUID(int=0xABCDEF << 100)
    body = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    done = world.ask(
        "POST", "/v1/prospects", tenant.keys["Member"], said(f"user:{id}".upper().replace("USER", "user")), json=body
    )
    entry, _ = entries(world, tenant, f"user:{id}", done)
    assert entry["resource"] == done.json()["id"]


def test_what_was_looked_for_is_sealed_under_who_asks_and_not_under_whom_they_name(world, tenant, for_whom):
    key = tenant.keys["Auditor"]
    left = world.ask("GET", "/v1/audit/export?q=ada&code=none", key, said(for_whom))
    assert left.status_code == 200
    [begun, *_] = world.run(world.logs.of(tenant.id).history(f"exports/{left.headers['Everlog-Export']}"))
    assert begun.fact.sought.subject == begun.fact.under == tenant.ids["Auditor"]
