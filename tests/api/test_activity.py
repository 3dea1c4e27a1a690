"""The trail counted: the same figures as by counting entries one by one, for every way that they are come by."""

import sys
from collections import Counter
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from projections.audit import activity as kept
from projections.audit import actors
from projections.audit.activity import FACETS
from tests.waiting import until

COUNTS = sys.modules["projections.audit.activity"]
"""The package has something else of that name."""
LATER = timedelta(days=1)


@pytest.fixture(scope="module")
def busy(world):
    """An organisation that nobody else asks, with a few prospects and two refusals; the last position."""
    tenant, person, last = world.tenant(), {}, None
    for industry in ("looms", "looms", "mines"):
        person = {"name": "Ada", "email": f"{uuid4()}@example.org", "industry": industry}
        done = world.ask("POST", "/v1/prospects", tenant.keys["Member"], json=person)
        world.ask("POST", f"/v1/prospects/{done.json()['id']}/stage", tenant.keys["Manager"], json={"stage": "met"})
    # Who counts has come in before, so that what is recorded of that is among what is counted.
    world.ask("GET", "/v1/audit/facets", tenant.keys["Auditor"])
    for _ in range(2):
        last = world.ask("POST", "/v1/prospects", tenant.keys["Viewer"], json=person)
    assert last
    return tenant, {"Everlog-Min-Position": last.headers["Everlog-Position"]}


@pytest.fixture
def ask(world, busy):
    def ask(path, role="Auditor", method="GET", **named):
        tenant, headers = busy
        answer = world.ask(method, path, tenant.keys[role], headers=headers, **named)
        assert answer.status_code == 200, answer.json()
        return answer.json()

    return ask


def entries(ask, **asked):
    return ask("/v1/audit", params={**asked, "limit": 200})["items"]


def counted(items, *more):
    counts = {name: Counter(each[name] for each in items if each[name]) for name in (*FACETS, "actor", *more)}
    return {name: sorted(values.items()) for name, values in counts.items()}


def facets(answer):
    assert answer["whole"]
    assert all(each["whole"] for each in answer["facets"])
    return {
        each["name"]: sorted((value["value"], value["count"]) for value in each["values"]) for each in answer["facets"]
    }


def begin(at, per="day"):
    hour = datetime.fromisoformat(at).replace(minute=0, second=0, microsecond=0)
    return hour if per == "hour" else hour.replace(hour=0)


FILTERS = [
    {"capability": "api_keys"},
    {"capability": "prospects"},
    {"outcome": "refused"},
    {"type": "prospects.captured", "actor_kind": "key"},
    {"asked_permission": "prospects.capture"},
    {"q": "looms"},
    {"code": "access.denied"},
    {"rule": "p, role:Member, prospects.capture"},
    {"code": "access.denied", "position_least": 4},
    {"position_least": 4, "capability": "prospects"},
]


@pytest.mark.parametrize("asked", FILTERS, ids=str)
def test_facets_are_what_counting_entries_gives(ask, asked):
    items = entries(ask, **asked)
    answer = ask("/v1/audit/facets", params=asked)
    assert facets(answer) == counted(items)
    assert answer["total"] == len(items) > 1
    assert all(
        [each["count"] for each in facet["values"]] == sorted((each["count"] for each in facet["values"]), reverse=True)
        for facet in answer["facets"]
    )


@pytest.mark.parametrize("asked", FILTERS, ids=str)
def test_resources_are_counted_where_that_is_asked_for(ask, asked):
    items = entries(ask, **asked)
    answer = ask("/v1/audit/facets", params={**asked, "resources": "true"})
    assert facets(answer) == counted(items, "resource")
    assert answer["total"] == len(items)
    assert "resource" not in facets(ask("/v1/audit/facets", params=asked))


@pytest.mark.parametrize("more", [{}, {"outcome": "accepted"}, {"capability": "prospects"}], ids=str)
def test_facets_of_an_actor_are_what_counting_their_entries_gives(world, busy, ask, more):
    """Of who counts, nothing is recorded meanwhile: the others look."""
    asked = {**more, "actor": str(busy[0].ids["Member"])}
    items = entries(ask, **asked)
    assert facets(ask("/v1/audit/facets", params=asked)) == counted(items)
    assert counted(items)["actor"] == [(asked["actor"], len(items))]
    assert len(items) > 1


