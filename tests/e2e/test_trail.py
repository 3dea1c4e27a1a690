"""Each kind of entry of the trail tells who, for what, where from, under which permission and rule, and what it did."""

from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from api.demo.client import Client, Failed
from tests.waiting import until

TRACE = uuid4().hex
TOLD = {"Everlog-Reason": "a walk", "Everlog-Session": "walk-1", "User-Agent": "walker/1"}
WHENCE = {"ip": "127.0.0.1", "session": "walk-1", "agent": "walker/1", "reason": "a walk"}
BODY = {"name": "Ada", "email": "ada@example.org", "industry": "engines"}


class Walk:
    """An organisation of its own, and what was done in it, one of each kind."""

    def __init__(self, house, ask):
        made = ask("tenants", "create", "Walk")
        self.tenant, self.admin = made["tenant"], made["id"]
        self.client = Client(house.url, UUID(self.tenant), made["key"])
        viewer, revoked = (ask("api-keys", "create", self.tenant, "--role", "Viewer") for _ in range(2))
        ask("api-keys", "revoke", self.tenant, revoked["id"])
        self.viewer, self.revoked = viewer["id"], revoked["id"]
        self.person = self.ask("POST", "/v1/prospects", json=BODY).json()["id"]
        self.ask("POST", f"/v1/prospects/{self.person}/stage", json={"stage": "qualified"})
        self.ask("POST", f"/v1/prospects/{self.person}/signals", json={"kind": "visit", "strength": 0.7})
        until(lambda: self.found(type="predictions.made"))
        self.ask("GET", f"/v1/prospects/{self.person}")
        self.ask("GET", "/v1/prospects?stage=qualified")
        self.ask("GET", "/v1/audit/export?format=csv")
        self.ask("POST", f"/v1/privacy/erasures/{self.person}", json={"basis": "objection"})
        for key in (viewer["key"], revoked["key"]):
            with suppress(Failed):
                self.ask("POST", f"/v1/prospects/{self.person}/stage", key, json={"stage": "offer"})
        ask("audit", self.tenant, "--limit", "1", EVERLOG_REASON="a walk")
        prediction = self.found(type="predictions.made")[0]["resource"]
        ask("predictions", "recompute", prediction, "--tenant", self.tenant, EVERLOG_REASON="a walk")

    def ask(self, method, path, key="", **named):
        headers = TOLD | {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        headers |= {"Authorization": f"Bearer {key}"} if key else {}
        return self.client.ask(method, path, headers=headers, **named)

    def found(self, **asked):
        return self.client.ask("GET", "/v1/audit", params=asked).json()["items"]

    def one(self, **asked):
        """The entry of this kind that the walk has left, with what it changed."""
        [entry] = until(lambda: self.found(**asked))[-1:]
        return self.client.ask("GET", f"/v1/audit/{entry['position']}").json()


@pytest.fixture(scope="module")
def walk(house, ask):
    return Walk(house, ask)


KINDS = {
    "command": {"type": "prospects.captured"},
    "change": {"type": "prospects.stage-moved"},
    "refusal": {"code": "access.denied"},
    "export": {"type": "exports.begun"},
    "erasure": {"capability": "privacy"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_who_asked_for_it_where_from_why_and_what_allowed_it(walk, kind):
    entry = walk.one(**KINDS[kind])["entry"]
    who = walk.viewer if kind == "refusal" else walk.admin
    assert (entry["actor_kind"], entry["actor"]) == ("key", who)
    assert entry["circumstances"] == WHENCE
    assert all(entry[name] for name in ("permission", "rule", "capability", "resource", "event", "correlation", "at"))
    assert entry["trace"].split("-")[1] == TRACE
    assert entry["position"] > 0
    assert entry["outcome"] == ("refused" if kind == "refusal" else "accepted")


@pytest.mark.parametrize(("query", "rows"), [("prospects.get", 1), ("prospects.list", 1)])
def test_a_read_tells_the_same_and_whom_it_showed(walk, query, rows):
    def of_query():
        found = [
            walk.client.ask("GET", f"/v1/audit/{each['position']}").json() for each in walk.found(type="audit.read")
        ]
        return [each for each in found if each["fact"]["query"] == query]

    read = until(of_query)[-1]
    entry, [look] = read["entry"], read["fact"]["looks"]
    assert (entry["actor"], entry["circumstances"]) == (walk.admin, WHENCE)
    assert (entry["permission"], bool(entry["rule"])) == ("prospects.read-personal", True)
    assert (look["rows"], look["subjects"]) == (rows, [walk.person])
    assert entry["correlation"] == look["correlation"]
    assert entry["trace"].split("-")[1] == TRACE
    for name in ("correlation", "trace"):
        assert entry["position"] in {each["position"] for each in walk.found(**{name: look[name]})}
    assert entry["subject"] == walk.person


def test_what_changed_is_told_field_by_field(walk):
    changes = {each["field"]: each for each in walk.one(type="prospects.stage-moved")["changes"]}
    assert (changes["stage"]["before"], changes["stage"]["after"]) == ("new", "qualified")
    captured = {each["field"]: each["after"] for each in walk.one(type="prospects.captured")["changes"]}
    assert "Ada" in str(captured)


def test_a_decision_of_a_model_names_model_version_and_cause(walk):
    entry = walk.one(type="predictions.made")["entry"]
    assert entry["actor_kind"] == "model"
    assert (entry["model"], len(entry["model_version"])) == ("prospects.conversion", 64)
    assert entry["subject"] == walk.person
    assert entry["trace"].split("-")[1] == TRACE
    caused = walk.one(event=entry["causation"])["entry"]
    assert caused["type"] == "prospects.signal-observed"
    assert entry["correlation"] == caused["correlation"]


def test_a_key_that_was_revoked_is_told_of_where_it_belonged(walk):
    entry = walk.one(code="auth.revoked")["entry"]
    assert (entry["command"], entry["outcome"], entry["actor_kind"]) == ("authenticate", "refused", "system")
    assert (entry["capability"], entry["resource"]) == ("api_keys", walk.revoked)
    assert entry["circumstances"] == WHENCE


def test_what_operators_do_and_look_at_is_told(walk):
    issued = walk.one(type="api_keys.issued")["entry"]
    assert issued["actor_kind"] == "operator"
    until(lambda: len(walk.found(type="audit.operated")) == 2)
    told = [
        walk.client.ask("GET", f"/v1/audit/{each['position']}").json() for each in walk.found(type="audit.operated")
    ]
    assert [each["fact"]["command"] for each in told] == ["predictions recompute", "audit"]
    for each in told:
        assert (each["entry"]["actor_kind"], each["entry"]["circumstances"]["reason"]) == ("operator", "a walk")
        assert each["entry"]["circumstances"]["session"].startswith("terminal:")
        assert each["entry"]["circumstances"]["agent"].startswith("everlog ")
