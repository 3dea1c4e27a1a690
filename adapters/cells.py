"""The cells that a router stands before, asked over HTTP what they know of a tenant."""

import asyncio
import ssl
from collections.abc import Mapping
from uuid import UUID

import httpx2
import msgspec
from msgspec import Struct

from tenants.residency import Answers, Claim

PATH = "/cell/tenants/"
SECRET = "Everlog-Router"  # noqa: S105 - the header's name
CLIENT = "Everlog-Client"
"""The address that a request came from, as the router knows it."""


class Unanswered(Exception):
    """A cell did not say whether it has a tenant."""


class Cell(Struct, frozen=True):
    """A region's installation: the base URL of its API."""

    region: str
    url: str


class Cells:
    """All of them. `secret` is what tells a cell that a router asks."""

    def __init__(
        self, cells: Mapping[str, Cell], secret: str, trust: ssl.SSLContext | None = None, patience: float = 2.0
    ) -> None:
        self._client = httpx2.AsyncClient(verify=trust or True, timeout=patience)
        self._cells = cells
        self._headers = {SECRET: secret}

    async def claims(self, tenant: UUID) -> Answers:
        """Nothing but the tenant's identifier goes to a cell that it does not live in."""
        names = list(self._cells)
        found = await asyncio.gather(*(self._claim(self._cells[name], tenant) for name in names))
        return dict(zip(names, found, strict=True))

    async def close(self) -> None:
        await self._client.aclose()

    async def _claim(self, cell: Cell, tenant: UUID) -> Claim | Exception | None:
        try:
            answer = await self._client.get(f"{cell.url}{PATH}{tenant}", headers=self._headers)
            match answer.status_code:
                case httpx2.codes.OK:
                    return msgspec.json.decode(answer.content, type=Claim)
                case httpx2.codes.NO_CONTENT:
                    return None
            return Unanswered(f"{cell.region} answered {answer.status_code}")
        except (httpx2.HTTPError, msgspec.DecodeError) as problem:
            return problem
