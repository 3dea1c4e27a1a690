"""One trace from a request to everything that comes of it."""

import os
from uuid import uuid4

import httpx2
from msgspec import json
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest

from adapters.nats.link import Link
from adapters.nats.relay import Pace, Relay
from adapters.nats.wake import Wakes
from adapters.postgres.recorder import Recorder
from adapters.postgres.views import Views
from adapters.telemetry import Metrics, Telemetry, Traces
from api.app import create_app
from api.edge import Edge
from application.audit import Trail
from application.entry import Entry
from application.pipeline import Pipeline
from projections.runner import Runner
from tenants.quotas import Quota
from tests.api.world import DECIDERS
from tests.waiting import until

PARENT = f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"


class Free:
    def hold(self, job, tenant):
        return True


def traced(world, telemetry):
    """The world's API once more, watched."""
    logs = telemetry.logs(world.logs)
    trail = Trail(logs, 10**6)
    pipeline = telemetry.pipeline(Pipeline(logs, world.access, trail, world.reads.of))
    entry = telemetry.entry(Entry(world.keyring, logs, trail))
    trace, proofs = telemetry.traces.current, world.edge.proofs
    edge = Edge(pipeline, entry, logs, world.scorer, DECIDERS, Quota(10**7), proofs, world.journal, trace=trace)
    return telemetry.http(create_app(edge))


def capture(world, app, key):
    return sent(world, app, key, "/v1/prospects", {"name": "Ada", "email": f"{uuid4()}@example.org"})


def sent(world, app, key, path, body):
    async def send():
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://x") as client:
            headers = {"Authorization": f"Bearer {key}", "traceparent": PARENT}
            return await client.post(path, json=body, headers=headers)

    return world.run(send())


def test_a_bulk_is_one_span_of_so_many_commands(world, acme):
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(Traces("api", exporter, at_once=True), Metrics(CollectorRegistry()))
    bulk = [
        {"command": "prospects.capture", "id": f"{uuid4()}", "name": "Ada", "email": f"{uuid4()}@example.org"}
        for _ in range(3)
    ]
    answer = sent(world, traced(world, telemetry), acme.keys["Admin"], "/v1/commands", {"commands": bulk})
    assert ["outcome" in each for each in answer.json()["results"]] == [True] * len(bulk), answer.text
    [span] = [each for each in exporter.get_finished_spans() if each.name == "command"]
    assert (span.attributes or {})["commands"] == len(bulk)


def test_one_trace_from_the_request_to_the_relay_and_the_views(world, migrated, committer):
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(Traces("api", exporter, at_once=True), Metrics(CollectorRegistry()))
    tenant = world.tenant()
    world.tenants.remove(tenant)
    answer = capture(world, traced(world, telemetry), tenant.keys["Admin"])
    assert answer.status_code == 201, answer.text
    position = int(answer.headers["Everlog-Position"].split(":")[-1])

    link = Link(migrated.addresses.nats)
    wakes = Wakes(link)
    recorder = Recorder(tenant.id, world.keeper, committer)
    heads, pace = (lambda: [(tenant.id, *recorder.head())]), Pace(poll=0.05)
    relay = Relay(link, heads, lambda _: recorder, Free(), pace, telemetry.relayed)
    telemetry.relay(relay.behind, lambda: relay.forked)
    link.start()
    until(lambda: relay.behind() == {tenant.id: 0})
    link.stop()

    log = world.logs.of(tenant.id)
    tap = telemetry.tap(log, wakes.seen)
    runner = Runner(tap, Views(tenant.id, world.keeper, log), world.models, meter=telemetry.metrics, seen=tap.seen)
    with wakes.views(tenant.id) as ear:
        runner.catch_up()
        assert ear.reached(tenant.id) == (1, position)

    spans = [span for span in exporter.get_finished_spans() if PARENT[3:35] in span.to_json()]
    assert {span.name for span in spans} == {"http", "command", "append", "relay", "view"}
    [recorded] = log.read(position - 1, 1)
    assert recorded.meta.trace[3:35] == PARENT[3:35]
    inside = {span.name: json.decode(span.to_json()) for span in spans}
    assert inside["relay"]["parent_id"] == f"0x{recorded.meta.trace[36:52]}"
    assert inside["command"]["parent_id"] == inside["http"]["context"]["span_id"]
    assert inside["relay"]["attributes"]["position"] == inside["view"]["attributes"]["position"] == position
    assert "Ada" not in str(inside)
    assert "everlog_relay_lag_events 0.0" in generate_latest(telemetry.metrics.registry).decode()
