"""The demo from start to summary."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from uuid import UUID

import httpx2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api import bootstrap
from api.demo import figures
from api.demo.applications import Application, applications, commands, shuffled
from api.demo.client import Client, Failed
from api.demo.show import show
from api.serve import PortTaken, on_port, serving, told
from api.settings import Settings, Unset
from api.shell.tenants import found

READY = 60.0
SEED = 1
"""Of the order in which the second organisation gets the same applications."""


def run(settings: Settings, *, once: bool, fresh: bool, port: int | None, json: bool) -> None:
    """Start what is needed, play, show the summary; then go on serving unless `once`."""
    began = time.monotonic()
    # Lines of the log would run through the progress bars.
    os.environ.setdefault("EVERLOG_LOG_LEVEL", "WARNING")
    if fresh:
        bootstrap.wiped(settings)
    console = Console(stderr=json)
    if settings.certificate:
        raise Unset("The demo asks its own API in plain HTTP: run it without EVERLOG_TLS_CERTIFICATE.")
    with _served(settings, port) as where:
        url = where.url
        _ready(url)
        start = time.monotonic() - began
        clients = [_organisation(url, name) for name in ("First Organisation", "Second Organisation")]
        streamed = time.monotonic()
        lag = _stream(clients, console)
        first, second = clients
        console.print("Waiting for the models to predict the last ones.", style="dim")
        count = len(applications())
        for client in clients:
            figures.predicted(client, count)
        events = first.get("/v1/audit", limit=1)["items"][0]["position"]
        rate = events / (time.monotonic() - streamed)
        id, verdict = figures.recomputed(first, count)
        found = figures.Figures(
            tenants=len(clients),
            events=events,
            events_per_s=round(rate, 1),
            recomputed=verdict,
            cross_tenant_reads_refused=figures.refused(second, first),
            lag_s=round(lag, 3),
            start_s=round(start, 2),
            seconds=round(time.monotonic() - began, 1),
            **figures.scores(first, count),
        )
        show(found, first, id, url, json=json)
        if not once:
            console.print("The server goes on; press Ctrl-C to end it.")
            told().wait()


@contextmanager
def _served(settings: Settings, port: int | None) -> Iterator[Settings]:
    try:
        chosen = on_port(settings, port)
        with serving(chosen) as (where, _):
            yield where
    except PortTaken:
        if port is not None:
            raise
        with serving(on_port(settings, 0)) as (where, _):
            yield where


def _ready(url: str) -> None:
    """Wait until the API is ready. Raises `Failed`."""
    until = time.monotonic() + READY
    while time.monotonic() < until:
        try:
            if httpx2.get(f"{url}/readyz").is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise Failed(f"The API on {url} was not ready after {READY:.0f} s.")


def _organisation(url: str, name: str) -> Client:
    made = found(name)
    return Client(url, UUID(made["tenant"]), made["key"])


def _stream(clients: list[Client], console: Console) -> float:
    """Both organisations at once; seconds until the first one's views showed its last command."""
    orders, over = [applications(), shuffled(SEED)], threading.Event()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar, ThreadPoolExecutor(len(clients)) as threads:
        names = ("first organisation ", "second organisation")
        tasks = [bar.add_task(name, total=3 * len(rows)) for name, rows in zip(names, orders, strict=True)]
        running = [
            threads.submit(_feed, client, rows, over, partial(bar.advance, task))
            for client, rows, task in zip(clients, orders, tasks, strict=True)
        ]
        try:
            lags = [each.result() for each in running]
        finally:
            # Whatever ends one, Ctrl-C above all, is not to wait until the other has sent everything.
            over.set()
        return lags[0]


def _feed(
    client: Client, rows: tuple[Application, ...], over: threading.Event, advance: Callable[[float], None]
) -> float:
    for done in client.send(commands(client.tenant, rows)):
        advance(done)
        if over.is_set():
            break
    return figures.lag(client)
