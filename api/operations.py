"""What operators and newcomers ask for without a key: health, metrics, the document and its pages."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.route import Route, public

Check = Callable[[], Awaitable[str]]
"""Answers "" where something is in order, else what is not."""

HTML = "text/html"
METRICS = CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8")
"""The encoding is added to every text."""


class Health(Struct, frozen=True, kw_only=True):
    status: str


class Readiness(Struct, frozen=True, kw_only=True):
    status: str
    """`ready` or `not ready`."""
    checks: dict[str, str]
    """What is not in order, by name; empty words where all is well."""


async def healthz(_: Edge, __: Call) -> Reply:
    return reply(Health(status="alive"))


async def metrics(_: Edge, __: Call) -> Reply:
    return Reply(generate_latest(), media=METRICS)


def routes(checks: Mapping[str, Check], document: bytes, reference: bytes, errors: bytes) -> list[Route]:
    async def readyz(_: Edge, __: Call) -> Reply:
        found = {name: await _checked(check) for name, check in checks.items()}
        ready = not any(found.values())
        return reply(Readiness(status="ready" if ready else "not ready", checks=found), 200 if ready else 503)

    def fixed(content: bytes, media: str) -> Callable[[Edge, Call], Awaitable[Reply]]:
        async def serve(_: Edge, __: Call) -> Reply:
            return Reply(content, headers=[("Cache-Control", "public, max-age=300")], media=media)

        return serve

    json: dict[str, Any] = {"media": "application/json"}
    return [
        public("/healthz", healthz, "getHealth", "Whether the process is alive", answer=Health, **json),
        public("/readyz", readyz, "getReadiness", "Whether it can serve", answer=Readiness, success=(200, 503), **json),
        public("/metrics", metrics, "getMetrics", "Metrics for Prometheus", "text/plain"),
        public("/openapi.json", fixed(document, "application/json"), "getOpenApi", "This document", **json),
        public("/docs", fixed(reference, HTML), "getReference", "This document as a page", "text/html"),
        public("/docs/errors", fixed(errors, HTML), "getErrors", "What can go wrong, and what to do", "text/html"),
    ]


async def _checked(check: Check) -> str:
    try:
        return await check()
    except Exception as problem:  # noqa: BLE001 - what a check raises is its answer
        return type(problem).__name__


def encoded(document: dict[str, Any]) -> bytes:
    return msgspec.json.encode(document)
