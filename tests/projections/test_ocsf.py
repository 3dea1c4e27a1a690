"""Every entry is an event with what its class of the schema requires, and nothing of a person leaves unasked."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain.kernel import Circumstances, Erased, Sealed
from projections import ocsf
from projections.audit import Entry
from projections.audit.told import NOTHING, Told
from projections.ocsf import Anchor

ANCHOR = Anchor(tenant=UUID(int=7), generation=2, leaf=b"\x01" * 32, size=40)
GOLDEN = Path(__file__).parent.parent / "golden" / "facts.json"
TAGS = sorted(json.loads(GOLDEN.read_text(encoding="utf-8")))
EVERY = {
    *("activity_id", "category_uid", "class_uid", "type_uid", "time", "severity_id", "metadata"),
}
"""The base event's required attributes."""
REQUIRED = {
    3001: {"user"},
    3002: {"user", "service"},
    3004: {"entity"},
    6003: {"actor", "api", "src_endpoint"},
    6005: {"actor", "src_endpoint", "database"},
}
"""Those of each class, and of its constraint "at least one of" the one that is filled."""
ACTIVITIES = {
    3001: {*range(13), 99},
    3002: {*range(8), 99},
    3004: {*range(5), 99},
    6003: {*range(5), 99},
    6005: {*range(11), 99},
}
KNOWN = Circumstances("203.0.113.9", "canary-session", "canary-agent", "canary-reason")


def entry(type: str = "prospects.captured", **others: object) -> Entry:
    made = Entry(
        position=9,
        at=datetime(2026, 1, 1, 0, 0, 0, 1500, UTC),
        actor_kind="user",
        actor=UUID(int=1),
        type=type,
        capability=type.partition(".")[0],
        resource=UUID(int=2),
        version=3,
        permission="prospects.capture",
        rule="role:Member",
        outcome="accepted",
        code="",
        command="",
        event=UUID(int=3),
        circumstances=KNOWN,
    )
    return replace(made, **others)


def event(each: Entry, anchor: Anchor, told: Told = NOTHING, **named: bool) -> dict[str, Any]:
    return ocsf.event(each, anchor, told, **named)


def refused(command: str = "prospects.Capture") -> Entry:
    return entry("audit.refused", outcome="refused", code="access.denied", command=command, capability="prospects")


CASES = [*map(entry, TAGS), refused(), refused("authenticate")]


def wanting(made: dict[str, Any]) -> set[str]:
    """Which required attributes are missing, and which values no activity of the class has."""
    uid = made["class_uid"]
    missing = (EVERY | REQUIRED[uid]) - made.keys()
    if made["activity_id"] not in ACTIVITIES[uid]:
        missing.add("activity_id")
    return missing


@pytest.mark.parametrize("each", CASES, ids=lambda each: f"{each.type} {each.command}".strip())
def test_every_entry_has_what_its_class_requires(each):
    made = event(each, ANCHOR)
    assert wanting(made) == set()
    assert made["type_uid"] == made["class_uid"] * 100 + made["activity_id"]
    assert made["class_uid"] // 1000 == made["category_uid"]
    assert made["metadata"]["product"].keys() >= {"name", "vendor_name"}
    assert json.loads(json.dumps(made)) == made


def test_control_what_is_missing_would_be_seen():
    made = event(entry(), ANCHOR)
    assert wanting({name: made[name] for name in made if name != "src_endpoint"}) == {"src_endpoint"}
    assert wanting(made | {"activity_id": 42}) == {"activity_id"}


@pytest.mark.parametrize(
    ("each", "uid"),
    [
        (refused("authenticate"), 300201),
        (entry("audit.signed-in", capability="api_keys"), 300201),
        (entry("api_keys.issued"), 300101),
        (entry("api_keys.revoked"), 300105),
        (entry("orgs.role-changed"), 300199),
        (entry("tenancy.created"), 300401),
        (entry("prospects.captured"), 600506),
        (entry("predictions.made"), 600399),
        (refused(), 600399),
    ],
)
def test_entries_are_of_the_class_that_tells_most(each, uid):
    assert event(each, ANCHOR)["type_uid"] == uid


def test_a_refusal_is_a_failure_with_its_code():
    made = event(refused(), ANCHOR)
    assert (made["status_id"], made["status_code"], made["severity_id"]) == (2, "access.denied", 3)


def test_a_sign_in_is_the_success_of_what_fails_as_an_authentication():
    came, stranger = (
        event(each, ANCHOR, circumstances=True)
        for each in (entry("audit.signed-in", capability="api_keys"), refused("authenticate"))
    )
    assert [(each["class_name"], each["activity_id"], each["status"]) for each in (came, stranger)] == [
        ("Authentication", 1, "Success"),
        ("Authentication", 1, "Failure"),
    ]
    assert (came["src_endpoint"]["ip"], came["actor"]["session"]["uid"]) == (KNOWN.ip, KNOWN.session)


