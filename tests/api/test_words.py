"""Word search over HTTP: in the clear for who reads the trail; about persons in a body, until they are erased."""

from uuid import uuid4

import pytest

from projections.audit import audit
from tests.api.erasures import BASIS, erasing
from tests.api.test_audit import after
from tests.api.test_privacy import two
from tests.waiting import until

__all__ = ["two"]


@pytest.fixture
def ask(world, acme):
    def ask(method, path, role="Admin", **named):
        return world.ask(method, path, acme.keys[role], **named)

    return ask


def unique():
    return f"w{uuid4().hex}"


@pytest.fixture
def captured(ask):
    """A prospect whose every text is a word of its own, and those words."""
    name, industry, reason = unique(), unique(), unique()
    person = {"name": f"Ada {name}", "email": f"{name}@example.org", "industry": industry}
    done = ask("POST", "/v1/prospects", "Member", json=person, headers={"Everlog-Reason": f"met {reason} there"})
    return done, name, industry, reason


def positions(answer):
    assert answer.status_code == 200, answer.json()
    return [each["position"] for each in answer.json()["items"]]


def at(done):
    return int(done.headers["Everlog-Position"].partition(":")[2])


def test_words_in_the_clear_are_found_whole_and_together(ask, captured):
    done, _, industry, _ = captured

    def find(q):
        return positions(ask("GET", "/v1/audit", "Auditor", params={"q": q}, headers=after(done)))

    assert find(f"{industry.upper()} captured") == [at(done)]
    assert find(f"{industry} lost") == []
    assert find(industry[:-1]) == [], "a part of a word is none"


def test_an_identifier_is_a_word_wherever_it_stands(world, acme, ask, captured):
    done, *_ = captured
    id = done.json()["id"]
    refused = ask("POST", f"/v1/prospects/{id}/win", "Viewer", json={"value": 1, "currency": "EUR"})
    assert positions(ask("GET", "/v1/audit", "Auditor", params={"q": f"refused {id}"}, headers=after(refused))) == [
        at(refused)
    ]


def test_the_longest_text_that_is_taken_in_the_clear_is_found_by_each_of_its_words(ask):
    """The first and the last, by the alphabet and as they stand."""
    most = 20_000
    said = [unique() for _ in range(most // (len(unique()) + 1))]
    said[0], said[-1] = f"zz{said[0]}"[: len(said[0])], f"a{said[-1]}"[: len(said[-1])]
    body = {"name": "SIEM", "kind": "http", "address": "https://siem.example/in", "secret": "token"}
    body["authority"] = " ".join(said)
    done = ask("POST", "/v1/deliveries", json=body)
    assert done.status_code == 201, done.json()
    for word in (said[0], said[1], said[len(said) // 2], said[-1], min(said), max(said)):
        found = ask("GET", "/v1/audit", "Auditor", params={"q": word}, headers=after(done))
        assert positions(found) == [at(done)], word
    over = ask("POST", "/v1/deliveries", json=body | {"authority": " ".join([*said, unique()])})
    assert over.status_code == 422, "the control: nothing longer is taken"


def test_words_about_a_person_are_in_no_url_and_need_the_right_to_see_them(ask, captured):
    done, name, _, reason = captured

    def find(role, **asked):
        return ask("POST", "/v1/audit/find", role, json=asked, headers=after(done))

    assert positions(ask("GET", "/v1/audit", params={"q": name}, headers=after(done))) == []
    assert positions(find("Admin", q=name)) == []
    assert positions(find("Admin", about=f"ada {name} example")) == [at(done)]
    assert positions(find("Admin", about=name, q="captured", because=reason)) == [at(done)]
    assert positions(find("Auditor", because=reason.upper())) == [at(done)]
    assert find("Auditor", about=name).json()["code"] == "access.denied"
    assert positions(find("Admin", about=reason)) == positions(find("Admin", because=name)) == []
    assert ask("GET", "/v1/audit", params={"about": name}).status_code == 422


def test_what_was_looked_for_about_a_person_is_not_told_by_the_trail(world, acme, ask, captured):
    done, name, *_ = captured
    assert positions(ask("POST", "/v1/audit/find", json={"about": name}, headers=after(done))) == [at(done)]
    text = repr([world.logs.of(acme.id).open(each) for each in world.logs.of(acme.id).read(at(done) - 1)][1:])
    assert name not in text


def test_nothing_to_look_for_is_told(ask):
    for asked in ("-- _", " ".join(unique() for _ in range(9)), ""):
        assert ask("GET", "/v1/audit", "Auditor", params={"q": asked}).json()["code"] == "query.words", asked


def test_pages_of_a_search_follow_on_each_other(ask):
    industry = unique()

    def person():
        return {"name": "Ada", "email": f"{uuid4()}@example.org", "industry": industry}

    last = [ask("POST", "/v1/prospects", "Member", json=person()) for _ in range(5)][-1]
    asked, found = {"q": industry, "limit": 2}, []
    while True:
        answer = ask("GET", "/v1/audit", "Auditor", params=asked, headers=after(last))
        found += positions(answer)
        if not answer.json()["cursor"]:
            break
        asked["cursor"] = answer.json()["cursor"]
    assert len(found) == 5
    assert found == sorted(found, reverse=True)
    taken = ask("GET", "/v1/audit/export", "Auditor", params={"q": industry, "format": "ndjson"})
    assert [int(line.split('"position":')[1].split(",")[0]) for line in taken.text.splitlines()] == found[::-1]


def test_the_words_of_who_is_erased_are_found_no_more(world, acme, ask, two, captured, tmp_path):
    done, name, industry, reason = captured
    (ada, bob), id = two, done.json()["id"]
    path = f"/v1/privacy/erasures/{id}"
    asked = {**BASIS, "reason": f"She said {name}"}
    requested = world.ask("POST", path, ada, json=asked, headers={"Everlog-Reason": unique()})
    assert requested.status_code == 200
    approved = world.ask("POST", f"{path}/approval", bob, json={})

    def find(**asked):
        return positions(ask("POST", "/v1/audit/find", json=asked, headers=after(approved)))

    assert find(about=name) == [at(requested), at(done)], "the control: both are found"
    assert until(erasing(world, acme.id, tmp_path).advance)
    assert find(about=name) == []
    assert find(q=industry) == find(because=reason) == [at(done)], "nobody else's words are gone"
    left = f"select count(*) from everlog.view_audit_words_{audit.version} where tenant_id = %s and subject = %s"
    assert world.keeper.query(acme.id, left, [acme.id, id]) == [(0,)]
