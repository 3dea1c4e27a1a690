"""Requests, appends, views and the relay, counted; no tenant and no stranger is a label."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from adapters.embedded import ports
from adapters.postgres.lane import Drained
from adapters.telemetry import Http, Metrics, Telemetry, Traces
from projections.kernel import Lag

CANARY = "Ada Lovelace"


def fail(words):
    raise ValueError(words)


async def shouting(scope, receive, send):
    scope["path_template"] = "/v1/prospects/{id}"
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def ask(http, **scope):
    async def nothing(*_):
        return {"type": "http.disconnect"}

    given = {"type": "http", "method": "GET", "headers": [], "path": f"/v1/prospects/{CANARY}", **scope}
    asyncio.run(http(given, nothing, nothing))


def told(metrics):
    return generate_latest(metrics.registry).decode()


def test_a_request_is_measured_by_its_route_and_logged_without_its_path(lines):
    metrics = Metrics(CollectorRegistry())
    ask(Http(shouting, Traces("api"), metrics))
    assert 'everlog_http_requests_total{method="GET",route="/v1/prospects/{id}",status="404"} 1.0' in told(metrics)
    [line] = lines()
    assert (line["event"], line["route"], line["status"]) == ("request", "/v1/prospects/{id}", 404)
    assert CANARY not in json.dumps(line)


def test_strangers_make_no_labels(lines):
    async def lost(scope, receive, send):
        await send({"type": "http.response.start", "status": 404, "headers": []})

    metrics = Metrics(CollectorRegistry())
    http = Http(lost, Traces("api"), metrics)
    for n in range(20):
        ask(http, method=f"X{n}", path=f"/{n}")
    requests = [line for line in told(metrics).splitlines() if line.startswith("everlog_http_requests_total")]
    assert requests == ['everlog_http_requests_total{method="unknown",route="unknown",status="404"} 20.0']


def test_a_failure_of_the_application_is_measured_and_passed_on(lines):
    async def broken(scope, receive, send):
        fail(CANARY)

    metrics = Metrics(CollectorRegistry())
    with pytest.raises(ValueError, match=CANARY):
        ask(Http(broken, Traces("api"), metrics))
    assert "everlog_http_open 0.0" in told(metrics)


def test_the_committer_is_measured():
    metrics = Metrics(CollectorRegistry())
    metrics.drained(Drained(3, 7, 2, 0.001, [0.002, 0.003, 0.004]))
    assert "everlog_append_seconds_count 3.0" in told(metrics)
    assert "everlog_events_total 7.0" in told(metrics)
    assert "everlog_commit_appends_sum 3.0" in told(metrics)


def test_an_erasure_that_is_not_finished_has_an_age():
    metrics, since = Metrics(CollectorRegistry()), dict[str, datetime | None]()
    metrics.unfinished(since.values)
    assert "everlog_privacy_unfinished_seconds 0.0" in told(metrics)
    now = datetime.now(UTC)
    since |= {"none": None, "younger": now - timedelta(minutes=1), "older": now - timedelta(hours=2)}
    [line] = [each for each in told(metrics).splitlines() if each.startswith("everlog_privacy_unfinished_seconds ")]
    assert 7200 <= float(line.split()[1]) < 7300


def lag(view, positions, seconds=0.0, parked=0):
    return Lag(view, 1, positions, seconds, parked, 1, 1, None)


def test_a_witness_s_lag_is_that_of_the_tenant_it_is_furthest_behind_and_a_dispute_is_counted():
    metrics, first, second, name = Metrics(CollectorRegistry()), uuid4(), uuid4(), "witness.example.org/w1"
    metrics.cosigned(first, [lag(name, 5, 2.0)])
    metrics.cosigned(second, [lag(name, 9, 1.0, 1)])
    found = told(metrics)
    for line in ("lag_events{} 9.0", "lag_seconds{} 2.0", "behind_tenants{} 2.0", "refused_tenants{} 1.0"):
        assert f"everlog_witness_{line}".replace("{}", f'{{witness="{name}"}}') in found
    metrics.cosigned(second, [lag(name, 0)])
    assert f'everlog_witness_refused_tenants{{witness="{name}"}} 0.0' in told(metrics)
    assert str(first) not in found


def test_lag_names_no_tenant_but_the_worst_and_the_sum():
    metrics = Metrics(CollectorRegistry())
    first, second = uuid4(), uuid4()
    metrics.lag(first, [lag("prospects", 5, 2.0, 1), lag("funnel", 0)])
    metrics.lag(second, [lag("prospects", 9, 1.0, 2)])
    text = told(metrics)
    assert 'everlog_view_lag_events{view="prospects"} 9.0' in text
    assert 'everlog_view_lag_seconds{view="prospects"} 2.0' in text
    assert 'everlog_view_behind_tenants{view="prospects"} 2.0' in text
    assert 'everlog_view_parked_events{view="prospects"} 3.0' in text
    assert 'everlog_view_lag_events{view="funnel"} 0.0' in text
    assert str(first) not in text
    metrics.lag(second, [lag("prospects", 0)])
    assert 'everlog_view_lag_events{view="prospects"} 5.0' in told(metrics)


def test_workers_on_one_machine_answer_prometheus_side_by_side():
    first, second = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    port = ports.choose()
    one, other = first.serve(port), second.serve(port)
    second.drained(Drained(1, 5, 1, 0.001, [0.002]))
    assert one < other
    assert "everlog_events_total 5.0" in httpx2.get(f"http://127.0.0.1:{other}/metrics").text
    assert "everlog_events_total 0.0" in httpx2.get(f"http://127.0.0.1:{one}/metrics").text


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize(("named", "told"), [({"EVERLOG_METRICS_HOST": "127.0.0.2"}, "127.0.0.2"), ({}, "127.0.0.1")])
def test_a_worker_answers_prometheus_where_it_is_told_to_and_nowhere_else(named, told):
    port, answered = ports.choose(), []
    Telemetry.of("worker", {"EVERLOG_METRICS_PORT": str(port), **named}, CollectorRegistry())
    for host in ("127.0.0.1", "127.0.0.2"):
        with suppress(httpx2.ConnectError):
            assert "everlog_events_total" in httpx2.get(f"http://{host}:{port}/metrics").text
            answered.append(host)
    assert answered == [told]


def test_what_is_looked_up_later_is_looked_up_then():
    metrics, pool, behind = Metrics(CollectorRegistry()), {"size": 4}, {uuid4(): 3, uuid4(): 4}
    metrics.pools(lambda: pool)
    metrics.relay(lambda: behind, dict)
    pool["size"] = 5
    text = told(metrics)
    assert 'everlog_pool{state="size"} 5.0' in text
    assert "everlog_relay_lag_events 7.0" in text
    assert "everlog_relay_lag_worst_events 4.0" in text
    assert "everlog_relay_forked_tenants 0.0" in text


def test_a_disk_that_fills_is_told_by_the_folders_that_lie_on_it(tmp_path):
    metrics = Metrics(CollectorRegistry())
    metrics.disks({"keys": tmp_path, "home": tmp_path / "none"})
    [line] = [each for each in told(metrics).splitlines() if each.startswith("everlog_disk_free_ratio")]
    name, _, free = line.partition(" ")
    assert name == 'everlog_disk_free_ratio{folder="keys"}'
    assert 0 < float(free) < 1


def test_the_time_to_the_seal_and_refused_seals_are_told():
    metrics, refused = Metrics(CollectorRegistry()), ["why"]
    metrics.refused(lambda: len(refused))
    metrics.sealed([0.4, 0.9, 2.5])
    text = told(metrics)
    assert 'everlog_seal_seconds_bucket{le="2.0"} 2.0' in text
    assert "everlog_seal_seconds_count 3.0" in text
    assert "everlog_seal_refused_tenants 1.0" in text
    refused.clear()
    assert "everlog_seal_refused_tenants 0.0" in told(metrics)
