"""The OpenAPI 3.1 document, from the routes and the types behind them: complete enough to generate an SDK from."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import fields

from api.problems import MEDIA, Details, kind
from api.route import Route

TAGS = {
    "proofs": "Signed checkpoints of the log, and proofs that a stranger can check.",
    "prospects": "People who may become clients, from first sight to won or lost.",
    "predictions": "What the models make of prospects, and how good they have been.",
    "funnel": "How many prospects stand where.",
    "audit": "Who did or was refused what, and what it changed.",
    "reports": "Compliance reports: made from the log as it stood when they were asked for.",
    "deliveries": "Where the trail is delivered to, such as a SIEM.",
    "orgs": "Who belongs to the organisation, and in which role.",
    "keys": "The keys that everything about persons lies under.",
    "searches": "Questions to the trail that are kept, for oneself or shared.",
    "privacy": "Erasures and legal holds: who asked, who agreed, what was destroyed.",
    "events": "The live stream of facts.",
    "commands": "Many commands at once.",
    "operations": "Health, metrics and this document.",
}
DESCRIPTION = """Every change is an event in your organisation's own log; what is read here is folded from it.

- **Key**: `Authorization: Bearer everlog_…`. A key names its organisation; nothing of another is reachable.
- **Position**: each response to a command has `Everlog-Position`. A read sent with that value as `Everlog-Min-Position`
  waits, up to 5 seconds, until it sees what the command did; then it answers 503 `views.behind` with `Retry-After`.
- **Idempotency**: a request sent again under the same `Idempotency-Key` is done once and answered alike.
- **Versions**: an `ETag` sent back as `If-Match` lets a command through only if nothing changed meanwhile.
- **People**: what is about a person is null, and listed in `withheld`, for callers without `prospects.read-personal`;
  why a model decided about them, for callers without `predictions.read-reasons`.
  Such fields are found by their exact value in a body, never in a URL, and never sorted.
- **Problems**: RFC 9457, with a stable `code`; see [the list](/docs/errors).
- **Rate**: `RateLimit` tells what is left of `RateLimit-Policy`; beyond it, 429 with `Retry-After`. Each process of an
  installation counts its share of a key's rate.
