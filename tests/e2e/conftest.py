"""One running product for all tests of this folder, and an organisation that has lived in it for a while."""

from uuid import UUID

import pytest

from api.demo import figures
from api.demo.applications import applications, commands
from api.demo.client import Client
from tests.adapters.proofs.test_witness import process
from tests.served import answered, everlog, free_port, served

APPLICATIONS = 130
"""Enough for the first outcomes to be learned before the last captures."""


@pytest.fixture(scope="session")
def witness(tmp_path_factory):
    """A witness that the product is to ask, and that is away until it is started for a log's key."""
    folder, port = tmp_path_factory.mktemp("witness") / "state", free_port()
    with process(folder, port=port) as (_, _, key):
        pass
    return folder, port, key


@pytest.fixture(scope="session")
def house(tmp_path_factory, witness):
    _, port, key = witness
    asked = f"http://127.0.0.1:{port} {key}"
    with served(
        tmp_path_factory.mktemp("house") / "home",
        EVERLOG_WITNESSES=asked,
        EVERLOG_OUTBOUND_HOSTS="localhost",
        EVERLOG_METRICS_PORT=str(free_port()),
    ) as product:
        yield product


@pytest.fixture(scope="session")
def run(house):
    """A command of the command line, as its process ended."""
    return lambda *words, **more: everlog(words, house.environment | more)


@pytest.fixture(scope="session")
def ask(house):
    """What a command answers with `--json`."""
    return lambda *words, **more: answered(words, house.environment | more)


@pytest.fixture(scope="session")
def acme(house, ask):
    """A client with an Admin's key."""
    made = ask("tenants", "create", "Acme")
    return Client(house.url, UUID(made["tenant"]), made["key"])


@pytest.fixture(scope="session")
def lived(acme):
    """The same, after a part of the demo's applications, all of them predicted."""
    for _ in acme.send(commands(acme.tenant, applications()[:APPLICATIONS])):
        pass
    figures.predicted(acme, APPLICATIONS)
    return acme
