"""A syslog receiver over TLS (RFC 5425) that takes messages apart by the grammar of RFC 5424, section 6."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

_SD = r'\[[!#-<>-\\^-~]{1,32}(?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*\]'
MESSAGE = re.compile(
    r"<(?P<pri>0|[1-9]\d{0,2})>1 "
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) "
    r"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
    rf"(?P<data>-|(?:{_SD})+)(?: (?P<text>.*))?",
    re.ASCII,
)


class Message(Struct, frozen=True):
    priority: int
    at: str
    app: str
    process: str
    id: str
    data: str
    text: str


class Receiver:
    """`confirms`: whether it answers the end of a session in kind once it has read everything, as RFC 5425 asks."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.confirms = True
        self.port = 0


def frames(stream: bytes) -> Iterator[bytes]:
    """MSG-LEN SP SYSLOG-MSG, one behind the other."""
    while stream:
        length, space, rest = stream.partition(b" ")
        assert space, "a frame is cut off"
        assert re.fullmatch(rb"[1-9]\d*", length), length
        assert len(rest) >= int(length), "a message is cut off"
        yield rest[: int(length)]
        stream = rest[int(length) :]


def message(raw: bytes) -> Message:
    found = MESSAGE.fullmatch(raw.decode("ascii"))
    assert found, raw[:200]
    return Message(
        int(found["pri"]), found["at"], found["app"], found["proc"], found["id"], found["data"], found["text"] or ""
    )


@contextmanager
def receiving(receiver: Receiver, certificate: Path, key: Path, senders: Path | None = None) -> Iterator[Receiver]:
    """`senders` is a file of authorities: then whoever sends has to show a certificate of theirs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if senders:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(senders)
    listener = socket.create_server(("127.0.0.1", 0))
    receiver.port = listener.getsockname()[1]

    def take(plain: socket.socket) -> None:
        # Whoever does not trust the certificate hangs up.
        with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as session:
            stream = b""
            while part := session.recv(65536):
                stream += part
            if receiver.confirms:
                receiver.got += map(message, frames(stream))
                session.unwrap()

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                take(plain)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield receiver
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
