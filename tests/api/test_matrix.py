"""Role by endpoint by tenant, from the document: callers get what their role holds, and nothing across tenants."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from application.api_keys import Revoke
from application.ports import Decision
from domain.access import ROLES

UNAUTHORIZED, FORBIDDEN, MISSING = 401, 403, 404


class Asking:
    """Sends each operation of the document, with values that its schema gives as examples."""

    def __init__(self, world):
        self.world = world
        self.document = world.ask("GET", "/openapi.json").json()

    def operations(self):
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                if operation["security"] and not path.startswith("/v1/events"):
                    yield method.upper(), path, operation

    def send(self, method, path, operation, key, id, **named):
        values = {"id": id, "position": "1", "model": "prospects.conversion", "tile": "0/000.p/1"}
        values["capability"] = "prospects"
        path = re.sub(r"{(\w+)}", lambda found: str(values[found[1]]), path)
        body = operation.get("requestBody")
        if body:
            named["json"] = self.sample(body["content"]["application/json"]["schema"])
            if "prospect" in named["json"]:
                named["json"]["prospect"] = str(id)
            for command in named["json"].get("commands", ()):
                command["id"] = str(id)
        return self.world.ask(method, path, key, **named)

    def sample(self, schema):
        if "$ref" in schema:
            return self.sample(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return self.sample(schema["anyOf"][-1])
        if fixed := schema.get("enum") or schema.get("examples"):
            return fixed[0]
        if schema["type"] == "object":
            sample = {name: self.sample(schema["properties"][name]) for name in schema.get("required", ())}
            return sample | ({"email": f"{uuid4()}@example.org"} if "email" in sample else {})
        return [self.sample(schema["items"])] if schema["type"] == "array" else str(uuid4())


def matrix(asking, tenant, id):
    """Where an answer is not what the caller's role holds."""
    wrong = []
    for method, path, operation in asking.operations():
        needed = operation.get("x-permission")
        for role, held in ROLES.items():
            status = asking.send(method, path, operation, tenant.keys[role], id).status_code
            allowed = needed is None or needed in held
            if (status == FORBIDDEN) == allowed or status == UNAUTHORIZED:
                wrong.append((role, method, path, status))
    return wrong


@pytest.fixture(scope="module")
def asking(world):
    return Asking(world)


@pytest.fixture(scope="module")
def theirs(world, other):
    """A prospect of the other tenant, which its views know."""
    return captured(world, other)


@pytest.fixture(scope="module")
def ours(world, acme):
    return captured(world, acme)


def captured(world, tenant):
    person = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    done = world.ask("POST", "/v1/prospects", tenant.keys["Admin"], json=person)
    waits = {"Everlog-Min-Position": done.headers["Everlog-Position"]}
    assert world.ask("GET", "/v1/prospects", tenant.keys["Admin"], headers=waits).status_code == 200
    return UUID(done.json()["id"])


def test_each_role_reaches_what_it_holds_and_nothing_else(asking, acme, ours):
    assert len(list(asking.operations())) > 15
    assert matrix(asking, acme, ours) == []


def test_an_access_control_that_allows_everything_makes_the_matrix_red(world, asking, acme, ours, monkeypatch):
    class Everything:
        async def decide(self, caller, permission, resource=""):
            return Decision(allowed=True, rule="everything")

    monkeypatch.setattr(world.pipeline, "_access", Everything())
    assert len(matrix(asking, acme, ours)) > 10


def test_an_access_control_that_allows_nothing_makes_the_matrix_red(world, asking, acme, ours, monkeypatch):
    class Nothing:
        async def decide(self, caller, permission, resource=""):
            return Decision(allowed=False, rule="nothing")

    monkeypatch.setattr(world.pipeline, "_access", Nothing())
    assert len(matrix(asking, acme, ours)) > 10


def test_each_command_of_a_bulk_needs_its_own_permission(world, acme, ours):
    bodies: dict[str, dict[str, object]] = {
        "prospects.observe": {"kind": "visit", "strength": 0.5},
        "prospects.move": {"stage": "met"},
        "prospects.note": {"text": "x"},
    }
    commands = [{"command": name, "id": str(ours), **body} for name, body in bodies.items()]
    for role, held in ROLES.items():
        answer = world.ask("POST", "/v1/commands", acme.keys[role], json={"commands": commands})
        statuses = [each["status"] for each in answer.json()["results"]]
        assert [status == FORBIDDEN for status in statuses] == [name not in held for name in bodies]


