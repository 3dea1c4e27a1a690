"""Where each request goes: to the cell of the tenant that its key names, and to no other."""

import asyncio
import logging
import signal
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from api.bootstrap.cells import Cell, Cells
from api.problems import Problem
from api.router.exchange import Exchange
from api.router.headers import Headers, key
from api.settings import Unset
from api.transport import Identity
from application.fresh import Fresh
from domain import api_keys
from tenants.residency import Misplaced, named, place

_log = logging.getLogger(__name__)
TOLD = 2.0
"""Seconds for which a placement holds: a tenant that has moved is found in its new cell after at most as long."""


class Router:
    """Knows cells, and asks them where a tenant is. It keeps no list of tenants and opens nothing."""

    def __init__(self, cells: Mapping[str, Cell], secret: str, trust: ssl.SSLContext | None = None) -> None:
        self._cells = cells
        self._secret = secret
        self._trust = trust
        self._asked = Cells(cells, secret, trust)
        self._placed: Fresh[UUID, str] = Fresh(self._place, TOLD)

    async def close(self) -> None:
        await self._asked.close()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Exchange(reader, writer, self.where, self._secret, self._trust).run()

    async def where(self, headers: Headers) -> Cell:
        """Raises `Problem`: of a request whose key names no tenant, and of one whose tenant is in no one cell."""
        text = key(headers)
        if text is None:
            # What is asked without a key is about no tenant, and the same everywhere.
            return next(iter(self._cells.values()))
        presented = api_keys.read(text)
        if presented is None:
            raise Problem("auth.invalid")
        try:
            return self._cells[await self._placed.get(presented.tenant)]
        except Misplaced as nowhere:
            # What was known before is not true any more: nobody else is to be sent by it.
            self._placed.drop(presented.tenant)
            raise Problem(nowhere.code) from nowhere

    async def _place(self, tenant: UUID) -> str:
        answers = await self._asked.claims(tenant)
        try:
            return place(answers)
        except Misplaced as nowhere:
            if nowhere.code == "cells.disputed":
                _log.error("cells.disputed: organisation %s lives in more than one cell.", tenant)
            raise


def run(
    given: Sequence[str], secret: Path, listen: str, authority: Path | None = None, shown: Identity | None = None
) -> None:
    """Route until SIGINT or SIGTERM. Raises `Unset` for what names no cells, and `OSError`."""
    import uvloop

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise Unset("Write --listen HOST:PORT.")
    trust = ssl.create_default_context(cafile=authority) if authority else None
    router = Router(cells(given), secret.read_text(encoding="utf-8").strip(), trust)
    uvloop.run(_serve(router, host.strip("[]"), int(port), shown.context() if shown else None))


def cells(given: Sequence[str]) -> dict[str, Cell]:
    """From texts such as `eu=https://eu.example.org`. Raises `Unset`."""
    found: dict[str, Cell] = {}
    for text in given:
        region, _, url = text.partition("=")
        address = urlsplit(url)
        if not named(region) or address.scheme not in {"http", "https"} or not address.hostname or region in found:
            raise Unset(f"`{text}` is no cell: write REGION=URL, such as eu=https://eu.example.org, once for each.")
        found[region] = Cell(region, url.rstrip("/"))
    return found


async def _serve(router: Router, host: str, port: int, context: ssl.SSLContext | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await asyncio.start_server(router.connected, host, port, ssl=context)
    listening = server.sockets[0].getsockname()
    sys.stdout.write(f"The router answers on {'https' if context else 'http'}://{host}:{listening[1]}\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()
    await router.close()
