"""What goes out goes to public addresses, over TLS, within bounds, and nowhere that an answer points to."""

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from adapters.outbound import Answer, Barred, Outbound, Unreachable, public

PRIVATE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1"),
    *("::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "ff0e::1"),
]
PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"]


class Destination(BaseHTTPRequestHandler):
    got: list[tuple[str, bytes]]
    release: threading.Event

    def do_POST(self):
        self.got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        if self.path == "/drip":
            with suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while not self.release.wait(0.05):
                    self.wfile.write(b"X-Slow: 1\r\n")
            return
        if self.path == "/silent":
            self.release.wait()
            return
        self.send_response(302 if self.path == "/elsewhere" else 200)
        self.send_header("Location", "/secret")
        self.end_headers()
        self.wfile.write(b"x" * (1000 if self.path == "/long" else 2))

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def destination():
    release = threading.Event()
    handler: Any = type("Handler", (Destination,), {"got": [], "release": release})
    server: Any
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.got, server.url = handler.got, f"http://destination.example:{server.server_port}"
        yield server
        release.set()
        server.shutdown()


def outbound(**named):
    return Outbound(resolve=lambda *_: ["127.0.0.1"], **named)


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_told(address):
    assert not public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_control_public_addresses_are_told(address):
    assert public(address)


def test_nothing_is_sent_where_one_of_a_names_addresses_is_private(destination):
    sender = Outbound(resolve=lambda *_: ["93.184.216.34", "127.0.0.1"])
    with pytest.raises(Barred):
        sender.send("POST", destination.url.replace("http", "https"), {}, b"")
    assert destination.got == []


def test_control_what_the_installation_allows_is_sent(destination):
    assert outbound(private=True).send("POST", f"{destination.url}/in?a=b", {}, b"hi") == Answer(200, b"xx")
    assert destination.got == [("/in?a=b", b"hi")]


def test_hosts_that_are_named_are_let_through_and_no_others(destination):
    named = Outbound(hosts=frozenset({"destination.example"}), resolve=lambda *_: ["127.0.0.1"])
    assert named.send("POST", f"{destination.url}/in", {}, b"").status == 200
    assert named.send("POST", f"{destination.url}/in".replace("dest", "DEST"), {}, b"").status == 200
    for url in (
        destination.url.replace("destination", "other"),
        destination.url.replace("destination", "a.destination"),
    ):
        for scheme in ("http", "https"):
            with pytest.raises(Barred):
                named.send("POST", url.replace("http", scheme, 1), {}, b"")
    with pytest.raises(Barred):
        named.converse("other.example", destination.server_port, b"")
    assert len(destination.got) == 2


def test_the_address_that_was_looked_at_is_the_one_that_is_used(destination):
    answers = iter([["127.0.0.1"]])
    Outbound(private=True, resolve=lambda *_: next(answers)).send("POST", f"{destination.url}/in", {}, b"")
    assert next(answers, None) is None


@pytest.mark.parametrize(
    "url", ["http://a.example", "ftp://a.example", "https://u:p@a.example", "https://", "https://a:x"]
)
def test_what_is_no_destination_is_barred(url):
    with pytest.raises(Barred):
        Outbound(resolve=lambda *_: ["93.184.216.34"]).send("POST", url, {}, b"")


def test_a_redirect_is_an_answer(destination):
    assert outbound(private=True).send("POST", f"{destination.url}/elsewhere", {}, b"").status == 302
    assert [path for path, _ in destination.got] == ["/elsewhere"]


def test_a_long_answer_is_not_read(destination):
    with pytest.raises(Unreachable, match="too long"):
        outbound(private=True, most=100).send("POST", f"{destination.url}/long", {}, b"")


def test_a_silent_destination_is_given_up(destination):
    with pytest.raises(Unreachable):
        outbound(private=True, seconds=0.2).send("POST", f"{destination.url}/silent", {}, b"")


def test_a_destination_that_drips_is_given_up(destination):
    with pytest.raises(Unreachable, match="too long"):
        outbound(private=True, seconds=0.5).send("POST", f"{destination.url}/drip", {}, b"")


def test_a_destination_that_is_not_there_is_unreachable(destination):
    port = destination.server_port
    destination.server_close()
    with pytest.raises(Unreachable):
        outbound(private=True, seconds=2).send("POST", f"http://destination.example:{port}/", {}, b"")
