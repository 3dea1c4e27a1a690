"""Prospects over HTTP, end to end."""

from uuid import uuid4

import pytest


def person(**more):
    return {"name": "Ada Lovelace", "email": f"{uuid4()}@example.org", **more}


@pytest.fixture
def ask(world, acme):
    def ask(method, path, role="Admin", **named):
        return world.ask(method, path, acme.keys[role], **named)

    return ask


@pytest.fixture
def captured(ask):
    """A prospect that the views know of."""
    done = ask("POST", "/v1/prospects", json=person(industry="engines", attributes={"employees": 250}))
    assert done.status_code == 201
    seen(ask, done)
    return done.json()["id"]


def seen(ask, done, path="/v1/prospects?limit=1"):
    found = ask("GET", path, headers={"Everlog-Min-Position": done.headers["Everlog-Position"]})
    assert found.status_code == 200, found.text
    return found


def test_a_prospect_from_first_sight_to_won(ask):
    done = ask("POST", "/v1/prospects", json=person(industry="engines", attributes={"employees": 250}))
    assert done.status_code == 201
    id = done.json()["id"]
    assert done.headers["Location"] == f"/v1/prospects/{id}"
    assert done.json()["facts"] == ["prospects.captured"]
    for what, body in {
        "signals": {"kind": "visit", "strength": 0.7, "codes": ["a"]},
        "stage": {"stage": "qualified"},
        "notes": {"text": "Asked for an offer."},
        "win": {"value": 90000, "currency": "EUR"},
    }.items():
        done = ask("POST", f"/v1/prospects/{id}/{what}", json=body)
        assert done.status_code == 200, done.text
    found = seen(ask, done, f"/v1/prospects/{id}").json()
    assert found | {"captured_at": "", "changed_at": "", "email": ""} == {
        "id": id,
        "name": "Ada Lovelace",
        "email": "",
        "industry": "engines",
        "attributes": {"employees": 250.0},
        "captured_at": "",
        "changed_at": "",
        "version": 5,
        "signals": 1,
        "notes": 1,
        "stage": "won",
        "value": 90000,
        "currency": "EUR",
        "withheld": [],
        "erased": [],
    }


def test_a_caller_without_the_right_sees_that_something_is_withheld(ask, captured):
    found = ask("GET", f"/v1/prospects/{captured}", "Viewer").json()
    assert (found["name"], found["email"], found["attributes"]) == (None, None, None)
    assert found["withheld"] == ["attributes", "email", "name"]
    assert found["industry"] == "engines"
    assert "Ada" not in ask("GET", "/v1/prospects", "Viewer").text


