"""The trail counted: the same figures as by counting entries one by one, for every way that they are come by."""

from collections import Counter
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from projections.audit import activity as kept
from projections.audit.activity import FACETS
from tests.waiting import until

LATER = timedelta(days=1)


@pytest.fixture(scope="module")
def busy(world):
    """An organisation that nobody else asks, with a few prospects and two refusals; the last position."""
    tenant, person, last = world.tenant(), {}, None
    for industry in ("looms", "looms", "mines"):
        person = {"name": "Ada", "email": f"{uuid4()}@example.org", "industry": industry}
        done = world.ask("POST", "/v1/prospects", tenant.keys["Member"], json=person)
        world.ask("POST", f"/v1/prospects/{done.json()['id']}/stage", tenant.keys["Manager"], json={"stage": "met"})
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


def counted(items):
    counts = {name: Counter(each[name] for each in items if each[name]) for name in FACETS}
    return {name: sorted(values.items()) for name, values in counts.items()}


def facets(answer):
    assert answer["whole"]
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
