"""An announcement is only a hint: one that is wrong costs a look, not a processor."""

import asyncio

from nats.aio.client import Client

from adapters.nats import subjects
from tests.adapters.nats.broker import Memory
from tests.waiting import until


def announce(url, tenant, position):
    async def told():
        client = Client()
        await client.connect(url)
        await client.publish(subjects.wake(tenant), f"1:{position}".encode())
        await client.close()

    asyncio.run(told())


def test_a_log_that_is_shorter_than_announced_is_looked_at_and_left_alone(broker, relaying, tenant, monkeypatch):
    logs = Memory(tenant)
    logs.of(tenant).append(3)
    looks = []
    rows = logs.of(tenant).rows

    def looked(*given):
        looks.append(given)
        return rows(*given)

    monkeypatch.setattr(logs.of(tenant), "rows", looked)
    with relaying(broker.url, logs) as worker:
        assert until(lambda: worker.behind() == {tenant: 0})
        before = len(looks)
        announce(broker.url, tenant, 1_000)
        assert until(lambda: len(looks) > before)
        assert until(lambda: worker._heads[tenant].position == 3)
        logs.of(tenant).append(1)
        assert until(lambda: worker._courses[tenant].position == 4)
    # One look for the announcement, one for the event, one that finds no more.
    assert len(looks) <= before + 4