@pytest.mark.parametrize("why", ["none", "malformed", "unknown", "expired", "revoked", "no bearer"])
def test_without_a_good_key_nothing_is_reached(world, asking, acme, ours, why):
    key = {
        "none": lambda: None,
        "malformed": lambda: "everlog_" + "a" * 40,
        "unknown": lambda: acme.keys["Admin"][:-4] + "aaaa",
        "expired": lambda: world.key(acme, "Admin", "old", expires_at=datetime.now(UTC) - timedelta(days=1)),
        "revoked": lambda: revoked(world, acme),
        "no bearer": lambda: None,
    }[why]()
    code = {"none": "auth.missing", "no bearer": "auth.missing", "expired": "auth.expired", "revoked": "auth.revoked"}
    named = {"headers": {"Authorization": f"Basic {acme.keys['Admin']}"}} if why == "no bearer" else {}
    for method, path, operation in asking.operations():
        answer = asking.send(method, path, operation, key, ours, **named)
        assert (answer.status_code, answer.json()["code"]) == (UNAUTHORIZED, code.get(why, "auth.invalid")), path
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def revoked(world, tenant):
    text = world.key(tenant, "Admin", "lost")
    world.do(tenant.id, Revoke(), tenant.ids["lost"])
    return text


def test_scopes_cut_a_key_down(world, asking, acme, ours):
    key = world.key(acme, "Admin", "cut", scopes=("prospects.read",))
    for method, path, operation in asking.operations():
        status = asking.send(method, path, operation, key, ours).status_code
        needed = operation.get("x-permission")
        assert (status == FORBIDDEN) == (needed not in (None, "prospects.read")), (path, status)


def told(answer, *ids):
    """An answer without what names this one request."""
    text = answer.text
    for id in ids:
        text = text.replace(str(id), "ID")
    # The caller's own log has moved on between the two.
    text = re.sub(r'"position":\d+', '"position":0', text)
    text = re.sub(r"urn:uuid:[0-9a-f-]{36}", "REQUEST", text)
    passing = {"date", "ratelimit", "everlog-position", "content-length"}
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in passing}
    return answer.status_code, text, headers


TRAIL = {"findAuditEntries", "findAuditExport", "findAuditFacets", "findAuditTimeline"}
"""What names no identifier, and tells of the caller's own log, which grows meanwhile."""


def foreign(asking, tenant, owner, theirs):
    """Operations that answer another tenant's identifier otherwise than one that does not exist."""
    different = []
    for method, path, operation in asking.operations():
        if "{id}" not in path and "requestBody" not in operation:
            continue
        if (
            operation["operationId"]
            in {"addMember", "captureProspect", "findProspects", "makeReport", "saveSearch"} | TRAIL
        ):
            continue
        # Whatever is asked about a subject stands in the caller's own log from then on: each is asked about one once.
        alone = operation["tags"][0] in {"privacy", "reports"}
        known = captured(asking.world, owner) if alone else theirs
        nobody = uuid4()
        answers = [asking.send(method, path, operation, tenant.keys["Admin"], id) for id in (known, nobody)]
        if told(answers[0], known) != told(answers[1], nobody):
            different.append((method, path))
    return different


def test_another_tenant_s_identifiers_are_answered_like_missing_ones(asking, acme, other, theirs):
    assert foreign(asking, acme, other, theirs) == []


def test_one_s_own_identifiers_are_not(asking, other, theirs):
    """The control: the same comparison, made by those whose identifier it is."""
    assert len(foreign(asking, other, other, theirs)) > 5


def test_an_identifier_of_another_tenant_may_be_captured_as_one_s_own(world, acme, other, theirs):
    person = {"name": "Bob", "email": f"{uuid4()}@example.org", "id": str(theirs)}
    done = world.ask("POST", "/v1/prospects", acme.keys["Admin"], json=person)
    assert done.status_code == 201
    headers = {"Everlog-Min-Position": done.headers["Everlog-Position"]}
    mine = world.ask("GET", f"/v1/prospects/{theirs}", acme.keys["Admin"], headers=headers).json()
    assert mine["name"] == "Bob"
    assert world.ask("GET", f"/v1/prospects/{theirs}", other.keys["Admin"]).json()["name"] == "Ada"


def test_a_filter_by_another_tenant_s_values_finds_nothing(world, acme, other):
    person = {"name": "Eve", "email": f"{uuid4()}@example.org", "industry": str(uuid4())}
    done = world.ask("POST", "/v1/prospects", other.keys["Admin"], json=person)
    headers = {"Everlog-Min-Position": done.headers["Everlog-Position"]}
    for tenant, count in ((other, 1), (acme, 0)):
        named = {"headers": headers} if tenant is other else {}
        key = tenant.keys["Admin"]
        asked = f"/v1/prospects?industry={person['industry']}"
        assert len(world.ask("GET", asked, key, **named).json()["items"]) == count
        found = world.ask("POST", "/v1/prospects/find", key, json={"email": person["email"]}, **named)
        assert len(found.json()["items"]) == count
