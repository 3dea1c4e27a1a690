"""Erasure, holds and a person's export over HTTP, carried out by what a worker runs, on real servers."""

import json
from collections import Counter
from html.parser import HTMLParser
from uuid import UUID, uuid4

import pytest

from adapters.erasures import Erasures
from adapters.ledger import Ledger
from application.pipeline import Rejected
from application.privacy import Export
from domain.kernel import Actor, Erased, Meta
from projections.privacy import known
from tests.api.erasures import BASIS, erasing, finished
from tests.api.world import made
from tests.waiting import until


@pytest.fixture
def two(world, acme):
    """Two Admins."""
    if "Second" not in acme.keys:
        world.key(acme, "Admin", "Second")
    return acme.keys["Admin"], acme.keys["Second"]


def capture(world, key):
    person = {"name": "Ada Lovelace", "email": f"{uuid4()}@example.org"}
    done = world.ask("POST", "/v1/prospects", key, json=person)
    return done.json()["id"], person


def code(answer):
    return answer.status_code, answer.json().get("code")


def found(world, key, email):
    return len(world.ask("POST", "/v1/prospects/find", key, json={"email": email}).json()["items"])


def test_two_people_erase_one_and_nobody_else(world, acme, two, tmp_path):
    ada, bob = two
    (id, person), (other, neighbour) = capture(world, ada), capture(world, ada)
    path = f"/v1/privacy/erasures/{id}"
    assert world.ask("POST", path, ada, json=BASIS).status_code == 200
    assert code(world.ask("POST", f"{path}/approval", ada, json={})) == (409, "privacy.four-eyes")
    done = world.ask("POST", f"{path}/approval", bob, json={})
    waits = {"Everlog-Min-Position": done.headers["Everlog-Position"]}
    assert world.ask("GET", path, ada, headers=waits).json()["stage"] == "approved"
    assert found(world, ada, person["email"]) == 1, "the control: it is there, and can be looked up"
    work = erasing(world, acme.id, tmp_path)
    assert until(work.advance)
    assert until(lambda: world.ask("GET", path, ada).json()["stage"] == "erased")
    shown = world.ask("GET", path, ada).json()
    assert shown["erased"] == ["reason"]
    assert (shown["reservations"], shown["tokens"], shown["reference"]) == (1, 8, "DSR-1"), "7 words, an address"
    assert "name" in world.ask("GET", f"/v1/prospects/{id}", ada).json()["erased"]
    assert found(world, ada, person["email"]) == 0
    assert world.ask("GET", f"/v1/prospects/{other}", ada).json()["name"] == "Ada Lovelace"
    assert found(world, ada, neighbour["email"]) == 1
    assert code(world.ask("POST", path, ada, json=BASIS)) == (410, "subject.erased")
    assert work.advance() == 0
    assert world.ask("POST", "/v1/prospects", ada, json=person).status_code == 201, "the address is free again"


def test_what_was_cut_short_is_finished_by_another(world, acme, two, tmp_path):
    ada, bob = two
    id, _ = capture(world, ada)
    path = f"/v1/privacy/erasures/{id}"
    world.ask("POST", path, ada, json=BASIS)
    world.ask("POST", f"{path}/approval", bob, json={})
    # The key went, and then the process did.
    Erasures(world.keeper, Ledger(tmp_path)).erase(acme.id, [UUID(id)])
    assert until(erasing(world, acme.id, tmp_path).advance)
    assert len(Ledger(tmp_path).read()) == 1, "nobody is erased twice"
    [*_, last] = world.logs.of(acme.id).stream(f"privacy/{id}")
    assert last.type == "privacy.erasure-certified"
    reason = next(world.logs.of(acme.id).stream(f"privacy/{id}")).fact.reason
    world.logs.rings.of(acme.id).forget([UUID(id)])
    assert isinstance(world.logs.of(acme.id).open(reason), Erased)


def test_a_hold_refuses(world, acme, two, tmp_path):
    ada, bob = two
    id, _ = capture(world, ada)
    hold, path = f"/v1/privacy/holds/{id}", f"/v1/privacy/erasures/{id}"
    suit = {"matter": "suit"}
    assert world.ask("POST", path, ada, json=BASIS).status_code == 200
    assert world.ask("POST", hold, ada, json=suit).status_code == 200
    assert code(world.ask("POST", f"{hold}/placement", ada, json=suit)) == (409, "privacy.four-eyes")
    placed = world.ask("POST", f"{hold}/placement", bob, json=suit)
    refused = world.ask("POST", f"{path}/approval", bob, json={})
    assert code(refused) == (409, "privacy.held")
    assert refused.json()["details"] == {"matters": ["suit"]}
    waits = {"Everlog-Min-Position": placed.headers["Everlog-Position"]}
    [held] = world.ask("GET", f"/v1/privacy/holds?subject={id}", ada, headers=waits).json()["items"]
    assert (held["stage"], held["matter"]) == ("placed", "suit")
    assert world.ask("POST", f"{hold}/lift", bob, json=suit).status_code == 200
    assert world.ask("POST", f"{hold}/lift/approval", ada, json=suit).status_code == 200
    assert world.ask("POST", f"{path}/approval", bob, json={}).status_code == 200
    # Nothing that is due is left behind for other tests.
    work = erasing(world, acme.id, tmp_path)
    assert until(lambda: finished(world, acme.id, work, id))


