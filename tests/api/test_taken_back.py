"""What is under way when an organisation takes the use of its keys back ends too, also where it needs no key."""

import asyncio
from threading import Event

import httpx2
import pytest

from adapters.proofs.sealer import Sealer
from api.exports.taking import Taking
from api.proofs import bundles
from tenants.keys import Revoked
from tests.api import test_keys
from tests.api.deliveries.house import House, to
from tests.api.test_keys import PATHS, asked
from tests.destinations.collector import Collector, running
from tests.waiting import until

transit, owning = test_keys.transit, test_keys.owning
AWAYS = {"bundle": "/v1/proofs/bundle", "export": "/v1/audit/export"}


@pytest.fixture
def gate(monkeypatch):
    """What leaves waits behind its first part, as for a slow reader, until this is set."""
    gate, lines, parts = Event(), Taking._lines, bundles.parts

    async def slow_lines(self, page):
        if page[0].position > 1:
            await asyncio.to_thread(gate.wait, 60)
        return await lines(self, page)

    async def slow_parts(*given):
        async for part in parts(*given):
            yield part
            await asyncio.to_thread(gate.wait, 60)

    monkeypatch.setattr("api.exports.taking.PAGE", 3)
    monkeypatch.setattr(Taking, "_lines", slow_lines)
    monkeypatch.setattr(bundles, "MANY", 1)
    monkeypatch.setattr(bundles, "parts", slow_parts)
    yield gate
    gate.set()


def sealed(world, tenant):
    sealer = Sealer(tenant.id, world.keeper, world.signer)
    while sealer.seal():
        pass


def taken(world, key, path, meanwhile):
    """The lines that somebody got who is slow, and whether they came to their end; `meanwhile` is done in between."""
    got = b""
    headers = {"Authorization": f"Bearer {key}"}
    with world.client.stream("GET", f"{world.url}{path}", headers=headers) as answer:
        assert answer.status_code == 200
        coming = answer.iter_bytes()
        try:
            got += next(coming)
            meanwhile()
            for part in coming:
                got += part
        except httpx2.TransportError:
            return got.splitlines(), False
    return got.splitlines(), True


@pytest.mark.parametrize("what", AWAYS)
def test_what_is_being_taken_away_is_cut_off_when_the_keys_are_taken_back(world, owning, transit, gate, what):
    sealed(world, owning)
    # Nothing that this one takes needs a key.
    key = world.key(owning, "Admin", "narrow", scopes=("audit.export", "proofs.read"))
    most, whole = taken(world, key, AWAYS[what], gate.set)
    assert whole, "the control: who may read it gets all of it, however slowly"
    gate.clear()

    def closed():
        transit.token = "another"
        until(lambda: asked(world, owning, PATHS[0]) == (403, "keys.revoked"))
        gate.set()

    some, whole = taken(world, key, AWAYS[what], closed)
    assert not whole
    assert 0 < len(some) < len(most) / 2


def test_a_destination_without_a_secret_gets_nothing_more_until_the_keys_are_given_again(world, owning, transit):
    with running(Collector()) as collector:
        house = House(world, owning)
        house.add("http", to(collector), secret="")
        house.deliver()
        first = len(collector.positions)
        assert first, "the control: it is served"
        house.work()
        head = house.settle()
        transit.token = "another"
        until(lambda: asked(world, owning, PATHS[0]) == (403, "keys.revoked"))
        for _ in range(3):
            house.time += 1000
            with pytest.raises(Revoked):
                house.courier.step(60)
        assert len(collector.positions) == first
        transit.token = "first"
        until(lambda: asked(world, owning, PATHS[0]) == (200, ""))
        house.deliver()
        assert set(range(1, head + 1)) <= set(collector.positions), "nothing is lost"
        assert sorted(collector.positions) == sorted(set(collector.positions)), "nothing comes twice"
