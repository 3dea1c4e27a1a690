"""The HTTP application: every route under one edge."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any
from uuid import uuid4

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import LifespanHook, Message, Middleware, Scope

from api import (
    access,
    activity,
    audit,
    commands,
    deliveries,
    funnel,
    keys,
    openapi,
    operations,
    orgs,
    predictions,
    privacy,
    proofs,
    prospects,
    reference,
    reports,
    resources,
    searches,
)
from api.direct import Direct
from api.edge import Edge
from api.exports import http as exports
from api.inbound import Answer, Inbound, secured
from api.problems import Problem
from api.route import Route

_KINDS = {"id": "uuid", "position": "int", "model": "str", "tile": "path", "capability": "str"}

COMMANDS = prospects.COMMANDS
"""What a bulk takes."""
CAPABILITIES: tuple[Route, ...] = (
    *prospects.ROUTES,
    commands.bulk(COMMANDS),
    *predictions.ROUTES,
    *funnel.ROUTES,
    *audit.ROUTES,
    *activity.ROUTES,
    *resources.ROUTES,
    *searches.ROUTES,
    *access.ROUTES,
    *exports.ROUTES,
    *deliveries.ROUTES,
    *orgs.ROUTES,
    *keys.ROUTES,
    *reports.ROUTES,
    *proofs.ROUTES,
    *privacy.ROUTES,
)


def create_app(
    edge: Edge,
    *,
    checks: Mapping[str, operations.Check] | None = None,
    streams: Sequence[Any] = (),
    paths: dict[str, Any] | None = None,
    middleware: Sequence[Middleware] = (),
    on_startup: Sequence[LifespanHook] = (),
    on_shutdown: Sequence[LifespanHook] = (),
) -> Direct:
    """The application over an edge.

    `streams` are Litestar handlers of live streams, and `paths` what the document says of them; `checks` are what
    /readyz asks. CORS is off: browsers of other origins get no answer they may read.
    """
    routes = routes_of(checks or {}, paths)
    app = Litestar(
        route_handlers=[*_options(routes), *(_handler(edge, route) for route in routes), *streams],
        exception_handlers={Exception: partial(_failed, edge)},
        middleware=middleware,
        before_send=[_secured],
        on_startup=on_startup,
        on_shutdown=on_shutdown,
        openapi_config=None,
        logging_config=None,
    )
    return Direct(app, edge, routes)


def routes_of(checks: Mapping[str, operations.Check], paths: dict[str, Any] | None = None) -> list[Route]:
    """Every route, the pages that describe them included."""
    blank = operations.routes(checks, b"", b"", b"")
    document = openapi.document([*CAPABILITIES, *blank], version("everlog"), paths)
    pages = operations.encoded(document), reference.page(document), reference.errors()
    return [*CAPABILITIES, *operations.routes(checks, *pages)]


def _handler(edge: Edge, route: Route) -> HTTPRouteHandler:
    async def serve(request: Request[Any, Any, Any]) -> Answer:
        return Answer(await edge.answer(route, Inbound(request.scope, request.receive, request.path_params)))

    make: Any = HTTPRouteHandler
    handler: HTTPRouteHandler = make(
        _path(route), http_method=_methods(route), name=route.operation, request_max_body_size=route.limit
    )(serve)
    return handler


def _options(routes: Sequence[Route]) -> list[HTTPRouteHandler]:
    """What each path takes. Registered first: the framework's own answer forgets methods that come later."""
    methods: dict[str, set[str]] = {}
    for route in routes:
        methods.setdefault(_path(route), {"OPTIONS"}).update(_methods(route))

    def option(path: str, allowed: str) -> HTTPRouteHandler:
        async def serve() -> ASGIResponse:
            return ASGIResponse(status_code=204, headers=[("Allow", allowed)])

        make: Any = HTTPRouteHandler
        handler: HTTPRouteHandler = make(path, http_method="OPTIONS")(serve)
        return handler

    return [option(path, ", ".join(sorted(allowed))) for path, allowed in methods.items()]


def _methods(route: Route) -> list[str]:
    """What can be got can also be asked for its headers alone (RFC 9110, section 9.3.2); the server drops the body."""
    return ["GET", "HEAD"] if route.method == "GET" else [route.method]


def _path(route: Route) -> str:
    """As the framework writes it."""
    return re.sub(r"{(\w+)}", lambda found: f"{{{found[1]}:{_KINDS[found[1]]}}}", route.path)


def _failed(edge: Edge, _: Request[Any, Any, Any], problem: Exception) -> Response[bytes]:
    """What went wrong before a route was reached."""
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    known: Exception = {404: Problem("route.unknown"), 405: Problem("request.method")}.get(status, problem)
    reply = edge.told(known, uuid4())
    headers = dict(problem.headers or {}) if isinstance(problem, HTTPException) else {}
    return Response(
        reply.body, status_code=reply.status, headers={**headers, **dict(reply.headers)}, media_type=reply.media
    )


async def _secured(message: Message, _: Scope) -> None:
    if message["type"] == "http.response.start":
        message["headers"] = secured(list(message["headers"]))
