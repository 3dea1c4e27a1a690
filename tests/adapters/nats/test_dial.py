"""NATS over TLS, with certificates of both ends; what is wrong with either is found, and plain text is refused."""

import asyncio
import json
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from nats.errors import Error

from adapters.nats.dial import dial
from adapters.nats.link import Away
from adapters.nats.streams import ensure_streams
from adapters.trust import Untrusted, trust
from tests.adapters.nats.broker import Broker
from tests.certificates import Authority
from tests.waiting import until


class Secured(Broker):
    """A broker that speaks TLS, and asks who connects for a certificate too."""

    def __init__(self, folder, files, authority):
        super().__init__(folder)
        certificate, key = map(str, files)
        self.tls = {"cert_file": certificate, "key_file": key, "ca_file": str(authority.file), "verify": True}
        self.url = self.url.replace("nats://", "tls://")

    def configured(self):
        return super().configured() | {"tls": self.tls}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture
def standing(tmp_path, authority):
    with ExitStack() as stack:

        def stand(files):
            broker = begun(Secured(tmp_path / "secured", files, authority))
            stack.callback(broker.kill)
            return broker

        yield stand


def shown(authority, by=None):
    """What a client trusts and shows."""
    return trust(authority.file, *(by or authority).issue(name="everlog"))


def begun(broker):
    broker.start()
    until(lambda: listens(broker.port))
    return broker


def listens(port):
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def why(url, trusted):
    """What keeps a client from connecting."""
    try:
        ensure_streams(url, trust=trusted)
    except Away as away:
        return f"{away.__cause__!r}"
    return ""


def test_with_certificates_of_one_authority_both_ends_are_satisfied(standing, authority):
    assert why(standing(authority.issue()).url, shown(authority)) == ""


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (lambda own, other: other.issue(), "certificate verify failed: unable to get local issuer"),
        (lambda own, other: own.issue(expired=True), "certificate has expired"),
        (lambda own, other: own.issue("other.example"), "IP address mismatch"),
    ],
)
def test_a_server_that_is_not_who_it_should_be_is_refused(standing, authority, stranger, wrong, found):
    assert found in why(standing(wrong(authority, stranger)).url, shown(authority))


def test_a_client_without_a_certificate_of_the_authority_is_refused(standing, authority, stranger):
    url = standing(authority.issue()).url
    assert why(url, trust(authority.file)) != ""
    assert why(url, shown(authority, by=stranger)) != ""
    assert why(url, shown(authority)) == ""


def test_a_server_that_asks_for_no_tls_is_told_no_password(tmp_path, authority):
    broker = begun(Broker(tmp_path / "plain"))
    try:
        assert why(broker.url, shown(authority)) == ""
        assert "does not ask for TLS" in why(broker.url.replace("nats://", "tls://"), shown(authority))
    finally:
        broker.kill()


def test_somebody_on_the_way_who_takes_tls_out_learns_nothing():
    """The control of the library's own ways: it would send the password, as it does to this server."""
    heard = []

    async def strip(reader, writer):
        writer.write(b"INFO " + json.dumps({"server_id": "x", "version": "2.12.0", "auth_required": True}).encode())
        writer.write(b"\r\n")
        heard.append(await reader.read(1000))
        writer.close()

    async def tried(scheme):
        server = await asyncio.start_server(strip, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with suppress(Error, OSError, TimeoutError):
            await dial(f"{scheme}://secret@127.0.0.1:{port}", trust(None), connect_timeout=2)
        server.close()
        await server.wait_closed()

    asyncio.run(tried("tls"))
    assert not any(b"secret" in each for each in heard)
    asyncio.run(tried("nats"))
    assert b"secret" in heard[-1]


def test_files_that_cannot_be_used_are_named(tmp_path, authority):
    certificate, key = authority.issue()
    with pytest.raises(Untrusted, match="authorities in /none"):
        trust(Path("/none"))
    with pytest.raises(Untrusted, match="no pair"):
        trust(authority.file, certificate, authority.issue("other.example")[1])
    trust(authority.file, certificate, key)