EDITED = {"sound": False, "faults": [{"kind": "altered", "count": 1}, {"kind": "rows", "count": 2}]}
FORKED = {"witness": "w.example", "why": "remembers another history"}


@pytest.mark.parametrize(
    ("type", "fact", "severity", "message"),
    [
        ("proofs.checked", EDITED, 5, "the record is not sound: altered, rows"),
        ("proofs.disputed", FORKED, 5, "a witness disputes the record: remembers another history"),
        ("audit.damaged", {"places": 1}, 4, "reads that were answered may be missing"),
        ("deliveries.rejected", {"why": "It answers 403."}, 4, "a destination refuses the trail: It answers 403."),
    ],
)
def test_what_somebody_is_to_be_woken_for_is_a_grave_failure(type, fact, severity, message):
    made = event(entry(type), ANCHOR, Told(fact, ()))
    assert (made["status_id"], made["status"], made["status_code"]) == (2, "Failure", type)
    assert (made["severity_id"], made["message"]) == (severity, message)
    assert made["api"]["response"] == {"error": type}
    assert wanting(made) == set()


@pytest.mark.parametrize(("type", "fact"), [("proofs.checked", {"sound": True, "faults": []}), ("proofs.agreed", {})])
def test_control_a_record_that_is_sound_is_no_alarm(type, fact):
    made = event(entry(type), ANCHOR, Told(fact, ()))
    assert (made["status_id"], made["severity_id"], made["api"]["response"]) == (1, 1, {"code": 200})


def test_each_event_carries_what_verifies_it():
    made = event(entry(), ANCHOR)
    assert made["metadata"]["uid"] == str(UUID(int=3))
    assert made["time"] == 1767225600001
    assert (
        made["unmapped"].items()
        >= {
            "tenant": str(ANCHOR.tenant),
            "generation": 2,
            "position": 9,
            "leaf": "01" * 32,
            "checkpoint_size": 40,
        }.items()
    )


@pytest.mark.parametrize("value", [Erased(), Sealed(UUID(int=1), "binding", b"box"), None])
def test_what_is_erased_or_sealed_is_withheld(value):
    made = event(entry(circumstances=value), ANCHOR, circumstances=True)
    assert made["src_endpoint"] == {"name": "withheld"}
    assert "box" not in json.dumps(made)


def test_nothing_of_a_person_leaves_unasked():
    made = json.dumps(event(entry(), ANCHOR))
    assert not [value for value in (KNOWN.ip, KNOWN.session, KNOWN.agent, KNOWN.reason) if value in made]


def test_control_what_is_asked_for_leaves():
    made = json.dumps(event(entry(), ANCHOR, circumstances=True))
    assert all(value in made for value in (KNOWN.ip, KNOWN.session, KNOWN.agent, KNOWN.reason))


def test_a_change_of_role_is_the_member_s():
    fact = {"left": "Viewer", "taken": "Admin"}
    made = event(entry("orgs.role-changed"), ANCHOR, Told(fact, (), UUID(int=5), "Admin"))
    assert made["user"] == {
        "uid": str(UUID(int=5)),
        "type_id": 1,
        "type": "user",
        "org": {"uid": str(UUID(int=2))},
        "groups": [{"name": "Admin", "type": "role"}],
    }
    assert made["unmapped"]["fact"] == fact


def test_a_read_tells_who_was_shown_to_whom_and_by_which_query():
    ada, bob = UUID(int=5), UUID(int=6)
    fact = {"query": "prospects.list", "fields": ["name"]}
    made = event(entry("audit.read"), ANCHOR, Told(fact, (ada, bob, UUID(int=1)), shown=(ada, bob), rows=7))
    assert made["resources"] == [{"uid": str(each), "type": "person"} for each in (ada, bob)]
    assert made["api"]["operation"] == "prospects.list"
    assert (made["unmapped"]["rows"], made["unmapped"]["fact"]) == (7, fact)
    assert wanting(made) == set()


def test_all_persons_and_the_model_leave():
    ada, bob = UUID(int=5), UUID(int=6)
    each = entry("predictions.made", subject=ada, model="prospects.conversion", model_version="ab" * 32)
    left = event(each, ANCHOR, Told({}, (ada, bob)))["unmapped"]
    assert left["subjects"] == [str(ada), str(bob)]
    assert (left["model"], left["model_version"]) == ("prospects.conversion", "ab" * 32)
