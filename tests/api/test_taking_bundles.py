"""Bundles are taken away over HTTP: verified by Python alone, never unnoticed, and in constant memory."""

import gc
import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from adapters.proofs.sealer import Sealer
from api import bundle as command
from projections.proofs.chosen import Choice
from tests.api.long_log import lengthened
from tests.api.test_proofs import key, person, verified


@pytest.fixture(scope="module")
def sealed(world):
    """A tenant with some people in it, and its last position."""
    tenant = world.tenant()
    for _ in range(3):
        person(world, tenant)
    sealer = Sealer(tenant.id, world.keeper, world.signer)
    while sealer.seal():
        pass
    return tenant, world.logs.of(tenant.id).head()[1]


def take(world, tenant, query="", role="Auditor"):
    return world.client.get(f"/v1/proofs/bundle?{query}", headers=key(tenant, role))


def find(world, tenant, role="Auditor", **body):
    return world.client.post("/v1/proofs/bundle/find", headers=key(tenant, role), json=body)


def manifest(world, tenant, taken):
    return world.ask("GET", f"/v1/audit/exports/{taken.headers['Everlog-Export']}", tenant.keys["Auditor"]).json()


def shown(taken):
    return [each["position"] for each in map(json.loads, taken.text.splitlines()[1:-1]) if not each["digests"]]


def test_what_matches_is_taken_away_proven_and_the_log_says_who_took_it(world, sealed, tmp_path):
    tenant, size = sealed
    taken = take(world, tenant, "type=prospects.captured")
    assert taken.headers["content-type"] == "application/x-ndjson", taken.text
    code, told = verified(tmp_path, taken.content)
    assert (code, told["verified"], told["shown"]) == (0, True, 3), told
    recorded = manifest(world, tenant, taken)
    assert recorded["format"] == "ndjson"
    assert recorded["schema"] == "everlog.bundle/1"
    assert recorded["filter"] == {"type": "prospects.captured"}
    assert recorded["made_by"] == f"key:{tenant.ids['Auditor']}"
    assert (recorded["rows"], recorded["first"], recorded["last"], recorded["upto"]) == (size, 1, size, size)
    assert (recorded["sha256"], recorded["whole"]) == (sha256(taken.content).hexdigest(), True)


def test_each_filter_of_the_command_is_one_of_the_address(world, sealed, tmp_path):
    tenant, size = sealed
    log = world.logs.of(tenant.id).read(0)
    last = [each for each in log if each.position <= size][-1]
    past = (last.at - timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")
    # Until then nothing was read, carried into the log, or refused.
    whole = [each.position for each in log if each.position <= size]
    asked = {
        "asked_permission=prospects.capture": [e.position for e in log if e.meta.permission == "prospects.capture"],
        "stream=prospects/": [e.position for e in log if e.stream.startswith("prospects/")],
        f"stream={last.stream}": [e.position for e in log if e.stream == last.stream],
        f"actor=key/{tenant.ids['Admin']}": [e.position for e in log if e.meta.actor.id == tenant.ids["Admin"]],
        f"before={past}": [e.position for e in log if e.at < last.at - timedelta(microseconds=1)],
        f"since={past}": [e.position for e in log if e.at >= last.at - timedelta(microseconds=1)],
        f"first=2&last={size - 1}": whole[1:-1],
        f"positions={size},1": [1, size],
    }
    for query, wanted in asked.items():
        taken = take(world, tenant, query)
        assert verified(tmp_path, taken.content)[0] == 0, query
        assert shown(taken) == [each for each in wanted if each <= size], query


def test_who_is_sought_stands_in_no_address(world, sealed, tmp_path):
    tenant, size = sealed
    [*_, captured] = [each for each in world.logs.of(tenant.id).read(0) if each.type == "prospects.captured"]
    subject = captured.stream.partition("/")[2]
    assert take(world, tenant, f"subject={subject}").status_code == 422
    found = find(world, tenant, subject=[subject], last=size)
    assert verified(tmp_path, found.content)[0] == 0
    assert shown(found) == [captured.position]
    assert manifest(world, tenant, found)["filter"] == {"last": f"{size}", "subjects": subject}


@pytest.mark.parametrize("query", ["positions=2&type=x", "first=3&last=2", "first=0", "type=", "what=1"])
def test_what_cannot_be_asked_is_refused_before_anything_is_recorded(world, sealed, query):
    tenant, _ = sealed
    assert take(world, tenant, query).status_code == 422
    assert find(world, tenant, positions=[2], first=2).status_code == 422


def test_only_who_may_export_takes_it_and_of_nothing_unsealed(world, sealed):
    tenant, size = sealed
    before = exported(world, tenant)
    assert take(world, tenant, role="Manager").status_code == 403
    answer = take(world, tenant, f"last={size + 10_000}")
    assert (answer.status_code, answer.json()["code"]) == (404, "proofs.unsealed")
    assert exported(world, tenant) == before


def exported(world, tenant):
    return sum(each.type.startswith("exports.") for each in world.logs.of(tenant.id).read(0))


def test_it_takes_no_more_memory_for_a_longer_log(world, committer, tmp_path):
    tenant, size = lengthened(world, committer, 3000)
    proofs = world.edge.proofs

    def peak(take):
        gc.collect()
        tracemalloc.start()
        try:
            take()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def streamed(last):
        for _ in proofs.bundle(tenant.id, Choice(last=last)):
            pass

    streamed(600)
    short, long = peak(lambda: streamed(600)), peak(lambda: streamed(size))
    held = peak(lambda: list(proofs.bundle(tenant.id, Choice())))
    assert long < short * 1.3, (short, long)
    assert held > short * 2, (short, held)
    taken = take(world, tenant)
    assert (verified(tmp_path, taken.content)[0], taken.text.count("\n")) == (0, size + 2)


def test_the_command_line_records_it_too(world, sealed, tmp_path):
    tenant, size = sealed
    made = tmp_path / "bundle"

    choice = command.Sought(last=size, before=datetime.now(UTC)).choice()
    rows = world.run(command.written(world.pipeline, tenant.id, world.edge.proofs, choice, made))
    assert (rows, verified(tmp_path, made.read_bytes())[0]) == (size, 0)
    begun, ended = [each for each in world.logs.of(tenant.id).read(0) if each.type.startswith("exports.")][-2:]
    assert (begun.meta.actor.kind, begun.fact.bundle, ended.fact.digest) == (
        "operator",
        True,
        sha256(made.read_bytes()).hexdigest(),
    )
