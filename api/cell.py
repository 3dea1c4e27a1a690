"""What an API answers to the router before it: whether it has a tenant; and whose requests the router brings."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec

from tenants.residency import Claim

PREFIX = "/cell/tenants/"
SECRET, CLIENT = b"everlog-router", b"everlog-client"
"""Headers that count where the first one's value is the secret shared with the router; they go no further."""
Standing = Callable[[UUID], Awaitable[Claim | None]]
"""How a tenant stands here."""


class Celled:
    """An ASGI application before another, in a cell. To whoever has no secret there is nothing here."""

    def __init__(self, application: Any, secret: str, standing: Standing) -> None:
        self._application = application
        self._secret = secret.encode()
        self._standing = standing

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        given = dict(reversed(scope["headers"]))
        routed = hmac.compare_digest(given.get(SECRET, b""), self._secret)
        if routed and scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._tell(scope["path"].removeprefix(PREFIX), send)
            return
        scope = {**scope, "headers": [each for each in scope["headers"] if each[0] not in {SECRET, CLIENT}]}
        if routed and (address := given.get(CLIENT)):
            scope["client"] = (address.decode("latin-1"), 0)
        await self._application(scope, receive, send)

    async def _tell(self, tenant: str, send: Any) -> None:
        try:
            claim = await self._standing(UUID(tenant))
            status, body = (200, msgspec.json.encode(claim)) if claim else (204, b"")
        except Exception:  # noqa: BLE001 - the router only has to know that nothing is known
            status, body = 503, b""
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")] if body else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
