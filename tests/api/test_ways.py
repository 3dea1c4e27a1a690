"""Who could see something is who gets it shown: what is told of a key equals what each endpoint answers it."""

from base64 import b64decode
from uuid import uuid4

import msgspec
import pytest
from msgspec.structs import replace

from adapters.proofs.sealer import Sealer
from api.app import CAPABILITIES
from api.stream.document import PATHS
from api.stream.feed import rights
from application.kernel import Caller
from application.pipeline import Rejected
from domain.access import FOLLOWED, PERMISSIONS, READS, WAYS, ways
from domain.kernel import Actor
from tests.api.test_privacy import predict
from tests.api.test_reports import EVER
from tests.api.world import DECIDERS
from tests.waiting import until

BLIND = {"funnel.read"}
"""Permissions of routes that show sums alone."""
KEYS = {
    "Viewer": ("Viewer", None),
    "Member": ("Member", None),
    "Auditor": ("Auditor", None),
    "Admin": ("Admin", None),
    "exports of persons": ("Admin", ("privacy.export",)),
    "trail": ("Admin", ("audit.read",)),
    "trail and persons": ("Admin", ("audit.read", "prospects.read-personal")),
    "bundles and persons": ("Admin", ("audit.export", "prospects.read-personal")),
    "reports": ("Admin", ("reports.read",)),
    "reports and reasons": ("Admin", ("reports.read", "predictions.read-reasons")),
    "predictions and persons": ("Admin", ("predictions.read", "prospects.read-personal")),
    "stream": ("Admin", ("events.read",)),
    "stream of prospects and predictions": ("Viewer", ("events.read", "prospects.read", "predictions.read")),
    "none of it": ("Admin", ("funnel.read", "prospects.read-personal", "deliveries.read", "audit.read-circumstances")),
}


@pytest.fixture(scope="module")
def tenant(world):
    tenant = world.tenant()
    for name, (role, scopes) in KEYS.items():
        world.key(tenant, role, name, scopes=scopes)
    return tenant


@pytest.fixture(scope="module")
def resources(world, tenant):
    """By capability: an identifier, whose it is, what is in the clear of it, and what is about a person."""
    body = {"name": "Ada Lovelace", "email": f"{uuid4()}@example.org", "industry": "looms"}
    person = world.ask("POST", "/v1/prospects", tenant.keys["Admin"], json=body).json()["id"]
    prediction = f"{predict(world, tenant, person)}"
    world.ask("POST", "/v1/reports", tenant.keys["Admin"], json={"kind": "decisions", **EVER})
    sealer = Sealer(tenant.id, world.keeper, world.signer)
    until(lambda: not sealer.seal())
    return {
        "prospects": (person, person, "looms", "Ada Lovelace"),
        "predictions": (prediction, person, "prospects.conversion", "sponsor:24D"),
    }


@pytest.mark.parametrize("capability", ["prospects", "predictions"])
def test_what_is_told_of_each_key_is_what_the_endpoints_show_it(world, tenant, resources, capability):
    id, subject, plain, personal = resources[capability]
    path = f"/v1/audit/resources/{capability}/{id}/access"
    told = world.ask("GET", path, tenant.keys["Auditor"]).json()["holders"]
    said = {each["id"]: each for each in told}
    for name in KEYS:
        shown = {
            needs: personal in text
            for needs, text in answers(world, tenant, name, capability, (id, subject)).items()
            if plain in text
        }
        holder = said.get(f"{tenant.ids[name]}", {"by": [], "personal": False})
        assert {tuple(way["permissions"]): way["personal"] for way in holder["by"]} == shown, name
        assert holder["personal"] == any(shown.values()), name
    assert said.keys() >= {f"{tenant.ids[name]}" for name in ("Auditor", "exports of persons", "trail and persons")}
    assert f"{tenant.ids['none of it']}" not in said


def answers(world, tenant, name, capability, of):
    """What each endpoint that shows such a resource answers a key, by the permissions that it asks for."""
    (id, subject), key = of, tenant.keys[name]
    [report] = world.ask("GET", "/v1/reports", tenant.keys["Auditor"]).json()["items"]
    paths = {
        (READS[capability],): f"/v1/{capability}/{id}",
        ("audit.read",): f"/v1/audit/resources/{capability}/{id}",
        ("privacy.export",): f"/v1/privacy/subjects/{subject}/export",
        ("audit.export",): f"/v1/proofs/bundle?stream={capability}/{id}",
    }
    if capability == "predictions":
        paths[("reports.read",)] = f"/v1/reports/{report['id']}/file"
    found = {needs: text(world.ask("GET", path, key)) for needs, path in paths.items()}
    return found | {("events.read", READS[capability]): followed(world, tenant, name, capability, of[0])}


def text(answer):
    """An answer with what is shown in it of events' bytes."""
    if '"everlog":"bundle/1"' not in answer.text:
        return answer.text if answer.is_success else ""
    lines = [msgspec.json.decode(line) for line in answer.text.splitlines()]
    fields = [raw for line in lines for _, raw in line.get("fields", {}).values()]
    return b" ".join(map(b64decode, fields)).decode(errors="replace")


def followed(world, tenant, name, capability, id):
    """What a follower would get, by the rights that are asked before everything that is sent."""
    _, scopes = KEYS[name]
    only = frozenset(scopes) if scopes else None
    caller = Caller(tenant=tenant.id, actor=Actor("key", tenant.ids[name]), scopes=only)
    try:
        allowed = world.run(rights(world.access, caller))
    except Rejected:
        return ""
    if capability not in allowed.capabilities:
        return ""
    facts = [each.fact for each in world.logs.of(tenant.id).stream(f"{capability}/{id}")]
    return f"{[world.logs.of(tenant.id).open(each) for each in facts] if allowed.personal else facts}"


def named():
    """Of each capability, the permissions in its ways."""
    return {capability: {each for way in ways(capability) for each in way.needs} for capability in READS}


def unnamed(routes):
    """Routes that show what a resource holds under a permission by which nobody is told to see it."""
    known = named()
    return [
        route.path
        for route in routes
        if (route.method == "GET" or route.path.endswith("/find"))
        and route.permission not in BLIND
        and route.permission not in known.get(route.tag, set().union(*known.values()))
    ]


def test_every_route_that_shows_a_resource_asks_for_a_permission_that_tells_who_could_see_it():
    assert unnamed(CAPABILITIES) == []
    [live] = {each["get"]["x-permission"] for each in PATHS.values() if "get" in each}
    assert all(live in needs for needs in named().values())
    assert set(READS) == set(DECIDERS)
    assert {each for way in WAYS for each in way.needs} <= set(PERMISSIONS)
    asked = {(route.tag, route.permission) for route in CAPABILITIES if route.method == "GET"}
    assert {each for each, read in READS.items() if (each, read) not in asked and read != "audit.read"} == FOLLOWED


def test_a_route_under_a_permission_that_the_table_does_not_name_is_found():
    [route] = [each for each in CAPABILITIES if each.operation == "getProspect"]
    for wrong in ("privacy.read", "orgs.manage"):
        assert unnamed([replace(route, permission=wrong)]) == [route.path]
