"""A worker that looks at whole records, in a test's own process, and what it told."""

import threading

from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from adapters.proofs.looks import Looks
from adapters.telemetry.checks import Checks
from api.checking import Checker
from api.settings import Settings

HOURS = 1e-9
"""Always due."""


def worker(world, migrated, folder):
    """The settings of one on the world's servers and keys."""
    addresses = migrated.addresses
    return Settings(
        home=folder,
        journal=folder / "journal",
        keys=world.secrets["keys"],
        kms=f"file:{world.secrets['kms']}",
        database=addresses.app,
        worker=addresses.worker,
        nats=addresses.nats,
    )


class Checking:
    """A worker that holds these tenants."""

    def __init__(self, world, look, *tenants, hours=HOURS, looks=None):
        self.registry = CollectorRegistry()
        self.held = {each.id for each in tenants}
        told, looks = Checks(self.registry), looks or Looks(world.secrets["keys"])
        told.watch(looks.all)
        self.checker = Checker(lambda: self.held, 0.1, hours, world.logs.of, look, looks, told)

    def advance(self):
        """How many were looked at, and what it said of those that are not as they should be."""
        with capture_logs() as lines:
            looked = self.checker.advance(threading.Event())
        return looked, [(each["event"], each["tenant"], each.get("type"), each.get("position")) for each in lines]

    def told(self, name):
        found = [line.rsplit(" ", 1) for line in generate_latest(self.registry).decode().splitlines()]
        return next(float(value) for each, value in found if each == f"everlog_check_{name}")
