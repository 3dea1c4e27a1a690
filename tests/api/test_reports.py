"""Compliance reports over HTTP: asked for once, the same ever after, and never taken away unnoticed."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.postgres.views import Views
from adapters.reports import Schedules
from application.api_keys import Revoke
from application.reports import Due, Reporting
from domain.reports import KINDS
from tests.api.journal.story import captured, reads
from tests.waiting import until

EVER = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def tenant(world):
    tenant = world.tenant()
    person(world, tenant)
    return tenant


def person(world, tenant):
    body = {"name": "Ada Lovelace", "email": f"{uuid4()}@example.org"}
    return world.ask("POST", "/v1/prospects", tenant.keys["Admin"], json=body).json()["id"]


def make(world, tenant, kind, role="Auditor", **period):
    body = {"kind": kind, **EVER, **period}
    made = world.ask("POST", "/v1/reports", tenant.keys[role], json=body)
    assert made.status_code == 201, made.text
    return made.json()["id"]


def take(world, tenant, id, kind="json", role="Auditor"):
    taken = world.ask("GET", f"/v1/reports/{id}/file?format={kind}", tenant.keys[role])
    assert taken.status_code == 200, taken.text
    return taken


def told(world, tenant, kind, role="Auditor"):
    return take(world, tenant, make(world, tenant, kind), role=role).json()


def section(report, title):
    [found] = [each for each in report["sections"] if each["title"] == title]
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_made_and_taken_in_every_form(world, tenant, kind):
    id = make(world, tenant, kind)
    media = {"json": "application/json", "pdf": "application/pdf", "xlsx": "application/vnd.openxmlformats"}
    taken = {each: take(world, tenant, id, each) for each in media}
    assert all(taken[each].headers["Content-Type"].startswith(media[each]) for each in media)
    assert all(f"{id}.{each}" in taken[each].headers["Content-Disposition"] for each in media)
    assert taken["pdf"].content.startswith(b"%PDF")
    assert taken["xlsx"].content.startswith(b"PK")


def test_a_report_stays_as_it_was_whatever_comes(world, tenant):
    id = make(world, tenant, "changes")
    first = take(world, tenant, id, "pdf").content
    world.key(tenant, "Viewer", "Late")
    person(world, tenant)
    assert take(world, tenant, id, "pdf").content == first
    later = told(world, tenant, "changes")
    assert str(tenant.ids["Late"]) in str(later)
    assert str(tenant.ids["Late"]) not in str(take(world, tenant, id).json())


def test_what_leaves_is_recorded_with_its_digest(world, tenant):
    id = make(world, tenant, "access-review")
    taken = take(world, tenant, id, "xlsx")
    position = taken.headers["Everlog-Position"].partition(":")[2]
    entry = world.ask(
        "GET", f"/v1/audit/{position}", tenant.keys["Auditor"], headers={"Everlog-Min-Position": f"1:{position}"}
    ).json()
    assert entry["entry"]["type"] == "reports.taken"
    assert entry["fact"]["digest"] == hashlib.sha256(taken.content).hexdigest()
    assert entry["entry"]["actor"] == str(tenant.ids["Auditor"])


def test_the_review_tells_who_may_do_what(world, tenant):
    world.key(tenant, "Member", "Gone")
    world.do(tenant.id, Revoke(), tenant.ids["Gone"])
    keys = {each["Key"]: each for each in section(told(world, tenant, "access-review"), "API keys")}
    assert keys[str(tenant.ids["Gone"])]["State"] == "revoked"
    assert keys[str(tenant.ids["Auditor"])]["Role"] == "Auditor"
    assert keys[str(tenant.ids["Auditor"])]["State"] == "in force"
    assert keys[str(tenant.ids["Admin"])]["Its kind"]
    assert [each["Role"] for each in section(told(world, tenant, "access-review"), "Members")] == ["Admin"]


def test_the_data_access_report_tells_who_saw_whom(world, tenant):
    id = person(world, tenant)
    until(lambda: world.ask("GET", f"/v1/prospects/{id}", tenant.keys["Member"]).is_success)
    found = until(lambda: [each for each in looks(world, tenant) if id in each["Who"]])
    assert found[0]["Actor"] == f"key:{tenant.ids['Member']}"
    assert found[0]["Rule"]
    assert "email" in found[0]["Fields"]


def looks(world, tenant):
    return section(told(world, tenant, "data-access"), "Answers that showed personal data")


def test_who_was_shown_nothing_personal_is_in_no_report_of_who_was(world):
    tenant = world.tenant()
    _, position, _ = captured(world, tenant)
    waits = {"Everlog-Min-Position": position}
    for role in ("Viewer", "Member"):
        assert world.ask("GET", "/v1/prospects", tenant.keys[role], waits).json()["items"]
    both = {tenant.ids["Viewer"], tenant.ids["Member"]}
    until(lambda: both <= {each.meta.actor.id for each in reads(world, tenant)}), "both lists are on record"
    report = told(world, tenant, "data-access")
    for title in ("By reader", "Answers that showed personal data"):
        actors = {each["Actor"] for each in section(report, title)}
        assert actors == {f"key:{tenant.ids['Member']}"}, "a Viewer's list shows no field about a person"


def test_no_report_shows_what_identifies_a_person(world, tenant):
    for kind in KINDS:
        assert "Lovelace" not in take(world, tenant, make(world, tenant, kind)).text


def test_the_records_of_processing_name_every_personal_field(world, tenant):
    kept = {
        each["Kind of fact"]: each for each in section(told(world, tenant, "processing"), "What is kept about persons")
    }
    assert kept["prospects.captured"]["Personal fields"].startswith("name, email")
    assert kept["prospects.captured"]["Persons"] >= 1
    assert "predictions.made" in kept


def test_an_answer_about_several_counts_each_of_them(world):
    tenant = world.tenant()
    people = [captured(world, tenant, name) for name in ("Ada", "Bob")]
    world.ask("GET", "/v1/prospects", tenant.keys["Member"], {"Everlog-Min-Position": people[-1][1]})
    until(lambda: reads(world, tenant))
    kept = section(told(world, tenant, "processing"), "What is kept about persons")
    [read] = [each for each in kept if each["Kind of fact"] == "audit.read"]
    assert (read["Recorded"], read["Persons"]) == (1, 3), "both, and the reader, whose filter it is"


def destination(world, tenant, name):
    """A destination of the trail that was added, and its secret."""
    secret = f"token-{uuid4().hex}"
    body = {"name": name, "kind": "http", "address": f"https://siem.example/{name}", "secret": secret}
    added = world.ask("POST", "/v1/deliveries", tenant.keys["Admin"], json=body)
    assert added.status_code == 201, added.text
    return added.json()["id"], secret


def test_what_changes_where_the_trail_goes_the_keys_and_the_searches_is_a_change(world):
    tenant = world.tenant()
    id, secret = destination(world, tenant, "first")
    rotated = world.ask("POST", "/v1/keys/rotation", tenant.keys["Admin"], json={})
    search = {"name": "Refusals", "filter": {"outcome": "refused"}}
    saved = world.ask("POST", "/v1/searches", tenant.keys["Auditor"], json=search)
    assert rotated.is_success
    assert saved.is_success
    report = told(world, tenant, "changes")
    found = {each["Kind"]: each for each in section(report, "Settings and permissions")}
    assert {"deliveries.added", "keys.rotation-asked", "searches.saved"} <= found.keys()
    added = found["deliveries.added"]
    assert (added["Actor"], added["Of"]) == (f"key:{tenant.ids['Admin']}", f"deliveries/{id}")
    assert "https://siem.example/first" in added["What was recorded"]
    assert "secret" not in added["What was recorded"], "sealed as it is, it is nobody's to read"
    assert secret not in str(report)


def test_where_the_trail_is_delivered_are_recipients(world):
    tenant = world.tenant()
    (stays, _), (gone, _) = destination(world, tenant, "stays"), destination(world, tenant, "gone")
    assert world.ask("POST", f"/v1/deliveries/{gone}/removal", tenant.keys["Admin"], json={}).is_success
    for kind in ("processing", "data-access"):
        found = {each["Destination"]: each for each in section(told(world, tenant, kind), WHERE)}
        assert set(found) == {stays, gone}
        assert (found[stays]["Address"], found[stays]["Removed"]) == ("https://siem.example/stays", None)
        assert found[gone]["Removed"]
        # Who was added before the period goes on to get what is recorded, and who was removed before it does not.
        now = datetime.now(UTC).isoformat()
        later = take(world, tenant, make(world, tenant, kind, since=now)).json()
        assert {each["Destination"] for each in section(later, WHERE)} == {stays}


WHERE = "Where the trail is delivered"


def test_the_period_ends_where_it_ends(world, tenant):
    now = datetime.now(UTC)
    past = {"since": "2020-01-01T00:00:00Z", "until": (now - timedelta(days=1)).isoformat()}
    report = take(world, tenant, make(world, tenant, "changes", **past)).json()
    assert section(report, "Settings and permissions") == []
    ahead = take(world, tenant, make(world, tenant, "changes")).json()
    assert ahead["until"] == ahead["asked_at"]


def planned(world, tenant):
    return world.ask("GET", "/v1/reports/schedules", tenant.keys["Auditor"]).json()["items"]


def schedule(world, tenant, id, every="day", role="Auditor"):
    body = {"kind": "changes", "every": every}
    return world.ask("POST", f"/v1/reports/schedules/{id}", tenant.keys[role], json=body)


def reporting(world, tenant, monkeypatch, later):
    """What a worker does, so much later."""
    now = datetime.now(UTC) + later

    class Clock(datetime):
        @classmethod
        def now(cls, zone=None):
            return now.astimezone(zone)

    monkeypatch.setattr("application.reports.datetime", Clock)
    views = Views(tenant.id, world.keeper, world.logs.of(tenant.id))
    return Reporting(world.logs.of(tenant.id), Schedules(views, world.keeper).due)


def test_a_schedule_asks_at_the_end_of_each_period_and_once(world, tenant, monkeypatch):
    id = uuid4()
    assert schedule(world, tenant, id).status_code == 200
    until(lambda: [each for each in planned(world, tenant) if each["id"] == str(id)])
    assert reporting(world, tenant, monkeypatch, timedelta()).advance() == 0
    later = reporting(world, tenant, monkeypatch, timedelta(days=3))
    assert later.advance() == 3
    # Whether the views have heard of them by now or not, there are no more of them.
    assert later.advance() == 0
    asked = f"/v1/reports?schedule={id}"
    found = until(
        lambda: len(rows := world.ask("GET", asked, tenant.keys["Auditor"]).json()["items"]) == 3 and rows, 60
    )
    days = sorted((each["since"], each["until"]) for each in found)
    assert [since for since, _ in days][1:] == [ends for _, ends in days][:-1]
    assert {each["asked_by"].partition(":")[0] for each in found} == {"system"}
    [row] = [each for each in planned(world, tenant) if each["id"] == str(id)]
    assert (row["asked"], row["since"]) == (3, days[-1][1])
    assert take(world, tenant, found[0]["id"], "pdf").content.startswith(b"%PDF")


def test_what_was_ended_asks_no_more(world, tenant, monkeypatch):
    id = uuid4()
    assert schedule(world, tenant, id).status_code == 200
    until(lambda: [each for each in planned(world, tenant) if each["id"] == str(id)])
    ended = world.ask("POST", f"/v1/reports/schedules/{id}/end", tenant.keys["Auditor"], json={})
    assert ended.status_code == 200
    # The log ends it, whatever the views say by then.
    due = Due(id, datetime.now(UTC) - timedelta(days=9))
    later = reporting(world, tenant, monkeypatch, timedelta(days=3))
    monkeypatch.setattr(later, "_due", lambda _: [due])
    assert later.advance() == 0


def test_a_schedule_keeps_its_kind(world, tenant):
    id = uuid4()
    assert schedule(world, tenant, id).status_code == 200
    again = schedule(world, tenant, id, "year")
    assert (again.status_code, again.json()["code"]) == (409, "reports.exists")
    none = world.ask("POST", f"/v1/reports/schedules/{uuid4()}/end", tenant.keys["Auditor"], json={})
    assert (none.status_code, none.json()["code"]) == (404, "reports.unknown")


def test_what_covers_no_time_is_refused(world, tenant):
    body = {"kind": "changes", "since": EVER["until"], "until": EVER["since"]}
    refused = world.ask("POST", "/v1/reports", tenant.keys["Auditor"], json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "reports.empty")


def test_there_is_no_other_organisations_report(world, tenant, other):
    id = make(world, tenant, "changes")
    for path in (f"/v1/reports/{id}", f"/v1/reports/{id}/file"):
        answer = world.ask("GET", path, other.keys["Auditor"])
        assert (answer.status_code, answer.json()["code"]) == (404, "reports.unknown")


def test_they_are_listed(world, tenant):
    id = make(world, tenant, "erasures")
    take(world, tenant, id)
    found = world.ask("GET", "/v1/reports?kind=erasures", tenant.keys["Auditor"]).json()["items"]
    assert [each["kind"] for each in found] == ["erasures"] * len(found)
    assert id in {each["id"] for each in found}
    shown = until(lambda: (row := get(world, tenant, id))["taken"] and row)
    assert (shown["taken"], shown["asked_by"]) == (1, f"key:{tenant.ids['Auditor']}")


def get(world, tenant, id):
    return world.ask("GET", f"/v1/reports/{id}", tenant.keys["Auditor"]).json()
