"""A NATS server of a test's own, to be killed and robbed; and logs in memory, shaped like the real ones."""

import json
import shutil
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from adapters.embedded import binaries, ports
from adapters.embedded.nats import url
from adapters.nats.message import Event


class Broker:
    def __init__(self, folder):
        self.folder = folder
        self.store = folder / "store"
        self.port = ports.choose()
        self.url = url("secret", self.port)
        self.process: Any = None

    def start(self):
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "nats.conf"
        config.write_text(json.dumps(self.configured()))
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen([binaries.installed().nats, "-c", config], stderr=log)

    def configured(self):
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "authorization": {"token": "secret"},
            "jetstream": {"store_dir": str(self.store), "sync_interval": "2m"},
        }

    def kill(self):
        self.process.kill()
        self.process.wait()

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def wipe(self):
        shutil.rmtree(self.store)

    def remember(self):
        """Copy the store; the server must not be running."""
        shutil.copytree(self.store, self.folder / "remembered")

    def restore(self):
        """Put the copy back: everything stored since is lost."""
        self.wipe()
        shutil.copytree(self.folder / "remembered", self.store)


class OneLog:
    def __init__(self):
        self.events = []
        self.generation = 1

    def append(self, count, body=b"x" * 300, type="prospects.captured", trace=""):
        for _ in range(count):
            position = len(self.events) + 1
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=position)
            meta = json.dumps({"event": str(uuid4()), "trace": trace}).encode()
            stream = f"prospects/{uuid4()}"
            row = Event(position, stream, 1, type, at, meta, b"%d:" % position + body, self.generation)
            self.events.append(row)

    def rows(self, after, limit):
        return self.events[after : after + limit]

    def head(self):
        return self.generation, len(self.events)


class Memory:
    """Every tenant's log."""

    def __init__(self, *tenants):
        self.logs = {tenant: OneLog() for tenant in tenants}

    def heads(self):
        return [(tenant, *log.head()) for tenant, log in self.logs.items()]

    def of(self, tenant):
        return self.logs[tenant]


class Free:
    """Leases that everybody gets."""

    def hold(self, job, tenant):
        return True
