"""Traces join what belongs together, and go where a collector is named."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from adapters.telemetry import Traces
from adapters.telemetry.traces import read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-0-0-00",
        f"00-{'0' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'0' * 16}-01",
        f"01-{'1' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'1' * 16}-01\r\nx: y",
        f"00-{'G' * 32}-{'1' * 16}-01",
    ],
)
def test_what_is_no_traceparent_is_no_parent(text):
    assert read(text) is None


def test_a_request_goes_on_with_the_trace_it_came_with():
    traces, parent = Traces("api"), f"00-{'a' * 32}-{'b' * 16}-01"
    with traces.span("http", parent=parent) as here:
        assert here[3:35] == parent[3:35]
        assert here[36:52] != parent[36:52]
        with traces.span("command") as inner:
            assert inner[3:35] == parent[3:35]
        assert traces.current() == here
    assert traces.current() == ""


def test_spans_are_sent_where_a_collector_is_named(monkeypatch):
    came: Queue[Any] = Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            came.put((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_): ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        traces = Traces.of("api")
        with traces.span("http", kind=SpanKind.SERVER):
            pass
        traces.flush()
        server.shutdown()
    path, body = came.get(timeout=30)
    assert path == "/v1/traces"
    assert b"everlog-api" in body


def test_nothing_is_sent_without_a_collector():
    assert not Traces.of("api", {}).collecting