def test_an_etag_answers_what_has_not_changed(ask, captured):
    first = ask("GET", f"/v1/prospects/{captured}")
    again = ask("GET", f"/v1/prospects/{captured}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert ask("GET", f"/v1/prospects/{captured}", headers={"If-None-Match": "*"}).status_code == 304
    other = ask("GET", f"/v1/prospects/{captured}", "Viewer", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200


def test_a_version_that_was_left_behind_is_not_written_to(ask, captured):
    etag = ask("GET", f"/v1/prospects/{captured}").headers["ETag"]
    first = ask("POST", f"/v1/prospects/{captured}/stage", json={"stage": "met"}, headers={"If-Match": etag})
    second = ask("POST", f"/v1/prospects/{captured}/stage", json={"stage": "lunch"}, headers={"If-Match": etag})
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["details"] == {"version": 2}


def test_a_version_of_another_generation_is_not_the_same(ask, captured):
    stage = {"stage": "met"}
    done = ask("POST", f"/v1/prospects/{captured}/stage", json=stage, headers={"If-Match": '"2:1"'})
    assert done.status_code == 412


def test_a_request_sent_twice_is_done_once(ask):
    key = {"Idempotency-Key": str(uuid4())}
    body = person()
    first, second = (ask("POST", "/v1/prospects", json=body, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json() | {"repeated": True}
    assert second.headers["Everlog-Position"] == first.headers["Everlog-Position"]
    other = ask("POST", "/v1/prospects", json=person(), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.reused")
    path = ask("POST", f"/v1/prospects/{first.json()['id']}/notes", json={"text": "x"}, headers=key)
    assert path.json()["code"] == "idempotency.reused"


def test_keys_of_different_credentials_do_not_meet(ask):
    key = {"Idempotency-Key": str(uuid4())}
    done = [ask("POST", "/v1/prospects", role, json=person(), headers=key).status_code for role in ("Admin", "Member")]
    assert done == [201, 201]


def test_a_mail_address_belongs_to_one_prospect(ask):
    body = person()
    ask("POST", "/v1/prospects", json=body)
    taken = ask("POST", "/v1/prospects", json=body | {"email": body["email"].upper()})
    assert (taken.status_code, taken.json()["code"]) == (409, "prospects.email-taken")


def test_a_prospect_is_found_by_its_mail_address_by_who_may_see_it(ask):
    body = person()
    done = ask("POST", "/v1/prospects", json=body)
    seen(ask, done)
    found = ask("POST", "/v1/prospects/find", json={"email": body["email"]})
    assert [each["id"] for each in found.json()["items"]] == [done.json()["id"]]
    denied = ask("POST", "/v1/prospects/find", "Viewer", json={"email": body["email"]})
    assert (denied.status_code, denied.json()["details"]) == (403, {"permission": "prospects.read-personal"})
    assert ask("POST", "/v1/prospects/find", "Viewer", json={"stage": "new"}).status_code == 200


def test_a_list_is_filtered_sorted_and_gone_through(ask):
    industry = str(uuid4())
    done = [ask("POST", "/v1/prospects", json=person(industry=industry)) for _ in range(5)]
    ids = [each.json()["id"] for each in done]
    seen(ask, done[-1])
    path = f"/v1/prospects?industry={industry}&sort=captured_at&limit=2&fields=id,industry"
    found, cursor = [], ""
    while True:
        page = ask("GET", f"{path}&cursor={cursor}" if cursor else path).json()
        found += [each["id"] for each in page["items"]]
        assert all(each.keys() == {"id", "industry", "withheld", "erased"} for each in page["items"])
        if not (cursor := page["cursor"]):
            break
    assert found == ids
    newest = ask("GET", f"/v1/prospects?industry={industry}").json()
    assert [each["id"] for each in newest["items"]] == ids[::-1]


def test_a_cursor_is_bound_to_its_query_and_tenant(world, ask, other):
    for _ in range(3):
        world.ask("POST", "/v1/prospects", other.keys["Admin"], json=person())
    seen(ask, [ask("POST", "/v1/prospects", json=person()) for _ in range(3)][-1])
    cursor = ask("GET", "/v1/prospects?limit=1").json()["cursor"]
    assert ask("GET", f"/v1/prospects?limit=1&cursor={cursor}").status_code == 200
    for answer in (
        ask("GET", f"/v1/prospects?limit=1&stage=new&cursor={cursor}"),
        world.ask("GET", f"/v1/prospects?limit=1&cursor={cursor}", other.keys["Admin"]),
        ask("GET", f"/v1/prospects?limit=1&cursor={cursor[:-2]}AA"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "query.cursor")


def unbroken(world, tenant, positions):
    """Whether nothing stands between these but reads from before, which come into the log when they are due."""
    span = world.logs.of(tenant.id).read(positions[0] - 1, positions[-1] - positions[0] + 1)
    others = [each for each in span if each.position not in positions]
    return positions == sorted(set(positions)) and {each.type for each in others} <= {"audit.read"}


def test_a_bulk_answers_each_command(ask, world, acme):
    ids = [str(uuid4()) for _ in range(3)]
    commands = [{"command": "prospects.capture", "id": id, **person()} for id in ids]
    commands.insert(1, {"command": "prospects.win", "id": ids[0], "value": -1, "currency": "EUR"})
    commands.insert(3, {"command": "prospects.observe", "id": ids[0], "kind": "visit", "strength": 0.5})
    commands.append({"command": "prospects.explode", "id": ids[0]})
    commands.append({"command": "prospects.move", "id": str(uuid4()), "stage": "met"})
    commands.append({"command": "prospects.note", "id": ids[2], "text": "x", "version": 7})
    done = ask("POST", "/v1/commands", json={"commands": commands})
    assert done.status_code == 200
    results = done.json()["results"]
    assert [each["status"] for each in results] == [201, 422, 201, 201, 201, 422, 404, 412]
    positions = [each["outcome"]["position"] for each in results if "outcome" in each]
    assert len(positions) == 4
    assert unbroken(world, acme, positions)


def test_a_bulk_sent_twice_is_done_once(ask):
    commands = [{"command": "prospects.capture", **person()} for _ in range(3)]
    commands.append({"command": "prospects.note", "id": str(uuid4()), "text": "nobody"})
    key = {"Idempotency-Key": str(uuid4())}
    first, second = (ask("POST", "/v1/commands", json={"commands": commands}, headers=key).json() for _ in range(2))
    for before, after in zip(first["results"][:3], second["results"][:3], strict=True):
        assert after["outcome"] == before["outcome"] | {"repeated": True}
    assert second["results"][3]["status"] == 404


def test_a_large_bulk_keeps_its_order(ask, world, acme):
    ids = [str(uuid4()) for _ in range(500)]
    commands = []
    for id in ids:
        commands.append({"command": "prospects.capture", "id": id, **person()})
        commands.append({"command": "prospects.observe", "id": id, "kind": "codes", "strength": 1})
    results = ask("POST", "/v1/commands", json={"commands": commands}).json()["results"]
    positions = [each["outcome"]["position"] for each in results]
    assert len(positions) == 1000
    assert unbroken(world, acme, positions)
    assert not unbroken(world, acme, positions[:1] + positions[2:]), "the control"
