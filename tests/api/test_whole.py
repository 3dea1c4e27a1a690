"""Whatever has a limit says so where there is more: chains, counts, who could see something, and reports."""

import sys
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

import api.access
import api.reports
from domain.audit import Denial
from domain.kernel import Actor, Meta
from domain.predictions import Refitted
from domain.privacy import ErasureCertified
from domain.reports import KINDS
from projections.audit import chain
from projections.reports import access, accesses, content
from tests.api.journal.story import captured, reads
from tests.api.test_privacy import predict
from tests.api.test_reports import destination, make, take
from tests.waiting import until

SYSTEM = Actor("system", UUID(int=0))
COUNTS = sys.modules["projections.audit.activity"]
"""The package has something else of that name."""


@pytest.fixture(scope="module")
def tenant(world):
    """An organisation with several of everything that a report tells of."""
    tenant = world.tenant()
    people = [captured(world, tenant, name) for name in ("Ada", "Bob")]
    waits = {"Everlog-Min-Position": people[-1][1]}
    for number, (id, *_) in enumerate(people):
        world.ask("GET", f"/v1/prospects/{id}", tenant.keys["Member"], waits)
        predict(world, tenant, str(id))
        refit = Refitted("prospects.conversion", number, "boosting", 1, 1, 1, "0" * 64, "test")
        append(world, tenant, f"predictions/{uuid4()}", refit)
        append(world, tenant, f"privacy/{id}", ErasureCertified(datetime.now(UTC), 1, 1, (), 0, 0))
        destination(world, tenant, str(number))
        for asked in ("stage", "win"):
            world.ask("POST", f"/v1/prospects/{id}/{asked}", tenant.keys["Viewer"], json=BODIES[asked])
        take(world, tenant, make(world, tenant, "erasures"))
    until(lambda: {id for id, *_ in people} <= {one for each in reads(world, tenant) for one in each.meta.subjects})
    return tenant


BODIES = {"stage": {"stage": "met"}, "win": {"value": 1, "currency": "EUR"}}


def append(world, tenant, stream, fact, causation=None):
    """The event's identifier and its position."""
    meta = Meta(event=uuid4(), actor=SYSTEM, permission="", causation=causation)
    return meta.event, world.logs.of(tenant.id).submit(stream, 0, [fact], meta).result(30).last


def sections(world, tenant, id):
    return {each["title"]: each for each in take(world, tenant, id).json()["sections"]}


PLACES = {"what is asked for": [api.reports], "what is shown": [content, access, accesses]}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_no_section_of_a_report_says_that_it_is_whole_where_it_is_not(world, tenant, monkeypatch, kind, place):
    id = make(world, tenant, kind)
    full = sections(world, tenant, id)
    assert all(each["whole"] for each in full.values()), "the control: nothing is left out"
    lacking = set()
    for most in (1, 2, 3):
        for module in PLACES[place]:
            monkeypatch.setattr(module, "MOST", most)
        for title, each in sections(world, tenant, id).items():
            if each["rows"] != full[title]["rows"]:
                lacking.add(title)
                assert not each["whole"], (title, most)
    assert lacking >= CUT[place].get(kind, set())


EVERY = {
    "access-review": {"API keys", "Changes of access"},
    "data-access": {"Answers that showed personal data", "What was taken away"},
    "changes": {"Settings and permissions", "Models"},
    "decisions": {"Models behind them"},
    "erasures": {"Requests and holds"},
}
CUT = {
    "what is shown": {**EVERY, "access-review": {"Changes of access"}},
    "what is asked for": EVERY
    | {
        "access-review": {*EVERY["access-review"], "What was refused"},
        "data-access": {*EVERY["data-access"], "By reader", "Where the trail is delivered"},
        "decisions": {*EVERY["decisions"], "Predictions"},
        "processing": {"What is kept about persons", "What was handed out", "Where the trail is delivered"},
        "erasures": {*EVERY["erasures"], "Certificates"},
    },
}
"""What a low limit leaves something out of, at the least."""


def test_a_section_that_holds_as_much_as_it_may_is_whole(world, tenant, monkeypatch):
    id = make(world, tenant, "access-review")
    count = len(sections(world, tenant, id)["API keys"]["rows"])
    for most, whole in ((count, True), (count - 1, False)):
        monkeypatch.setattr(api.reports, "MOST", most)
        keys = sections(world, tenant, id)["API keys"]
        assert (len(keys["rows"]), keys["whole"]) == (most, whole)


@pytest.mark.parametrize("name", ["causes", "effects"])
def test_a_chain_that_goes_on_says_so(world, tenant, monkeypatch, name):
    made = [append(world, tenant, f"audit/{uuid4()}", Denial("none", "none", "none"))]
    for _ in range(3):
        made.append(append(world, tenant, f"audit/{uuid4()}", Denial("none", "none", "none"), made[-1][0]))
    positions = [position for _, position in made]
    asked, *others = positions[::-1] if name == "causes" else positions
    waits = {"Everlog-Min-Position": str(positions[-1])}
    for longest, whole in ((3, True), (2, False)):
        monkeypatch.setattr(chain, "LONGEST", longest)
        told = world.ask("GET", f"/v1/audit/{asked}/{name}", tenant.keys["Auditor"], waits).json()
        assert ([each["position"] for each in told["items"]], told["whole"]) == (sorted(others[:longest]), whole)


@pytest.mark.parametrize("path", ["facets", "timeline", "timeline?per=hour"])
def test_a_count_that_is_of_the_newest_alone_says_so(world, tenant, monkeypatch, path):
    # What is asked for is none of what is summed up with the view, so entries are counted one by one.
    path = f"/v1/audit/{path}{'&' if '?' in path else '?'}code=access.denied&position_least=1"
    total = world.ask("GET", path, tenant.keys["Auditor"]).json()["total"]
    assert total > 2
    for most, told in ((total + 1, (total, True)), (total - 1, (total - 1, False))):
        monkeypatch.setattr(COUNTS, "MOST", most)
        answer = world.ask("GET", path, tenant.keys["Auditor"]).json()
        assert (answer["total"], answer["whole"]) == told


def test_more_keys_than_are_looked_at_are_told_of(world, tenant, monkeypatch):
    id, position, _ = captured(world, tenant)
    path, waits = f"/v1/audit/resources/prospects/{id}/access", {"Everlog-Min-Position": position}
    monkeypatch.setattr(api.access, "_PAGE", 1)
    for most, whole in ((len(tenant.ids), True), (len(tenant.ids) - 1, False)):
        monkeypatch.setattr(api.access, "MOST", most)
        assert world.ask("GET", path, tenant.keys["Auditor"], waits).json()["whole"] is whole