def predict(world, tenant, id):
    """A prediction about somebody, in the log as a model leaves it there; its identifier."""
    meta = Meta(event=uuid4(), actor=Actor("model", uuid4()), permission="predictions.record")
    prediction = uuid4()
    fact = made(tenant.id, {"prospect": UUID(id)})
    world.logs.of(tenant.id).submit(f"predictions/{prediction}", 0, [fact], meta).result(30)
    return prediction


def export(world, key, id, **named):
    return world.ask("GET", f"/v1/privacy/subjects/{id}/export", key, **named)


def test_a_person_gets_everything_there_is_about_them_and_nothing_of_others(world, acme, two):
    ada, bob = two
    (id, person), (_, neighbour) = capture(world, ada), capture(world, ada)
    why = {"Everlog-Reason": "whispered"}
    assert world.ask("POST", f"/v1/prospects/{id}/notes", bob, headers=why, json={"text": "Likes maps."}).is_success
    predict(world, acme, id)
    world.ask("POST", f"/v1/privacy/holds/{id}", ada, json={"matter": "suit"})
    world.ask("POST", f"/v1/privacy/erasures/{id}", ada, json=BASIS)
    answer = export(world, ada, id)
    told = answer.json()
    assert (told["subject"], told["whole"], told["prospect"]["email"]) == (id, True, person["email"])
    assert told["prospect"]["withheld"] == []
    types = ["prospects.captured", "prospects.noted", "predictions.made"]
    assert [each["type"] for each in told["events"]] == [*types, "privacy.hold-proposed", "privacy.erasure-requested"]
    captured, noted, predicted, *_ = (each["fact"] for each in told["events"])
    assert (captured["name"], noted["text"]) == ("Ada Lovelace", "Likes maps.")
    assert predicted["features"]["codes"] == ["sponsor:24D"]
    assert told["predictions"][0]["reasons"][0]["feature"] == "sponsor:24D"
    assert (told["erasure"]["reason"], told["holds"][0]["matter"]) == ("She asked.", "suit")
    by = {each["actor"] for each in told["accesses"]}
    made = next(each["actor"].partition(":")[2] for each in told["events"] if each["type"] == "predictions.made")
    assert by == {str(acme.ids["Admin"]), str(acme.ids["Second"]), made}
    assert neighbour["email"] not in answer.text
    assert "whispered" not in answer.text, "from where and why somebody did it is theirs"
    assert "whispered" in export(world, ada, acme.ids["Second"]).text, "the control: they get it"


EVIL = "<img src=x onerror=alert(1)></td>\n<script>alert(2)</script>"


class Seen(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = set[str](), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in {"src", "href"}]

    def handle_data(self, data):
        self.text += data


def test_an_export_is_read_by_people_and_by_machines(world, two):
    ada, _ = two
    id, person = capture(world, ada)
    assert world.ask("POST", f"/v1/prospects/{id}/notes", ada, json={"text": EVIL}).is_success
    whole = export(world, ada, id).json()
    lines = world.ask("GET", f"/v1/privacy/subjects/{id}/export?format=ndjson", ada)
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    first, *rest = [json.loads(line) for line in lines.text.splitlines()]
    assert (first["kind"], first["subject"]) == ("export", id)
    kinds = Counter(each["kind"] for each in rest)
    assert (kinds["prospect"], kinds["events"]) == (1, 3), "the first export is an event by now"
    assert [each["fact"] for each in rest if each["kind"] == "events"][:2] == [each["fact"] for each in whole["events"]]
    html = world.ask("GET", f"/v1/privacy/subjects/{id}/export?format=html", ada)
    assert html.headers["Content-Type"] == "text/html; charset=utf-8"
    assert html.headers["Content-Disposition"].startswith("attachment")
    page = Seen(html.text)
    assert page.tags <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", *TABLE}
    assert EVIL in page.text, "it is shown as it was written"
    assert {"script", "img"} <= Seen(EVIL.replace("onerror", "alt").replace("src", "alt")).tags, "the control"
    assert person["email"] in page.text
    assert code(world.ask("GET", f"/v1/privacy/subjects/{id}/export?format=pdf", ada)) == (422, "request.invalid")


