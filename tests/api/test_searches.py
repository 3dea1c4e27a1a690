"""Saved searches over HTTP: one's own, shared and taken back, and asked again under one's own rights."""

from uuid import uuid4

import pytest

from adapters.erasures import Erasures
from adapters.ledger import Ledger
from tests.api.test_audit import after


@pytest.fixture
def ask(world, acme):
    def ask(method, path, role="Auditor", **named):
        return world.ask(method, path, acme.keys[role], **named)

    return ask


@pytest.fixture
def refused(ask):
    """A word that finds one refusal; and the answer."""
    word = f"w{uuid4().hex}"
    id = ask("POST", "/v1/prospects", "Member", json={"name": "Ada", "email": f"{word}@example.org"}).json()["id"]
    done = ask("POST", f"/v1/prospects/{id}/win", "Viewer", json={"value": 1, "currency": "EUR"})
    return {"outcome": "refused", "resource": id}, done


def saved(ask, asked, role="Auditor", name="Refusals"):
    done = ask("POST", "/v1/searches", role, json={"name": name, "filter": asked})
    assert done.status_code == 201, done.json()
    return done.json()["id"], done


def known(ask, done, role, *, shared=False):
    answer = ask("GET", "/v1/searches", role, headers=after(done), params={"shared": str(shared).lower(), "limit": 200})
    return {each["id"]: each for each in answer.json()["items"]}


def entries(ask, id, role="Auditor", **named):
    return ask("GET", f"/v1/searches/{id}/entries", role, **named)


def test_a_saved_search_is_asked_again(ask, refused):
    asked, done = refused
    id, kept = saved(ask, asked)
    assert kept.headers["Location"] == f"/v1/searches/{id}"
    answer = entries(ask, id, headers=after(done)).json()
    assert [each["resource"] for each in answer["items"]] == [asked["resource"]]
    row = known(ask, kept, "Auditor")[id]
    assert (row["mine"], row["shared"], row["filter"], row["name"]) == (True, False, asked, "Refusals")


def test_it_is_its_owner_s_until_it_is_shared(ask, refused):
    asked, _ = refused
    id, kept = saved(ask, asked)
    assert entries(ask, id, "Admin").json()["code"] == "searches.unknown"
    assert id not in known(ask, kept, "Admin") | known(ask, kept, "Admin", shared=True)
    path = f"/v1/searches/{id}"
    shared = ask("POST", f"{path}/share", json={})
    assert entries(ask, id, "Admin").status_code == 200
    assert known(ask, shared, "Admin", shared=True)[id]["mine"] is False
    assert ask("POST", f"{path}/removal", "Admin", json={}).json()["code"] == "searches.not-yours"
    back = ask("POST", f"{path}/withdrawal", json={})
    assert entries(ask, id, "Admin").json()["code"] == "searches.unknown"
    assert id not in known(ask, back, "Admin", shared=True)
    gone = ask("POST", f"{path}/removal", json={})
    assert entries(ask, id).json()["code"] == "searches.unknown"
    assert id not in known(ask, gone, "Auditor")


def test_it_is_changed_by_saving_it_again(ask, refused):
    asked, done = refused
    id, _ = saved(ask, {"q": "captured"})
    again = ask("POST", "/v1/searches", json={"id": id, "name": "Others", "filter": asked})
    assert again.status_code in (200, 201), again.json()
    assert known(ask, again, "Auditor")[id]["name"] == "Others"
    assert len(entries(ask, id, headers=after(done)).json()["items"]) == 1


def test_words_are_recorded_sealed_and_shown_to_whoever_may_ask_them(world, acme, ask, refused):
    """A person's name may be among them. The control: what no name can be stands in the clear."""
    word = f"w{uuid4().hex}"
    asked = refused[0] | {"q": word}
    id, kept = saved(ask, asked)
    stored = recorded(world, acme, f"searches/{id}")
    assert word not in stored
    assert asked["resource"] in stored
    assert known(ask, kept, "Auditor")[id]["filter"] == asked
    shared = ask("POST", f"/v1/searches/{id}/share", json={})
    assert known(ask, shared, "Admin", shared=True)[id]["filter"] == asked
    assert entries(ask, id, "Admin", headers=after(refused[1])).json()["items"] == []
    ask("POST", "/v1/searches", json={"id": id, "name": "Refusals", "filter": asked | {"q": "refused"}})
    assert len(entries(ask, id, "Admin", headers=after(refused[1])).json()["items"]) == 1