@pytest.mark.parametrize("asked", [{"outcome": "accepted"}, {"q": "prospects"}], ids=str)
def test_a_facet_with_more_values_than_are_told_says_so(ask, monkeypatch, asked):
    asked |= {"capability": "prospects", "resources": "true"}
    before = {each["name"]: each for each in ask("/v1/audit/facets", params=asked)["facets"]}
    assert all(each["whole"] for each in before.values())
    monkeypatch.setattr(COUNTS, "TOP", 1)
    answer = ask("/v1/audit/facets", params=asked)
    assert answer["whole"]
    for each in answer["facets"]:
        values = before[each["name"]]["values"]
        assert (each["values"], each["whole"]) == (values[:1], len(values) <= 1), each
    assert {each["name"] for each in answer["facets"] if not each["whole"]} >= {"type", "resource"}


@pytest.mark.parametrize("asked", FILTERS, ids=str)
@pytest.mark.parametrize("per", ["day", "hour"])
def test_a_timeline_is_what_counting_entries_gives(ask, asked, per):
    begins = [begin(each["at"], per) for each in entries(ask, **asked)]
    answer = ask("/v1/audit/timeline", params={**asked, "per": per})
    found = {datetime.fromisoformat(each["at"]): each["count"] for each in answer["points"]}
    assert found == Counter(begins)
    assert (answer["total"], answer["whole"]) == (len(begins), True)


def test_without_a_filter_everything_is_counted(ask):
    before, answer, after = entries(ask), ask("/v1/audit/facets"), entries(ask)
    # Meanwhile reads of ours arrive in the log.
    assert len(before) <= answer["total"] <= len(after)
    assert {name for name, _ in facets(answer)["capability"]} >= {"prospects", "orgs", "api_keys"}


def test_days_and_moments_bound_what_is_counted(ask):
    items = entries(ask, capability="prospects")
    day, middle = begin(items[0]["at"]), items[2]["at"]
    for since, before in ((day, day + LATER), (day + LATER, day + 2 * LATER), (day - LATER, day)):
        span = {"capability": "prospects", "since": since.isoformat(), "before": before.isoformat()}
        expected = len(items) if since == day else 0
        assert ask("/v1/audit/facets", params=span)["total"] == expected
        assert ask("/v1/audit/timeline", params=span)["total"] == expected
    late = ask("/v1/audit/facets", params={"capability": "prospects", "since": middle})
    assert late["total"] == len([each for each in items if each["at"] >= middle])


def test_what_is_about_persons_is_counted_by_a_body_and_by_right(world, busy, ask):
    refused = world.ask("POST", "/v1/audit/facets/find", busy[0].keys["Auditor"], json={"about": "ada"})
    assert refused.json()["code"] == "access.denied"
    for name in ("facets", "timeline"):
        assert ask(f"/v1/audit/{name}/find", "Admin", "POST", json={"about": "ada"})["total"] == 3
    assert (
        ask("/v1/audit/facets/find", "Auditor", "POST", json={"ip": "127.0.0.1", "type": "prospects.captured"})["total"]
        == 3
    )


def test_the_sums_are_kept_and_not_counted_anew(world, busy, ask):
    """The control: a sum that somebody changed in the database is what is told."""
    tenant, _ = busy
    table = f"everlog.view_{kept.name}_{kept.of.version}_{kept.version}"
    where = "where tenant_id = %s and type = 'prospects.captured'"
    world.keeper.query(tenant.id, f"update {table} set change = change + 100 {where}", [tenant.id])
    asked = {"capability": "prospects"}

    def told():
        """What the three say, at about the same moment: more may be recorded meanwhile."""
        totals = [ask(f"/v1/audit/{each}", params=asked)["total"] for each in ("facets", "timeline")]
        return totals == [len(entries(ask, **asked)) + 100] * 2

    try:
        assert until(told)
    finally:
        world.keeper.query(tenant.id, f"update {table} set change = change - 100 {where}", [tenant.id])


def test_actors_are_summed_up_too(world, busy, ask):
    """The control, as above: where the filter is of what they are summed up by, and not elsewhere."""
    tenant, _ = busy
    id = tenant.ids["Manager"]
    sql = f"update everlog.view_{actors.name}_{actors.of.version}_{actors.version} set change = change + %s"
    where = " where tenant_id = %s and actor = %s and outcome = 'accepted'"

    def told(**asked):
        return dict(facets(ask("/v1/audit/facets", params=asked))["actor"])[str(id)]

    before = told(outcome="accepted")
    assert before == told(outcome="accepted", position_least=1) > 1
    world.keeper.query(tenant.id, sql + where, [100, tenant.id, id])
    try:
        assert told(outcome="accepted") == before + 100
        assert told(outcome="accepted", position_least=1) == before
    finally:
        world.keeper.query(tenant.id, sql + where, [-100, tenant.id, id])
