"""NATS servers of a fault's own, alone or as a cluster, each to be killed, robbed and started again."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from adapters.embedded import binaries
from adapters.embedded.nats import url
from tests.served import free_port
from tests.waiting import until

TOKEN = "made-up"


class Broker:
    def __init__(self, folder: Path, name: str, cluster: Sequence[int] = (), route: int = 0) -> None:
        self.name = name
        self.port = free_port()
        self.url = url(TOKEN, self.port)
        self._folder = folder
        self._store = folder / "store"
        self._process: subprocess.Popen[bytes] | None = None
        settings = {
            "server_name": name,
            "host": "127.0.0.1",
            "port": self.port,
            "authorization": {"token": TOKEN},
            "max_payload": 8 * 2**20,
            "jetstream": {"store_dir": str(self._store), "sync_interval": "2m"},
        }
        if cluster:
            routes = [f"nats-route://127.0.0.1:{port}" for port in cluster if port != route]
            settings["cluster"] = {"name": "everlog", "host": "127.0.0.1", "port": route, "routes": routes}
        folder.mkdir(parents=True)
        (folder / "nats.conf").write_text(json.dumps(settings))

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            program = [str(binaries.installed().nats), "-c", str(self._folder / "nats.conf")]
            self._process = subprocess.Popen(program, stdout=log, stderr=log)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wipe(self) -> None:
        """Take away all that it has stored; it must not be running."""
        shutil.rmtree(self._store)

    def told(self) -> str:
        return (self._folder / "log").read_text()


@contextmanager
def alone(folder: Path) -> Iterator[Broker]:
    broker = Broker(folder / "broker", "alone")
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


@contextmanager
def clustered(folder: Path, size: int = 3) -> Iterator[list[Broker]]:
    """A cluster whose JetStream has a leader."""
    routes = [free_port() for _ in range(size)]
    brokers = [Broker(folder / f"node{n}", f"node{n}", routes, route) for n, route in enumerate(routes, 1)]
    try:
        for broker in brokers:
            broker.start()
        until(lambda: any("JetStream cluster new metadata leader" in broker.told() for broker in brokers), 120)
        yield brokers
    finally:
        for broker in brokers:
            broker.kill()


def urls(brokers: Sequence[Broker]) -> str:
    return ",".join(broker.url for broker in brokers)
