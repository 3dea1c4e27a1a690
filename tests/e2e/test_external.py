"""The product on servers that exist already, named by three variables."""

from uuid import UUID

import psycopg
import pytest

from adapters.embedded import running, wipe
from api.demo import figures
from api.demo.applications import applications, commands
from api.demo.client import Client
from tests.served import answered, environment, everlog, free_port, served


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Servers of its own, as an operator would have them: nothing in them but an owner role that is no superuser."""
    folder = tmp_path_factory.mktemp("existing")
    with running(folder) as servers:
        yield servers
    wipe(folder)


@pytest.fixture(scope="module")
def named(servers):
    """The app's role does not exist yet: its URL says what it is to be called."""
    host = servers.addresses.owner.rpartition("@")[2]
    return {
        "EVERLOG_DATABASE_URL": f"postgresql://acme_app:made-up@{host}",
        "EVERLOG_OWNER_URL": servers.addresses.owner,
        "EVERLOG_NATS_URL": servers.addresses.nats,
    }


def test_before_it_is_migrated_it_says_so(named, tmp_path):
    done = everlog(["api"], environment(**named, EVERLOG_HOME=str(tmp_path), EVERLOG_PORT=str(free_port())))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "acme_app" in done.stderr


def test_migrated_twice_it_serves_on_them(named, servers, tmp_path):
    home = tmp_path / "home"
    for _ in range(2):
        assert answered(["migrate"], environment(**named, EVERLOG_HOME=str(home))) == {"migrated": True}
    # The owner's password is not needed any more, and a process that serves should not have it.
    del named["EVERLOG_OWNER_URL"]
    with served(home, **named) as product:
        assert not {"postgres", "nats"} & product.children().keys()
        made = answered(["tenants", "create", "Acme"], product.environment)
        client = Client(product.url, UUID(made["tenant"]), made["key"])
        for _ in client.send(commands(client.tenant, applications()[:5])):
            pass
        figures.predicted(client, 5)
        assert len(client.get("/v1/prospects")["items"]) == 5
        assert answered(["check-walls"], product.environment) == {"findings": []}
    with psycopg.connect(servers.addresses.superuser) as connection:
        [(count,)] = connection.execute("select count(*) from everlog.events where tenant_id = %s", [client.tenant])
    assert count > 15
