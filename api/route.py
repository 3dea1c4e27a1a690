"""An endpoint in one piece: its handler, its documentation and its tests follow from the same description."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from api.call import Call
from api.inbound import Reply

if TYPE_CHECKING:
    from api.edge import Edge

Serve = Callable[["Edge", Call], Awaitable[Reply]]
SMALL = 256 * 1024
"""Bytes that a body may have, but for bulks."""


class Route(Struct, frozen=True, kw_only=True):
    method: str
    path: str
    """As OpenAPI writes it: `/v1/prospects/{id}`."""
    operation: str
    """The name of an SDK's method."""
    tag: str
    summary: str
    serve: Serve
    description: str = ""
    permission: str | None = None
    """What the caller must hold; "" where that depends on what the body asks for. None asks for no key at all."""
    parameters: type[Struct] | None = None
    """In the URL's query."""
    body: Any = None
    answer: Any = None
    """The answer's type; None where it is no JSON."""
    media: str = "application/json"
    others: tuple[str, ...] = ()
    """Further media types that it may answer with."""
    success: tuple[int, ...] = (200,)
    problems: tuple[str, ...] = ()
    """Codes that it may answer with, beside those of every endpoint."""
    headers: tuple[str, ...] = ()
    """Request headers that it heeds."""
    returns: tuple[str, ...] = ()
    """Response headers that it sets."""
    limit: int = SMALL


def public(path: str, serve: Serve, operation: str, summary: str, media: str, **named: Any) -> Route:
    """Something for everybody to get."""
    return Route(
        method="GET",
        path=path,
        serve=serve,
        operation=operation,
        summary=summary,
        media=media,
        tag="operations",
        **named,
    )
