"""The whole product with its traces sent to a collector: one trace from a request to the views, and no person in it."""

import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.served import answered, served
from tests.waiting import until

pytestmark = pytest.mark.long
PERSON = {"name": "Zebedee Quillfeather", "email": "zebedee@quillfeather.example", "industry": "looms"}
WAY = {"http", "command", "append", "relay", "view"}


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP; what came is kept as it came."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Take)
        self.bodies: list[bytes] = []

    @property
    def spans(self) -> dict[str, set[str]]:
        """The names of spans, by trace."""
        found = defaultdict(set)
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    found[span.trace_id.hex()].add(span.name)
        return found


class _Take(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_): ...


@pytest.fixture(scope="module")
def collector():
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def acme(collector, tmp_path_factory):
    """A client with an Admin's key, of a product that sends its traces."""
    named = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    with served(tmp_path_factory.mktemp("traced") / "home", **named) as product:
        made = answered(("tenants", "create", "Acme"), product.environment)
        with httpx2.Client(
            base_url=product.url, headers={"Authorization": f"Bearer {made['key']}"}, timeout=60
        ) as client:
            yield client


def ask(acme, method, path, trace, **named):
    headers = {"traceparent": f"00-{trace}-{'b' * 16}-01"}
    answer = acme.request(method, path, headers=headers, **named)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def test_a_request_is_one_trace_up_to_the_views(acme, collector):
    trace = uuid4().hex
    ask(acme, "POST", "/v1/prospects", trace, json=PERSON)
    until(lambda: collector.spans[trace] >= WAY, 60)


def test_many_commands_at_once_a_read_and_a_prediction_are_traced(acme, collector):
    bulk, read, scored = (uuid4().hex for _ in range(3))
    ids = [str(uuid4()) for _ in range(3)]
    commands = [
        {"command": "prospects.capture", "id": id, **PERSON, "email": f"{id}@quillfeather.example"} for id in ids
    ]
    ask(acme, "POST", "/v1/commands", bulk, json={"commands": commands})
    until(lambda: acme.get(f"/v1/prospects/{ids[0]}").is_success, 60)
    ask(acme, "GET", f"/v1/prospects/{ids[0]}", read)
    until(lambda: acme.post("/v1/predictions", json={"prospect": ids[0]}).status_code == 200, 60)
    ask(acme, "POST", "/v1/predictions", scored, json={"prospect": ids[1]})
    until(lambda: collector.spans[bulk] >= WAY and collector.spans[read] >= {"http", "query"}, 60)
    until(lambda: "http" in collector.spans[scored], 60)


def test_no_person_is_in_any_of_it(collector):
    """After the tests above: what they sent is there, and nothing about whom."""
    everything = b"".join(collector.bodies).lower()
    assert b"prospects.capture" in everything, "the control: what was asked for is told"
    assert not [word for word in ("zebedee", "quillfeather") if word.encode() in everything]
