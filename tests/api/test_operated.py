"""What an operator looks at is recorded before it is shown; of a tenant that has left, in the installation's log."""

import pytest

from application.audit import operated
from application.kernel import Caller
from domain.audit import Operated
from domain.kernel import Circumstances
from tenants.context import SYSTEM
from tests.api.world import OPERATOR

CLOSE = "update everlog.heads set closed = 'left' where tenant_id = %s"


@pytest.fixture
def tenant(world):
    return world.tenant(kept=False).id


@pytest.fixture
def look(world, tenant):
    def look():
        caller = Caller(tenant=tenant, actor=OPERATOR, circumstances=Circumstances(reason="a ticket"))
        return world.run(operated(world.logs, caller, "audit", {"limit": 1, "type": None}))

    return look


def recorded(world, tenant, appended):
    [found] = world.logs.of(tenant).read(appended.last - 1, 1)
    return found


def test_it_stands_in_the_tenants_own_log(world, tenant, look):
    found = recorded(world, tenant, look())
    assert found.fact == Operated("audit", (("limit", "1"),))
    assert found.meta.actor == OPERATOR
    assert world.logs.of(tenant).open(found.meta.circumstances).reason == "a ticket"


def test_of_one_that_has_left_it_stands_in_the_installations_log(world, tenant, look):
    before = world.logs.of(tenant).head()
    world.keeper.query(tenant, CLOSE, [tenant])
    found = recorded(world, SYSTEM, look())
    assert found.fact == Operated("audit", (("tenant", str(tenant)), ("limit", "1")))
    assert world.logs.of(tenant).head() == before
