"""Around the whole HTTP application: a span, a log line and a measurement for each request."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from opentelemetry.trace import SpanKind

from adapters.telemetry import logs
from adapters.telemetry.metrics import Metrics
from adapters.telemetry.traces import Traces

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
UNKNOWN = "unknown"
"""What was asked for where there is no such route or method: a stranger's words are no label and in no line."""

SILENT = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked for all the time by machines: measured, not logged."""


class Http:
    """An ASGI application around another. `log` switches the line for each request."""

    def __init__(self, app: Any, traces: Traces, metrics: Metrics, *, log: bool = True) -> None:
        self._app: App = app
        self._traces = traces
        self._requests = metrics.requests
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        parent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"").decode("latin-1")
        self._requests.began()
        nobody = logs.whom.set(None)
        try:
            with self._traces.span("http", parent=parent, kind=SpanKind.SERVER, **self._about(scope)):
                await self._measured(scope, receive, send)
        finally:
            logs.whom.reset(nobody)
            self._requests.ended()

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        answer = Answer(send)
        try:
            await self._app(scope, receive, answer)
        finally:
            route, method = scope.get("path_template") or UNKNOWN, _method(scope)
            status = answer.status or (101 if scope["type"] == "websocket" else 499)
            seconds = (answer.at or time.perf_counter()) - began
            self._requests.answered(method, route, status, seconds)
            if self._log and route not in SILENT:
                logs.request(method, route, status, seconds)

    def _about(self, scope: Scope) -> dict[str, str]:
        """What the collector is told; nothing, where there is none."""
        if not self._traces.collecting:
            return {}
        return {"http.request.method": _method(scope), "network.protocol.name": scope["type"]}


class Answer:
    """Passes an answer on and remembers its status, and when it began."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.at = 0.0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.at = time.perf_counter()
        await self._send(message)


def _method(scope: Scope) -> str:
    method = scope.get("method", "GET")
    return method if method in METHODS else UNKNOWN
