"""A process that has enough to do turns away what is beyond it, and shares its room fairly."""

import asyncio
from collections import Counter

import msgspec
import pytest

from api.gate import Gate


def scope(key, path="/v1/prospects"):
    return {"type": "http", "path": path, "headers": [(b"authorization", key)]}


class Crowd:
    """Requests that are all within until they are let go."""

    def __init__(self, room):
        self.gate = Gate(self._serve, room)
        self.go = asyncio.Event()
        self.within: Counter[bytes] = Counter()
        self.tasks: list[asyncio.Task[None]] = []

    async def _serve(self, scope, receive, send):
        self.within[dict(scope["headers"])[b"authorization"]] += 1
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask(self, key, path="/v1/prospects"):
        """What was sent so far: nothing, for a request that is within."""
        sent: list[dict[str, object]] = []

        async def send(message):
            sent.append(message)

        self.tasks.append(asyncio.create_task(self.gate(scope(key, path), None, send)))
        await asyncio.sleep(0)
        return sent

    async def end(self):
        self.go.set()
        await asyncio.gather(*self.tasks)


def test_what_is_beyond_is_told_when_to_come_again():
    async def crowd():
        crowd = Crowd(4)
        for key in (b"a", b"b", b"c", b"d"):
            assert await crowd.ask(key) == []
        start, body = await crowd.ask(b"e")
        assert await crowd.ask(b"e", "/healthz") == []
        await crowd.end()
        assert await crowd.ask(b"e") != start
        return start, msgspec.json.decode(body["body"])

    start, problem = asyncio.run(crowd())
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"1")
    assert problem["code"] == "service.overloaded"


@pytest.mark.parametrize("room", [8, 100])
def test_who_asks_much_leaves_room_for_others(room):
    async def crowd():
        crowd = Crowd(room)
        for _ in range(3 * room):
            await crowd.ask(b"loud")
        alone = crowd.within[b"loud"]
        await crowd.ask(b"quiet")
        for _ in range(3 * room):
            await crowd.ask(b"loud")
        await crowd.end()
        return alone, crowd.within

    alone, within = asyncio.run(crowd())
    assert alone == within[b"loud"] == room / 2
    assert within[b"quiet"] == 1
