"""What an operator looks at is recorded before it is shown; of a tenant that has left, in the installation's log."""

from uuid import uuid4

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
    def look(**given):
        caller = Caller(tenant=tenant, actor=OPERATOR, circumstances=Circumstances(reason="a ticket"))
        return world.run(operated(world.logs, caller, "audit", {"limit": 1, "type": None} | given))

    return look


def recorded(world, tenant, appended):
    [found] = world.logs.of(tenant).read(appended.last - 1, 1)
    return found


def looked(found):
    """Without its words, which are sealed also where there are none."""
    assert isinstance(found.fact, Operated)
    return found.fact.command, found.fact.given, found.fact.under


def test_it_stands_in_the_tenants_own_log(world, tenant, look):
    found = recorded(world, tenant, look())
    assert looked(found) == ("audit", (("limit", "1"),), found.id)
    assert found.meta.actor == OPERATOR
    assert world.logs.of(tenant).open(found.meta.circumstances).reason == "a ticket"


def test_of_one_that_has_left_it_stands_in_the_installations_log(world, tenant, look):
    before = world.logs.of(tenant).head()
    world.keeper.query(tenant, CLOSE, [tenant])
    found = recorded(world, SYSTEM, look())
    assert looked(found) == ("audit", (("tenant", str(tenant)), ("limit", "1")), found.id)
    assert world.logs.of(tenant).head() == before


def test_words_are_sealed(world, tenant, look):
    """A person's name may be among them. The control: what no name can be stands in the clear."""
    word = f"w{uuid4().hex}"
    done = look(q=word, code="access.denied")
    query = "select convert_from(body, 'UTF8') from everlog.events where position = %s"
    with world.database.transaction(tenant) as connection:
        [(stored,)] = connection.execute(query, [done.last]).fetchall()
    assert word not in stored
    assert "access.denied" in stored
    found = recorded(world, tenant, done).fact
    assert found.given == (("code", "access.denied"), ("limit", "1"), ("q", ""))
    assert world.run(world.logs.of(tenant).opened(found)).sought == (("q", word),)


@pytest.mark.parametrize(
    ("scopes", "shown"),
    [
        (("audit.read", "prospects.read-personal"), None),
        (("audit.read", "audit.read-circumstances"), None),
        (("audit.read", "audit.read-circumstances", "prospects.read-personal"), [["ip", "192.0.2.7"]]),
    ],
)
def test_what_was_looked_for_is_shown_to_who_sees_persons_and_circumstances(world, scopes, shown):
    """Among it are names as well as addresses. The control: who holds both sees it."""
    house = world.tenant()
    caller = Caller(tenant=house.id, actor=OPERATOR, circumstances=Circumstances())
    done = world.run(operated(world.logs, caller, "audit", {"ip": "192.0.2.7"}))
    key = world.key(house, "Admin", "narrow", scopes=scopes)
    after = {"Everlog-Min-Position": str(done.last)}
    event = world.ask("GET", f"/v1/audit/{done.last}", key, headers=after).json()
    listed = world.ask("GET", "/v1/audit?facts=true&type=audit.operated", key, headers=after).json()
    assert event["fact"]["sought"] == listed["items"][0]["fact"]["sought"] == shown