TABLE = ("table", "tr", "th", "td", "br", "span")


def test_an_export_is_recorded_before_it_leaves(world, acme, two, monkeypatch):
    ada, _ = two
    id, person = capture(world, ada)
    answer = export(world, ada, id)
    told, log = answer.json(), world.logs.of(acme.id)
    [recorded] = log.stream(f"privacy/{id}")
    assert recorded.type == "privacy.access-exported"
    assert (recorded.fact.by, recorded.fact.position) == (acme.ids["Admin"], told["position"])
    assert (recorded.fact.events, recorded.fact.predictions, recorded.fact.entries) == (1, 0, 1)
    assert answer.headers["Everlog-Position"] == f"1:{recorded.position}"
    waits = {"Everlog-Min-Position": answer.headers["Everlog-Position"]}
    asked = f"/v1/audit?type=privacy.access-exported&resource={id}"
    [entry] = world.ask("GET", asked, ada, headers=waits).json()["items"]
    assert entry["position"] == recorded.position
    run = world.pipeline.run

    async def refusing(caller, asked):
        if isinstance(asked.command, Export):
            raise Rejected("contended")
        return await run(caller, asked)

    monkeypatch.setattr(world.pipeline, "run", refusing)
    lost = export(world, ada, id)
    assert lost.json()["code"] == "contended"
    assert person["email"] not in lost.text
    assert len(list(log.stream(f"privacy/{id}"))) == 1


def test_who_is_erased_gets_what_is_left(world, acme, two, tmp_path):
    ada, bob = two
    id, person = capture(world, ada)
    predict(world, acme, id)
    path = f"/v1/privacy/erasures/{id}"
    assert person["email"] in export(world, ada, id).text, "the control"
    world.ask("POST", path, ada, json=BASIS)
    world.ask("POST", f"{path}/approval", bob, json={})
    work = erasing(world, acme.id, tmp_path)
    # Another test's may be due as well.
    assert until(lambda: finished(world, acme.id, work, id))
    answer = export(world, ada, id)
    assert answer.status_code == 200
    told = answer.json()
    assert told["prospect"]["erased"] == ["attributes", "email", "name"]
    assert told["erasure"]["stage"] == "erased"
    assert [each["fact"].get("features") for each in told["events"] if each["type"] == "predictions.made"] == [None]
    assert not [each for each in (person["email"], person["name"], "sponsor:24D") if each in answer.text]


def test_an_identifier_that_names_no_person_opens_nobody_s_values(world, acme, two):
    ada, _ = two
    id, _ = capture(world, ada)
    prediction = predict(world, acme, id)
    [event] = export(world, ada, prediction).json()["events"]
    assert (event["type"], event["fact"]["reasons"], event["fact"]["features"]) == ("predictions.made", None, None)
    assert "sponsor:24D" in export(world, ada, id).text, "the control"


def test_of_nobody_there_is_nothing_and_nothing_is_recorded(world, acme, other, two):
    ada, _ = two
    theirs, _ = capture(world, other.keys["Admin"])
    before = world.logs.of(acme.id).head()[1]
    for id in (uuid4(), theirs):
        assert code(export(world, ada, id)) == (404, "privacy.subject-unknown")
    # Reads from before may be on their way into the log.
    assert {each.type for each in world.logs.of(acme.id).read(before, 100)} <= {"audit.read"}


def test_its_own_permission_is_needed_and_is_enough(world, acme, two):
    ada, _ = two
    id, person = capture(world, ada)
    alone = world.key(acme, "Admin", f"alone {id}", scopes=("privacy.export",))
    others = world.key(acme, "Admin", f"others {id}", scopes=("privacy.read", "prospects.read-personal", "audit.read"))
    assert export(world, alone, id).json()["prospect"]["email"] == person["email"]
    assert code(export(world, others, id)) == (403, "access.denied")


def test_what_is_too_much_is_said_to_be_left_out(world, two, monkeypatch):
    ada, _ = two
    id, _ = capture(world, ada)
    for text in ("one", "two"):
        world.ask("POST", f"/v1/prospects/{id}/notes", ada, json={"text": text})
    monkeypatch.setattr(known, "MOST", 2)
    told = export(world, ada, id).json()
    assert (told["whole"], len(told["accesses"]), len(told["events"])) == (False, 2, 3)
    monkeypatch.setattr(known, "MOST", 100)
    monkeypatch.setattr(known, "PAGE", 1)
    told = export(world, ada, id).json()
    done = [each["type"] for each in told["accesses"] if each["type"] != "audit.read"]
    assert (told["whole"], len(done)) == (True, 4), "the first export is in the trail by now"
