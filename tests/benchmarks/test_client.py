import asyncio
import re

import pytest

from benchmarks.client import Load, meet

ANSWER = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}"


async def met(seconds, bodies, connections=2):
    """What a client met, and the requests that a server was sent, each whole."""
    heard = []

    async def serve(reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int((re.search(rb"content-length: (\d+)", head) or [0, 0])[1])
                heard.append(head + await reader.readexactly(length))
                writer.write(ANSWER)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        load = Load("127.0.0.1", port, {"authorization": "Bearer x"}, ["/new"], connections, seconds, bodies)
        return await meet(load), heard


def test_each_body_is_posted_once_under_a_key_of_its_own():
    bodies = [f'{{"number":{number}}}' for number in range(20_000)]
    found, heard = asyncio.run(met(0.1, bodies))
    assert found.others == 0
    assert found.rate > 0
    assert all(one.startswith(b"POST /new HTTP/1.1\r\n") for one in heard)
    assert len({one.split(b"\r\n\r\n")[1] for one in heard}) == len(heard)
    assert len({key for one in heard for key in re.findall(rb"idempotency-key: (\S+)", one)}) == len(heard)


def test_a_client_with_too_few_bodies_says_so():
    with pytest.raises(EOFError, match="not enough"):
        asyncio.run(met(60, ["{}"], connections=1))


def test_without_bodies_the_paths_are_got():
    found, heard = asyncio.run(met(0.05, []))
    assert found.rate > 0
    assert all(one.startswith(b"GET /new HTTP/1.1\r\n") for one in heard)
