"""A new tenant is noted by the installation, gets its ground, and its organisation; what was half done is finished."""

import asyncio
from uuid import UUID

import pytest

from adapters.casbin import Casbin
from application.api_keys import Keyring
from application.audit import Trail
from application.pipeline import Pipeline, Rejected
from application.tenancy import provision
from domain.kernel import Actor
from domain.orgs import Founded, Joined
from domain.tenancy import Created
from tenants.context import SYSTEM
from tests.memory import MemoryLogs

TENANT, ADMIN = UUID(int=5), UUID(int=6)


class Ground:
    def __init__(self):
        self.prepared = []
        self.fail = False

    async def prepare(self, tenant):
        if self.fail and tenant == TENANT:
            raise ConnectionResetError
        self.prepared.append(tenant)


@pytest.fixture
def logs():
    return MemoryLogs()


@pytest.fixture
def ground():
    return Ground()


def create(logs, ground, name="Acme", actor=None):
    pipeline = Pipeline(logs, Casbin(logs, Keyring(logs)), Trail(logs), lambda _: None)  # type: ignore[arg-type, return-value] # nothing is read
    actor = actor or Actor("operator", UUID(int=1))
    asyncio.run(provision(pipeline, ground, actor, TENANT, name, ADMIN))


def facts(logs, tenant):
    return [each.fact for each in logs.of(tenant).facts]


def test_a_tenant_is_created_with_its_organisation(logs, ground):
    create(logs, ground)
    assert facts(logs, SYSTEM) == [Created("Acme")]
    assert facts(logs, TENANT) == [Founded("Acme"), Joined(ADMIN, "Admin")]
    assert ground.prepared == [SYSTEM, TENANT]


def test_what_was_half_done_is_finished(logs, ground):
    ground.fail = True
    with pytest.raises(ConnectionResetError):
        create(logs, ground)
    ground.fail = False
    create(logs, ground)
    create(logs, ground)
    assert facts(logs, SYSTEM) == [Created("Acme")]
    assert facts(logs, TENANT) == [Founded("Acme"), Joined(ADMIN, "Admin")]


def test_only_operators_create_tenants(logs, ground):
    with pytest.raises(Rejected, match=r"access\.denied"):
        create(logs, ground, actor=Actor("user", ADMIN))
    assert facts(logs, SYSTEM)[0].code == "access.denied"
