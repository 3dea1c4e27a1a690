"""The way past the framework: a request for a known path goes straight to its route, every other to Litestar.

Litestar routes, converts and guards in general; that costs as much as a read from the database. What it does with a
plain request to one of our paths, this does with two look-ups. Whatever is unusual about a request (another method, a
trailing slash, an identifier that is not written the usual way, a root path) is left to Litestar, which has the same
routes.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from api.edge import Edge
from api.inbound import Answer, Inbound, Receive, Scope, Send
from api.route import Route

_ID = re.compile(r"/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?=/|\Z)")
_HOST = re.compile(rb"[A-Za-z0-9.\-]{1,255}(?::\d{1,5})?")
_PLACE = "/{id}"


class Found(NamedTuple):
    route: Route
    path: dict[str, Any]


class Direct:
    def __init__(self, app: Any, edge: Edge, routes: Iterable[Route]) -> None:
        self.litestar = app
        self._edge = edge
        self._routes = {(each.method, each.path): each for each in routes if set(_places(each.path)) <= {"id"}}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._found(scope) if scope["type"] == "http" else None
        if found is None:
            await self.litestar(scope, receive, send)
            return
        scope["path_template"] = found.route.path
        reply = await self._edge.answer(found.route, Inbound(scope, receive, found.path))
        await Answer(reply)(scope, receive, send)

    def _found(self, scope: Scope) -> Found | None:
        if scope.get("root_path") or not _plain(scope):
            return None
        method, path = scope["method"], scope["path"]
        if route := self._routes.get((method, path)):
            return Found(route, {})
        if (id := _ID.search(path)) is None:
            return None
        start, end = id.span()
        if route := self._routes.get((method, f"{path[:start]}{_PLACE}{path[end:]}")):
            return Found(route, {"id": UUID(path[start + 1 : end])})
        return None


def _plain(scope: Scope) -> bool:
    """Whether the host is one that needs no second look."""
    host = next((value for name, value in scope["headers"] if name == b"host"), None)
    return host is not None and _HOST.fullmatch(host) is not None


def _places(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)
