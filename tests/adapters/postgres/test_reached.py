"""Read your writes: whoever waits for a position is woken by news, or looks."""

import asyncio

from adapters.nats.wake import Wakes
from adapters.postgres.views import Views
from projections.runner import Runner
from tests.adapters.postgres.asking import EVENTS, MODELS, ask, models
from tests.story import Clear, Told


def reach(migrated, tenant, position, seconds=0.2, generation=None, **options):
    return ask(migrated, tenant, lambda reads: reads.reached(position, seconds, generation), **options)[0]


def test_a_position_is_reached_or_not(migrated, full):
    assert reach(migrated, full, 300)
    assert reach(migrated, full, 300, generation=1)
    assert not reach(migrated, full, 301)
    assert not reach(migrated, full, 1, generation=2)
    assert not reach(migrated, full, 300, 3600, generation=0)


def test_whoever_waits_is_woken_by_news_alone(migrated, keeper, tenant):
    """No polling: without the news it would wait for an hour."""

    wakes, log = Wakes(), Told(tenant, EVENTS, told=100)
    runner = Runner(log, Views(tenant, keeper, Clear()), MODELS, seen=wakes.seen)
    runner.catch_up()

    async def waiting():
        async with models(migrated, ears=wakes.views, poll=None) as made:
            waiter = asyncio.create_task(made.of(tenant).reached(300, 3600))
            await asyncio.sleep(0.1)
            assert not waiter.done()
            log.told = 300
            await asyncio.to_thread(runner.catch_up)
            return await asyncio.wait_for(waiter, 30)

    assert asyncio.run(waiting())


def test_without_an_ear_it_looks_by_itself(migrated, keeper, tenant):

    log = Told(tenant, EVENTS, told=100)
    runner = Runner(log, Views(tenant, keeper, Clear()), MODELS)
    runner.catch_up()

    async def waiting():
        async with models(migrated) as made:
            waiter = asyncio.create_task(made.of(tenant).reached(300, 3600))
            await asyncio.sleep(0.1)
            log.told = 300
            await asyncio.to_thread(runner.catch_up)
            return await asyncio.wait_for(waiter, 30)

    assert asyncio.run(waiting())
