"""`everlog api`: the HTTP application under granian, in one process and one event loop."""

import asyncio
import signal
import sys
from functools import partial
from typing import Any

from granian.constants import Interfaces, SSLProtocols
from granian.server.embed import Server

from api import bootstrap, transport
from api.app import create_app
from api.bootstrap import DECIDERS, DOCUMENTS, FULL, KEYLESS, LEFT, MISPLACED, MISSING, REVOKED, UNAVAILABLE, Product
from api.cell import Celled, Standing
from api.direct import Direct
from api.edge import Edge
from api.forwarded import Forwarded
from api.gate import Gate
from api.settings import Settings
from api.stream import PATHS, Streams, Tails, handlers
from api.transport import YEAR, Strict
from application.ports import Journal
from tenants.context import SYSTEM
from tenants.quotas import Quota

SWITCH = 0.0005
"""Seconds after which a thread that waits for Python's lock is given it; Python's own are .005.

Granian brings each request in on a thread of its own and the committer answers on another, beside the loop: where that
is busy, each waited its 5 ms, and turning somebody away took the time of who was served (decision 0033).
"""
TROUBLES = {
    "storage.full": FULL,
    "tenancy.left": LEFT,
    "keys.revoked": REVOKED,
    "keys.away": KEYLESS,
    "keys.misplaced": MISPLACED,
    "keys.missing": MISSING,
    "service.unavailable": UNAVAILABLE,
}
"""Troubles that pass, by the code that each is told by."""


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    import uvloop

    sys.setswitchinterval(SWITCH)
    with bootstrap.product(settings, "api") as product, bootstrap.journal(product) as journal:
        uvloop.run(_serve(product, journal))


async def _serve(product: Product, journal: Journal) -> None:
    settings = product.settings
    await product.database.start()
    try:
        product.link.start()
        if product.replica:
            await product.replica.start()
        whole = Gate(product.telemetry.http(application(product, journal)))
        server = listening(settings, behind(settings, whole, bootstrap.standing(product)))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        async with product.trail.telling():
            await server.serve()
    finally:
        if product.replica:
            await product.replica.stop()
        await product.database.stop()


def behind(settings: Settings, application: Any, standing: Standing) -> Any:
    """The application told who asks by a router and by proxies, where there are any. Proxies stand before a router."""
    if settings.proxies:
        application = Forwarded(application, settings.proxies, settings.forwarded)
    return Celled(application, settings.router, standing) if settings.router else application


def listening(settings: Settings, application: Any) -> Server:
    """Granian's embedded server, which works in the loop that serves it. Raises `Insecure`."""
    shown, hsts = settings.identity, settings.hsts
    if not shown and "api" not in transport.plaintext(settings.plaintext):
        transport.must_be_local(settings.host)
    if shown:
        # Looked at here, since the server would say no more than that it does not start.
        shown.context()
        hsts = YEAR if hsts is None else hsts
    return Server(
        Strict(application, hsts) if hsts else application,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        log_enabled=False,
        backlog=1024,
        ssl_cert=shown.certificate if shown else None,
        ssl_key=shown.key if shown else None,
        ssl_protocol_min=SSLProtocols(f"tls{settings.tls}"),
    )


def application(product: Product, journal: Journal) -> Direct:
    """The application over a product whose database was started."""
    edge = Edge(
        product.pipeline,
        product.entry,
        product.logs,
        bootstrap.scorer(product),
        DECIDERS,
        Quota(product.settings.rate),
        bootstrap.proofs(product),
        journal,
        documents=DOCUMENTS,
        deliveries=bootstrap.deliveries(product),
        again=partial(bootstrap.again, product),
        trace=product.telemetry.traces.current,
        granted=product.logs.granted,
        troubles=TROUBLES,
        controller=product.settings.controller,
    )
    streams = Streams(edge, product.access, product.keyring, Tails(product.logs, product.wakes))

    async def database() -> str:
        await product.database.fetch(SYSTEM, "select 1")
        return ""

    return create_app(edge, checks={"database": database}, streams=handlers(streams), paths=PATHS)