"""
LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
KEY = {"type": "http", "scheme": "bearer", "bearerFormat": "everlog_…", "description": "An API key."}
EVERYWHERE = ("request.headers",)
AUTHENTICATED = (
    "auth.missing",
    "auth.invalid",
    "auth.expired",
    "auth.revoked",
    "auth.attempts",
    "access.denied",
    "quota.exceeded",
    "tenants.busy",
    "service.unavailable",
    "tenancy.closed",
    "tenancy.left",
    "storage.full",
    "audit.unrecorded",
    "service.overloaded",
)
WITH_BODY = ("request.malformed", "request.too-deep", "request.too-large", "request.media-type", "request.invalid")

HEADERS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
        "description": "Makes the request idempotent, for the life of what it is sent to.",
        "example": "7f9c0a52-import-1",
    },
    "If-Match": {
        "schema": {"type": "string", "pattern": r'^(\*|"[0-9]{1,9}:[0-9]{1,18}(-p)?")$'},
        "description": "The ETag that it must still have.",
        "example": '"1:3"',
    },
    "If-None-Match": {
        "schema": {"type": "string"},
        "description": "An ETag; 304 if it has not changed.",
        "example": '"1:3"',
    },
    "Everlog-Min-Position": {
        "schema": {"type": "string", "pattern": r"^([0-9]{1,9}:)?[0-9]{1,18}$"},
        "description": "Wait until the answer knows of this position.",
        "example": "1:1",
    },
    "Everlog-On-Behalf-Of": {
        "schema": {"type": "string", "pattern": "^(user:[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?$"},
        "description": "For whom the client says that it asks, for the trail; it gives no permission.",
        "example": "user:0199c0de-0000-7000-8000-000000000001",
    },
    "Everlog-Reason": {
        "schema": {"type": "string", "maxLength": 500, "pattern": "^[ -~]*$"},
        "description": (
            "Why this is done, for the trail. It is sealed under the key of who asks, and so outlives the erasure of "
            "whom it is about: no person's name."
        ),
        "example": "Asked for by phone",
    },
    "Everlog-Session": {
        "schema": {"type": "string", "maxLength": 100, "pattern": "^[A-Za-z0-9._:-]*$"},
        "description": "The client's own name for the session that this belongs to, for the trail.",
        "example": "7f9c0a52",
    },
}
TOLD = ("Everlog-On-Behalf-Of", "Everlog-Reason", "Everlog-Session")
"""Headers that whoever is known by their key may send with anything they ask."""
RETURNED: dict[str, dict[str, Any]] = {
    "Everlog-Position": {
        "description": "Generation and position of the log after this.",
        "schema": {"type": "string", "pattern": r"^([0-9]+:)?[0-9]+$"},
    },
    "Everlog-Export": {"description": "Names the export.", "schema": {"type": "string", "format": "uuid"}},
    "ETag": {"description": "Generation and version.", "schema": {"type": "string"}},
    "Location": {"description": "Where it is.", "schema": {"type": "string"}},
    "RateLimit": {"description": "What is left: r requests, whole again in t seconds.", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "q requests in w seconds.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "The scheme.", "schema": {"type": "string"}},
}
_PATH = {
    "id": {"schema": {"type": "string", "format": "uuid"}, "description": "Its identifier."},
    "position": {"schema": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}, "description": "In the log."},
    "model": {
        "schema": {"type": "string", "pattern": "^[a-z0-9.-]{1,100}$"},
        "description": "Its name.",
        "example": "prospects.conversion",
    },
    "tile": {
        "schema": {"type": "string", "maxLength": 100},
        "description": "Which one, slashes included.",
        "example": "0/000.p/1",
    },
    "capability": {
        "schema": {"type": "string", "pattern": "^[a-z_]{1,50}$"},
        "description": "What it is of, as entries of the trail have it.",
        "example": "prospects",
    },
}


def document(routes: Iterable[Route], version: str, further: dict[str, Any] | None = None) -> dict[str, Any]:
    """`further` holds path items that are described elsewhere, such as live streams."""
    routes = list(routes)
    types = {id(t): t for route in routes for t in (route.body, route.answer, route.parameters, Details) if t}
    schemas, components = msgspec.json.schema_components(types.values(), ref_template="#/components/schemas/{name}")
    known = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, known, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Everlog", "version": version, "description": DESCRIPTION, "license": LICENSE},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
        "paths": {**paths, **(further or {})},
        "components": {
            "schemas": components,
            "headers": RETURNED,
            "securitySchemes": {"key": KEY},
        },
    }


def _operation(route: Route, known: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "tags": [route.tag],
        "summary": route.summary,
        "parameters": [*_in_path(route), *_in_query(route, known, components), *_in_headers(route)],
        "responses": {**_successes(route, known), **_failures(route)},
        "security": [] if route.permission is None else [{"key": []}],
    }
    words = [route.description, f"Needs `{route.permission}`." if route.permission else ""]
    if text := " ".join(filter(None, words)):
        operation["description"] = text
    if route.permission:
        operation["x-permission"] = route.permission
    if route.body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": known[id(route.body)]}},
        }
    return operation


def _in_path(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, **_PATH[name]} for name in re.findall(r"{(\w+)}", route.path)
    ]


def _in_query(route: Route, known: dict[int, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    if route.parameters is None:
        return []
    schema = components.pop(known[id(route.parameters)]["$ref"].rpartition("/")[2])
    form = {"in": "query", "required": False, "explode": False, "style": "form"}
    return [{"name": each.name, **form, "schema": schema["properties"][each.name]} for each in fields(route.parameters)]


def _in_headers(route: Route) -> list[dict[str, Any]]:
    names = dict.fromkeys((*route.headers, *(TOLD if route.permission else ())))
    return [{"name": name, "in": "header", "required": False, **HEADERS[name]} for name in names]


def _successes(route: Route, known: dict[int, Any]) -> dict[str, Any]:
    words = {200: "Done.", 201: "Recorded.", 304: "It has not changed.", 503: "Not ready."}
    names = [*route.returns, *(("RateLimit", "RateLimit-Policy") if route.permission is not None else ())]
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    media = {} if route.answer is None else {"schema": known[id(route.answer)]}
    return {
        str(status): {
            "description": words[status],
            "headers": headers,
            **({"content": dict.fromkeys((route.media, *route.others), media)} if status != 304 else {}),  # noqa: PLR2004 - it has no body
        }
        for status in route.success
    }


def _failures(route: Route) -> dict[str, Any]:
    codes = [*EVERYWHERE, *route.problems]
    if route.permission is not None:
        codes += AUTHENTICATED
    if route.body:
        codes += WITH_BODY
    if route.parameters:
        codes.append("request.invalid")
    if route.permission or set(route.headers) - {"If-None-Match"}:
        codes.append("request.header")
    if "Everlog-Min-Position" in route.headers:
        codes += ["query.position", "views.behind"]
    if "{" in route.path:
        codes.append("route.unknown")
    by_status = _by_status(codes)
    return {
        str(status): _problem(status, sorted(set(each)))
        for status, each in sorted(by_status.items())
        if status not in route.success
    }


def _by_status(codes: Iterable[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for code in codes:
        found.setdefault(kind(code).status, []).append(code)
    return found


def _problem(status: int, codes: list[str]) -> dict[str, Any]:
    headers = ["Retry-After"] if status in {409, 429, 503} else ["WWW-Authenticate"] if status == 401 else []  # noqa: PLR2004 - statuses are known by their numbers
    return {
        "description": "; ".join(f"`{code}`: {kind(code).title}" for code in codes),
        **({"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers}} if headers else {}),
        "content": {
            MEDIA: {
                "schema": {"$ref": "#/components/schemas/Details"},
                "examples": {code: {"value": _example(code)} for code in codes},
            }
        },
    }


def _example(code: str) -> dict[str, Any]:
    known = kind(code)
    return {
        "type": f"/docs/errors#{code}",
        "title": known.title,
        "status": known.status,
        "code": code,
        "detail": known.advice,
        "instance": "urn:uuid:0e1cf4e4-2f4b-4d3a-9c55-6a1c2f0b7a11",
    }
