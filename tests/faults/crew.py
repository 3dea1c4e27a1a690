"""Several processes of the product over the same servers, each to be killed and started by itself."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import cycle, islice
from pathlib import Path
from uuid import UUID

import httpx2
import psycopg
from msgspec import Struct

from adapters.embedded import Servers
from api.settings import Settings
from tenants.context import SYSTEM
from tests.adapters.supervising import ROOT
from tests.faults import ground
from tests.faults.callers import Organisation
from tests.served import EVERLOG, READY, answered, environment, free_port

VIEWS, LEARNING, API = "worker views relay", "worker learning", "api"


class Crew:
    """Processes by name, such as `api 1`: a command of the product, and a number."""

    def __init__(self, home: Path, names: Sequence[str], **named: str) -> None:
        self.home = home
        self.named = environment(**{"EVERLOG_HOME": str(home), "EVERLOG_REQUESTS_PER_MINUTE": "60000", **named})
        self.ports = {name: free_port() for name in names if name.startswith(API)}
        self._names = names
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Start these, or all of them; return when those that answer HTTP are ready."""
        for name in names or self._names:
            with self.home.with_suffix(".log").open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    [*EVERLOG, *name.rpartition(" ")[0].split()],
                    env=self.named | {"EVERLOG_PORT": str(self.ports.get(name, 8000))},
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
        for name in names or self._names:
            if name in self.ports:
                self._ready(name)

    def kill(self, *names: str) -> None:
        """Without a word."""
        for name in names:
            self._processes[name].kill()
            self._processes[name].wait()

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def urls(self) -> list[str]:
        """Of each API process."""
        return [f"http://127.0.0.1:{port}" for port in self.ports.values()]

    def _ready(self, name: str) -> None:
        until = time.monotonic() + READY
        while time.monotonic() < until:
            with suppress(httpx2.TransportError):
                if httpx2.get(f"http://127.0.0.1:{self.ports[name]}/readyz").is_success:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{name} is not ready: {self.home.with_suffix('.log').read_text()[-2000:]}")


class Manned(Struct, frozen=True):
    """A crew at work, and the servers it works on."""

    crew: Crew
    servers: Servers
    direct: Settings

    def organisations(self, count: int) -> list[Organisation]:
        """Each API process serves one after another; any of them would serve any."""
        urls = islice(cycle(self.crew.urls), count)
        return [ground.organisation(url, self.crew.named, f"Acme {number}") for number, url in enumerate(urls)]


@contextmanager
def manned(home: Path, names: Sequence[str], **named: str) -> Iterator[Manned]:
    """These processes on servers of their own; `named` are settings, `EVERLOG_NATS_URL` among them if it is another."""
    with ExitStack() as stack:
        servers = stack.enter_context(ground.existing(home / "servers"))
        known = servers.addresses
        urls = {
            "EVERLOG_DATABASE_URL": known.app,
            "EVERLOG_WORKER_URL": known.worker,
            "EVERLOG_NATS_URL": known.nats,
            **named,
        }
        crew = Crew(home / "home", names, **urls)
        stack.callback(crew.stop)
        answered(["migrate"], crew.named | {"EVERLOG_OWNER_URL": known.owner})
        crew.start()
        yield Manned(crew, servers, ground.direct(crew.named, servers, urls["EVERLOG_NATS_URL"]))


def shares(settings: Settings) -> dict[str, dict[UUID, int]]:
    """By job, how many organisations each living worker works for."""
    sql = """
        select c.job, c.worker, count(l.leased) from everlog.leases c
        left join everlog.leases l on l.tenant_id = c.tenant_id and l.job = split_part(c.job, ' ', 1)
            and l.worker = c.worker and l.until >= clock_timestamp()
        where c.tenant_id = %s and c.job like '%% crew' and c.until >= clock_timestamp() group by 1, 2"""
    found: dict[str, dict[UUID, int]] = {}
    with psycopg.connect(settings.worker) as connection:
        connection.execute("select set_config('app.tenant', %s, false)", [str(SYSTEM)])
        for job, worker, count in connection.execute(sql, [SYSTEM]):
            found.setdefault(job.split()[0], {})[worker] = count
    return found
