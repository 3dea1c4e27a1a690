"""Where each request goes: to the cell of the tenant that its key names, and to no other."""

import asyncio
import logging
import re
import signal
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
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
_LAST_PORT = 65535
_SECRET = re.compile("[!-~]{32,}")
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
    """Route until SIGINT or SIGTERM. Raises `Unset` for what cannot be worked with, and `Insecure` as `shown` does."""
    import uvloop

    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise Unset("Write --listen HOST:PORT, with a port up to 65535.")
    router = Router(cells(given), _word(secret), _trust(authority) if authority else None)
    uvloop.run(_serve(router, host.strip("[]"), int(port), shown.context() if shown else None))


def _word(file: Path) -> str:
    """What says to a cell that a router asks, as the cells' setting has it."""
    try:
        word = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as problem:
        raise Unset(f"The secret in {file} cannot be read ({_why(problem)}).") from problem
    if not _SECRET.fullmatch(word):
        raise Unset(
            f"The secret in {file} has to be EVERLOG_ROUTER_SECRET of the cells: at least 32 printable characters."
        )
    return word


def _trust(authority: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as problem:
        raise Unset(f"The authority in {authority} cannot be read as PEM ({_why(problem)}).") from problem


def _why(problem: Exception) -> str:
    return getattr(problem, "reason", None) or getattr(problem, "strerror", None) or "no text"


def cells(given: Sequence[str]) -> dict[str, Cell]:
    """From texts such as `eu=https://eu.example.org`. Raises `Unset`."""
    found: dict[str, Cell] = {}
    for text in given:
        region, _, url = text.partition("=")
        address = urlsplit(url)
        if not named(region) or not _reachable(address) or region in found:
            raise Unset(f"`{text}` is no cell: write REGION=URL, such as eu=https://eu.example.org, once for each.")
        found[region] = Cell(region, url.rstrip("/"))
    return found


def _reachable(address: SplitResult) -> bool:
    try:
        return address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:
        # The port is none.
        return False


async def _serve(router: Router, host: str, port: int, context: ssl.SSLContext | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        server = await asyncio.start_server(router.connected, host, port, ssl=context)
    except OSError as problem:
        why = f"Cannot listen on {host}, port {port} ({problem.strerror}): choose another --listen."
        raise Unset(why) from problem
    listening = server.sockets[0].getsockname()
    sys.stdout.write(f"The router answers on {'https' if context else 'http'}://{host}:{listening[1]}\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()
    await router.close()
