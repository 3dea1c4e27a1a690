"""An answer that is streamed to who takes too long is cut off: a part of it never looks like the whole."""

import asyncio
import socket
import threading
import time

import pytest
from granian.constants import Interfaces
from granian.server.embed import Server

from adapters.embedded import ports
from api import inbound
from api.inbound import Answer, Gone, Reply
from tests.waiting import until

END = b"\r\n0\r\n\r\n"
"""What a chunked answer ends with (RFC 9112, 7.1)."""
PARTS, PART = 400, b"0123456789" * 6000


async def stream(put):
    for _ in range(PARTS):
        await put(PART)


async def asked(send, method="GET"):
    """An answer, to who hangs up never."""
    await Answer(Reply(b"", stream=stream))({"method": method}, asyncio.Event().wait, send)


def test_who_takes_too_long_gets_no_end(monkeypatch):
    monkeypatch.setattr(inbound, "PATIENCE", 0.05)
    sent = []

    async def blocked(message):
        sent.append(message)
        if len(sent) == 4:
            await asyncio.Event().wait()

    asyncio.run(asked(blocked))
    assert [each.get("more_body") for each in sent] == [None, True, True, True]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_takes_it_all_gets_the_end(method):
    """The control; and who asks for the headers alone gets all there is."""
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(asked(send, method))
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert len(sent) == 2 + PARTS * (method == "GET")


def test_the_stream_is_told_that_it_leaves_no_more(monkeypatch):
    monkeypatch.setattr(inbound, "PATIENCE", 0.05)

    done = []

    async def told(put):
        with pytest.raises(Gone):
            await put(PART)
        done.append(put)
        raise Gone

    async def blocked(message):
        if message.get("more_body"):
            await asyncio.Event().wait()

    asyncio.run(Answer(Reply(b"", stream=told))({"method": "GET"}, asyncio.Event().wait, blocked))
    assert done


class Serving:
    """The answer behind the real server."""

    def __init__(self):
        self.port, self.up = ports.choose(), threading.Event()
        self.loop = asyncio.new_event_loop()
        self.server = Server(self._app, port=self.port, interface=Interfaces.ASGI, log_enabled=False)
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=[self._serve()], daemon=True)

    async def _serve(self):
        self.server.on_startup(self.up.set)
        await self.server.serve()

    async def _app(self, scope, receive, send):
        if scope["type"] == "http":
            await Answer(Reply(b"", stream=stream))(scope, receive, send)

    def __enter__(self):
        self.thread.start()
        assert self.up.wait(30)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.server.stop)
        self.thread.join(30)

    def taken(self, pause):
        """What somebody gets who reads nothing for so many seconds, and then all."""
        with until(self._connected) as client:
            client.settimeout(30)
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            got = client.recv(1000)
            time.sleep(pause)
            while not got.endswith(END) and (part := client.recv(1 << 20)):
                got += part
        return got

    def _connected(self):
        try:
            return socket.create_connection(("127.0.0.1", self.port))
        except ConnectionRefusedError:
            return None


def test_over_the_real_server_it_does_not_end_well(monkeypatch):
    monkeypatch.setattr(inbound, "PATIENCE", 0.5)
    with Serving() as serving:
        slow = serving.taken(3)
        assert len(slow) < PARTS * len(PART)
        assert not slow.endswith(END)
        # The control: the same answer, taken at once.
        monkeypatch.setattr(inbound, "PATIENCE", 60.0)
        swift = serving.taken(0)
        assert len(swift) > PARTS * len(PART)
        assert swift.endswith(END)