def recorded(world, tenant, stream):
    """The stream's bodies, as they lie in the table."""
    query = "select convert_from(body, 'UTF8') from everlog.events where stream = %s order by position"
    with world.database.transaction(tenant.id) as connection:
        return "".join(body for (body,) in connection.execute(query, [stream]).fetchall())


def test_its_words_go_with_whoever_saved_it(world, tmp_path):
    """The search stays, and says that it can no more be asked: without its words it would find everything."""
    tenant = world.tenant()

    def ask(method, path, role="Auditor", **named):
        return world.ask(method, path, tenant.keys[role], **named)

    words, _ = saved(ask, {"q": "ada", "outcome": "refused"})
    plain, _ = saved(ask, {"outcome": "refused"})
    _, done = (ask("POST", f"/v1/searches/{id}/share", json={}) for id in (words, plain))
    Erasures(world.keeper, Ledger(tmp_path), world).erase(tenant.id, [tenant.ids["Auditor"]])
    gone = entries(ask, words, "Admin").json()
    assert gone["code"] == "searches.erased"
    assert entries(ask, plain, "Admin").status_code == 200
    rows = known(ask, done, "Admin", shared=True)
    assert (rows[words]["filter"], rows[words]["erased"]) == ({"outcome": "refused"}, ["q"])
    assert (rows[plain]["filter"], rows[plain]["erased"]) == ({"outcome": "refused"}, [])


def test_what_is_asked_for_about_a_person_is_sealed_and_shown_to_who_may_ask_for_it(world, acme, ask, refused):
    """An address, here. The control: another address finds nothing."""
    asked, done = refused
    here = asked | {"ip": "127.0.0.1"}
    id, kept = saved(ask, here)
    elsewhere, _ = saved(ask, asked | {"ip": "127.0.0.2"})
    assert "127.0.0.1" not in recorded(world, acme, f"searches/{id}")
    assert known(ask, kept, "Auditor")[id]["filter"] == here
    found = [entries(ask, each, headers=after(done)).json()["items"] for each in (id, elsewhere)]
    assert [len(each) for each in found] == [1, 0]
    shared = ask("POST", f"/v1/searches/{id}/share", json={})
    narrow = world.key(acme, "Admin", "without-circumstances", scopes=("audit.read", "searches.save"))

    def by(key, method, path, **named):
        return world.ask(method, path, key, **named)

    rows = by(narrow, "GET", "/v1/searches", headers=after(shared), params={"shared": "true", "limit": 200}).json()
    [row] = [each for each in rows["items"] if each["id"] == id]
    assert (row["filter"], row["withheld"]) == (asked, ["ip"])
    assert by(narrow, "GET", f"/v1/searches/{id}/entries").status_code == 403
    assert by(narrow, "POST", "/v1/searches", json={"name": "No", "filter": here}).status_code == 403
    assert by(narrow, "POST", "/v1/searches", json={"name": "Yes", "filter": asked}).status_code == 201


def test_what_cannot_be_asked_again_is_not_kept(ask):
    for wrong in ({"about": "ada"}, {"nonsense": "1"}, {"since": "yesterday"}, {"limit": "5"}):
        answer = ask("POST", "/v1/searches", json={"name": "No", "filter": wrong})
        assert answer.json()["code"] == "request.invalid", wrong


def test_it_gives_nobody_more_than_they_may_see(world, acme, ask, refused):
    asked, done = refused
    id, _ = saved(ask, asked)
    ask("POST", f"/v1/searches/{id}/share", json={})
    narrow = world.key(acme, "Admin", "searcher", scopes=("audit.read",))
    [entry] = world.ask("GET", f"/v1/searches/{id}/entries", narrow, headers=after(done)).json()["items"]
    assert entry["withheld"] == ["circumstances"]
    assert ask("GET", f"/v1/searches/{id}/entries", "Manager").status_code == 403
    assert world.ask("POST", "/v1/searches", narrow, json={"name": "No", "filter": {}}).status_code == 403


def test_another_tenant_s_search_is_not_there(world, other, ask, refused):
    id, _ = saved(ask, refused[0])
    ask("POST", f"/v1/searches/{id}/share", json={})
    assert world.ask("GET", f"/v1/searches/{id}/entries", other.keys["Admin"]).json()["code"] == "searches.unknown"
