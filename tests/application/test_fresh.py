"""Values kept for a moment are never older than that, and nobody waits for another's look."""

import asyncio

import pytest

from application.fresh import Fresh


class World:
    def __init__(self, most=10):
        self.now, self.looks, self.value = 0.0, 0, "old"
        self.fresh: Fresh[str, str] = Fresh(self.look, 1.0, most, lambda: self.now)

    async def look(self, key):
        self.looks += 1
        value = self.value
        await asyncio.sleep(0)
        return value

    def get(self, key="a"):
        return asyncio.run(self.fresh.get(key))


@pytest.fixture
def world():
    return World()


def test_a_value_is_looked_up_once_while_it_is_young(world):
    assert [world.get() for _ in range(3)] == ["old"] * 3
    world.now = 0.49
    world.get()
    assert world.looks == 1


def test_a_value_is_never_older_than_the_limit(world):
    world.get()
    world.value, world.now = "new", 1.0
    assert world.get() == "new"


def test_one_looks_again_while_the_others_go_on(world):
    async def both():
        return await asyncio.gather(world.fresh.get("a"), world.fresh.get("a"), world.fresh.get("a"))

    world.get()
    world.value, world.now = "new", 0.6
    assert asyncio.run(both()) == ["new", "old", "old"]
    assert world.looks == 2
    assert world.get() == "new"


def test_past_the_limit_everybody_looks(world):
    async def both():
        return await asyncio.gather(world.fresh.get("a"), world.fresh.get("a"))

    world.get()
    world.value, world.now = "new", 1.2
    assert asyncio.run(both()) == ["new", "new"]


def test_a_slow_look_does_not_replace_what_is_younger(world):
    async def race():
        slow = asyncio.create_task(world.fresh.get("a"))
        await asyncio.sleep(0)
        world.value, world.now = "new", 5.0
        assert await world.fresh.get("a") == "new"
        await slow
        return await world.fresh.get("a")

    assert asyncio.run(race()) == "new"


def test_a_look_that_fails_is_made_again(world, monkeypatch):
    async def broken(key):
        raise ConnectionResetError

    look = world.fresh._look
    world.fresh._look = broken
    with pytest.raises(ConnectionResetError):
        world.get()
    world.fresh._look = look
    assert world.get() == "old"


def test_the_one_not_asked_for_longest_is_forgotten():
    world = World(most=2)
    for key in "abc":
        world.get(key)
    looks = world.looks
    world.get("c")
    assert world.looks == looks
    world.get("a")
    assert world.looks == looks + 1


def test_what_nobody_need_look_for_is_at_hand(world):
    assert world.fresh.peek("a") is None
    world.get()
    assert world.fresh.peek("a") == "old"
    # Past half its age one caller has to look: `get` decides who.
    world.now = 0.5
    assert world.fresh.peek("a") is None
    assert world.looks == 1
