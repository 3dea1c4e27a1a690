"""Requests to addresses that tenants name: never to where only this installation should reach, nor without bounds."""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Event, Timer
from urllib.parse import urlsplit

from msgspec import Struct

_PORTS = {"http": 80, "https": 443}
MOST = 64 * 1024
"""Bytes that an answer may have, and that are read at once."""
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address, to which a gateway leads."""


class Barred(Exception):
    """The address is not one to send to; the message says why."""


class Unreachable(Exception):
    """It could not be sent, or the answer was not one: it may be tried again. No answer's text is in the message."""


class Answer(Struct, frozen=True):
    status: int
    body: bytes


Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host, as texts. May raise `OSError`."""


def _resolve(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Outbound(Struct, frozen=True, kw_only=True):
    """Sends one request per connection. Redirects are answers like others: nobody checked where they lead.

    `private` admits addresses that are not public, and plain HTTP, for installations whose destinations are their own;
    `hosts` are names for which alone that holds.
    `seconds` bounds a request from its connection to the end of its answer, not the resolver's own patience; `most` is
    how many bytes an answer's body may have.
    """

    private: bool = False
    hosts: frozenset[str] = frozenset()
    seconds: float = 10.0
    most: int = MOST
    trust: ssl.SSLContext | None = None
    """Other authorities than the system's."""
    resolve: Resolve = _resolve

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Raises `Barred` or `Unreachable`."""
        scheme, host, port, target = self._taken_apart(url)
        with (
            self._connected(host, port, secure=scheme == "https") as connected,
            closing(HTTPConnection(host, port)) as connection,
        ):
            connection.sock = connected
            connection.request(method, target, body, dict(headers))
            return self._read(connection)

    def converse(self, host: str, port: int, body: bytes) -> None:
        """Send over TLS, then wait until the other side has closed in turn: by then it has read everything.

        A receiver has to answer the end of a session in kind (RFC 5425, section 4.4); one that hangs up instead may
        have lost what was sent, or never have let it in. Raises `Barred` or `Unreachable`.
        """
        with self._connected(host, port, secure=False) as connected:
            Session(connected, self._context, host).say(body)

    @contextmanager
    def _connected(self, host: str, port: int, *, secure: bool) -> Iterator[socket.socket]:
        """Whatever goes wrong in the block, and whatever takes too long, is `Unreachable`."""
        late = Event()
        try:
            with (
                closing(self._connect(host, port)) as plain,
                closing(self._secured(plain, host) if secure else plain) as connected,
            ):
                # Before the handshake, which a silent server would draw out like anything else.
                timer = Timer(self.seconds, _end, [connected, late])
                timer.daemon = True
                timer.start()
                try:
                    if isinstance(connected, ssl.SSLSocket):
                        connected.do_handshake()
                    yield connected
                finally:
                    timer.cancel()
        except (OSError, HTTPException) as problem:
            raise Unreachable("It took too long." if late.is_set() else f"{type(problem).__name__}.") from None
        if late.is_set():
            raise Unreachable("It took too long.")

    def _taken_apart(self, url: str) -> tuple[str, str, int, str]:
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            raise Barred("It is no URL.") from None
        if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
            raise Barred("Write https://HOST/PATH, without a user or a password.")
        if parts.scheme == "http" and not self._free(parts.hostname):
            raise Barred("Plain HTTP can be read on the way: use https.")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return parts.scheme, parts.hostname, port, target

    def _connect(self, host: str, port: int) -> socket.socket:
        """To an address that was looked at: asked a second time, the name could lead elsewhere."""
        found = list(dict.fromkeys(self.resolve(host, port)))
        if not found:
            raise Unreachable("The name has no address.")
        if not self._free(host) and not all(map(public, found)):
            raise Barred("The name leads to an address that is not public.")
        return socket.create_connection((found[0], port), self.seconds)

    def _free(self, host: str) -> bool:
        return self.private or host.lower() in self.hosts

    def _secured(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        return self._context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)

    @property
    def _context(self) -> ssl.SSLContext:
        return self.trust or ssl.create_default_context()

    def _read(self, connection: HTTPConnection) -> Answer:
        response = connection.getresponse()
        body = response.read(self.most + 1)
        if len(body) > self.most:
            raise Unreachable("The answer is too long.")
        return Answer(response.status, body)


class Session:
    """A session of TLS whose end is told apart from an alert: `SSLSocket.unwrap` takes either for an end.

    In TLS 1.3 (RFC 8446, section 4.4) a server looks at a certificate when the client may have sent all it had.
    """

    def __init__(self, connected: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._connected = connected
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)

    def say(self, body: bytes) -> None:
        """Send it, and return once the other side has ended the session in its turn. Raises `OSError`."""
        self._until(self._tls.do_handshake)
        self._tls.write(body)
        with suppress(ssl.SSLWantReadError):
            # An alert that has come by now would pass for an end below, and so would an end that came too early.
            if not self._tls.read(1):
                raise ConnectionResetError
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        with suppress(ssl.SSLZeroReturnError):
            while True:
                self._until(lambda: self._tls.read(MOST))

    def _until(self, step: Callable[[], object]) -> None:
        """Do something, and what of the exchange it takes."""
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                self._connected.sendall(self._out.read())
                if not (part := self._connected.recv(MOST)):
                    raise ConnectionResetError from None
                self._in.write(part)
            else:
                return


def public(address: str) -> bool:
    """Whether anybody on the internet could reach it; an address inside another counts as itself."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _TRANSLATED:
            inner = IPv4Address(int(found) & 0xFFFFFFFF)
        if found.teredo:
            return False
        found = inner or found
    return found.is_global and not found.is_multicast


def _end(connection: socket.socket, late: Event) -> None:
    late.set()
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It has ended by itself.
        return
