"""The API and the witness over TLS: what is shown is verified, and each thing that is wrong with it is found."""

import asyncio
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from adapters.outbound import Outbound, Unreachable
from adapters.proofs.witness import Witness
from adapters.trust import trust
from api import http, settings
from api.settings import Unset
from api.transport import Identity, Insecure
from api.witness import Listener
from tests.adapters.proofs.test_witness import KEY, NAME, body
from tests.certificates import Authority
from tests.served import free_port


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


async def hello(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def answering(tmp_path, files=(), **more):
    """What the API listens with, before an application of one word; its port."""
    port, up, loop = free_port(), threading.Event(), asyncio.new_event_loop()
    named = dict(zip(("EVERLOG_TLS_CERTIFICATE", "EVERLOG_TLS_KEY"), map(str, files), strict=False))
    read = settings.read({"EVERLOG_HOME": str(tmp_path), "EVERLOG_PORT": str(port), **named, **more})
    server = http.listening(read, hello)
    server.on_startup(up.set)
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve()))
    thread.start()
    try:
        assert up.wait(60)
        listens(port)
        yield port
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join(60)
        loop.close()


def listens(port):
    """Begun is not yet heard."""
    until = time.monotonic() + 60
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        assert time.monotonic() < until
        time.sleep(0.01)


@contextmanager
def witnessing(tmp_path, files=(), **_):
    witness = Witness(tmp_path / "state", NAME, [KEY])
    shown = Identity(*files) if files else None
    try:
        with Listener(witness, "127.0.0.1", 0, shown) as listener:
            threading.Thread(target=listener.serve_forever, args=[0.02], daemon=True).start()
            yield listener.server_port
            listener.shutdown()
    finally:
        witness.close()


def ask(port, authority=None, scheme="https", newest=None):
    trust = ssl.create_default_context(cafile=str(authority.file) if authority else None)
    trust.maximum_version = newest or ssl.TLSVersion.MAXIMUM_SUPPORTED
    with httpx2.Client(verify=trust, timeout=30) as client:
        return client.post(f"{scheme}://127.0.0.1:{port}/add-checkpoint", content=body(0, 3))


LISTENERS = pytest.mark.parametrize("listener", [answering, witnessing])


@LISTENERS
def test_who_trusts_the_authority_is_answered(tmp_path, authority, listener):
    with listener(tmp_path, authority.issue()) as port:
        assert ask(port, authority).status_code == 200


@LISTENERS
def test_a_certificate_that_is_not_as_it_should_be_is_refused_by_who_asks(tmp_path, authority, stranger, listener):
    wrong = {
        "self-signed|local issuer": stranger.issue(),
        "expired": authority.issue(expired=True),
        "mismatch|not valid for": authority.issue("other.example"),
    }
    for number, (why, files) in enumerate(wrong.items()):
        with listener(tmp_path / str(number), files) as port, pytest.raises(httpx2.ConnectError, match=why):
            ask(port, authority)


def test_what_goes_out_to_witnesses_and_key_services_verifies_who_answers(tmp_path, authority, stranger):
    outbound = Outbound(private=True, trust=trust(authority.file))
    files = [authority.issue(), stranger.issue(), authority.issue(expired=True), authority.issue("other.example"), ()]
    for number, shown in enumerate(files):
        with witnessing(tmp_path / str(number), shown) as port:
            url = f"https://127.0.0.1:{port}/add-checkpoint"
            if number == 0:
                assert outbound.send("POST", url, {}, body(0, 3)).status == 200
            else:
                with pytest.raises(Unreachable, match="SSL"):
                    outbound.send("POST", url, {}, body(0, 3))


@LISTENERS
def test_plain_text_is_refused_by_who_speaks_tls_and_the_other_way_round(tmp_path, authority, listener):
    with listener(tmp_path / "tls", authority.issue()) as port, pytest.raises(httpx2.TransportError):
        ask(port, scheme="http")
    with listener(tmp_path / "plain") as port:
        with pytest.raises(httpx2.ConnectError):
            ask(port, authority)
        # The control: it does answer.
        assert ask(port, scheme="http").status_code == 200


@LISTENERS
def test_an_old_release_of_tls_is_refused(tmp_path, authority, listener):
    with listener(tmp_path, authority.issue()) as port, pytest.raises(httpx2.TransportError):
        ask(port, authority, newest=ssl.TLSVersion.TLSv1_2)


def test_the_api_speaks_tls_1_2_where_it_is_told_to(tmp_path, authority):
    with answering(tmp_path, authority.issue(), EVERLOG_TLS_MINIMUM="1.2") as port:
        assert ask(port, authority, newest=ssl.TLSVersion.TLSv1_2).status_code == 200
    with pytest.raises(Unset, match="EVERLOG_TLS_MINIMUM"):
        settings.read({"EVERLOG_TLS_MINIMUM": "1.1"})


@pytest.mark.parametrize(
    ("secure", "more", "told"),
    [
        (True, {}, "max-age=31536000"),
        (True, {"EVERLOG_HSTS_SECONDS": "60"}, "max-age=60"),
        (True, {"EVERLOG_HSTS_SECONDS": "0"}, None),
        (False, {}, None),
        (False, {"EVERLOG_HSTS_SECONDS": "60"}, "max-age=60"),
    ],
)
def test_browsers_are_told_to_come_over_tls_alone_where_it_is_spoken(tmp_path, authority, secure, more, told):
    with answering(tmp_path, authority.issue() if secure else (), **more) as port:
        answer = ask(port, authority if secure else None, "https" if secure else "http")
    assert answer.headers.get("strict-transport-security") == told


def test_no_answer_sets_a_cookie(world, acme):
    """Who asks is known by the key in a header. A cookie would have to be `Secure`, `HttpOnly` and `SameSite`."""
    key, id = acme.keys["Admin"], "0199c0de-0000-7000-8000-000000000009"
    paths = [path for path in world.ask("GET", "/openapi.json").json()["paths"] if not path.startswith("/v1/events/")]
    answers = [world.ask("GET", path.replace("{id}", id), each) for path in paths for each in (key, None)]
    assert len(answers) > 20
    assert [answer.url for answer in answers if "set-cookie" in answer.headers] == []


def test_files_that_are_no_pair_are_said_to_be_none(tmp_path, authority):
    certificate, key = authority.issue()
    other = authority.issue("other.example")[1]
    for files, why in (((certificate, other), "no pair"), ((key, key), "no pair"), ((certificate, Path("/x")), "/x")):
        with pytest.raises(Insecure, match=why):
            Identity(*files).context()
    with pytest.raises(Insecure, match="go together"):
        _ = settings.read({"EVERLOG_TLS_KEY": str(key)}).identity


def test_a_silent_client_keeps_nobody_out(tmp_path, authority):
    with witnessing(tmp_path, authority.issue()) as port, socket.create_connection(("127.0.0.1", port)):
        assert ask(port, authority).status_code == 200
