"""PostgreSQL over TLS as settings make it: verified to the name, and never in plain text to another machine.

The server from the wheel was built without TLS, so one that ends TLS stands before it, as a pooler would.
"""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress

import psycopg
import pytest

from api import transport
from tests.certificates import Authority

ASKED = bytes.fromhex("0000000804d2162f")
"""SSLRequest: what a client of PostgreSQL begins with."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


def pumped(source, target):
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def before(port, files=None):
    """A port whose TLS ends here and goes on to the server's; without files it answers that it speaks none."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads = []

    def serve(client):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as server:
            assert client.recv(8) == ASKED
            client.sendall(b"S" if files else b"N")
            if files:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*files)
                client = context.wrap_socket(client, server_side=True)
            back = threading.Thread(target=pumped, args=(server, client))
            back.start()
            pumped(client, server)
            back.join()
        client.close()

    def accept():
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threads.append(threading.Thread(target=serve, args=(client,), daemon=True))
                threads[-1].start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def elsewhere(migrated, port, authority, host="127.0.0.1"):
    """The app's URL as if its server were another machine's: by a name that is not this one's, and leads here."""
    role, _, rest = migrated.addresses.app.rpartition("@")
    own, database = rest.split("/", 1)
    url = f"{role}@db.example:{port}/{database}"
    made = transport.verified("EVERLOG_DATABASE_URL", url, authority.file, plain=False)
    # What resolves the name on this machine: libpq verifies `host`, and connects to `hostaddr`.
    return f"{made}&hostaddr={host}", int(own.rpartition(":")[2])


def asked(url):
    with psycopg.connect(url) as connection:
        [(found,)] = connection.execute("select 1").fetchall()
        return found, connection.pgconn.ssl_in_use


def test_a_server_with_a_certificate_for_its_name_is_asked_over_tls(migrated, authority):
    _, port = elsewhere(migrated, 0, authority)
    with before(port, authority.issue("db.example")) as secured:
        url, _ = elsewhere(migrated, secured, authority)
        assert asked(url) == (1, True)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda own, other: other.issue("db.example"), "certificate verify failed"),
        (lambda own, other: own.issue("db.example", expired=True), "certificate verify failed"),
        (lambda own, other: own.issue("other.example"), "does not match host name"),
        (lambda own, other: None, "server does not support SSL"),
    ],
)
def test_a_server_that_is_not_who_it_should_be_is_refused(migrated, authority, stranger, wrong, why):
    _, port = elsewhere(migrated, 0, authority)
    with before(port, wrong(authority, stranger)) as secured:
        url, _ = elsewhere(migrated, secured, authority)
        with pytest.raises(psycopg.OperationalError, match=why):
            asked(url)
        # The control: without verification nobody would have noticed.
        asked_so = dict(each.partition("=")[::2] for each in url.partition("?")[2].split("&"))
        lax = url.partition("?")[0] + f"?sslmode=prefer&hostaddr={asked_so['hostaddr']}"
        assert asked(lax) == (1, wrong(authority, stranger) is not None)
