"""What the proxy does to a wire, between a client and a server that are nothing but sockets."""

import socket
from contextlib import contextmanager

import pytest

from tests.faults.proxy import DELAYS, Proxy


@contextmanager
def ends(seed=0):
    """The wire, the client's end and the server's."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        Proxy(listening.getsockname()[1], seed) as wire,
        socket.create_connection(("127.0.0.1", wire.port), 60) as client,
        listening.accept()[0] as server,
    ):
        server.settimeout(60)
        yield wire, client, server


def silent(end):
    end.settimeout(0.3)
    with pytest.raises(TimeoutError):
        end.recv(1)
    end.settimeout(60)


@pytest.mark.parametrize("mode", ["mute", "deaf"])
def test_one_way_is_lost_and_the_other_is_not(mode):
    with ends() as (wire, client, server):
        lost, kept = (client, server) if mode == "mute" else (server, client)
        there = {client: server, server: client}
        wire.turn(mode)
        lost.sendall(b"a")
        kept.sendall(b"b")
        assert there[kept].recv(1) == b"b"
        silent(there[lost])
        wire.turn("open")
        assert there[lost].recv(1) == b"a", "nothing was lost for good"


def test_whoever_comes_while_it_is_mute_is_not_known_to_the_server():
    with socket.create_server(("127.0.0.1", 0)) as listening, Proxy(listening.getsockname()[1]) as wire:
        wire.turn("mute")
        with socket.create_connection(("127.0.0.1", wire.port), 60):
            listening.settimeout(0.3)
            with pytest.raises(TimeoutError):
                listening.accept()


def test_jitter_changes_no_order_and_is_drawn_anew(monkeypatch):
    drawn = []
    with ends(7) as (wire, client, server):
        uniform = wire._dice.uniform

        def noted(least, most):
            drawn.append(uniform(least, most))
            return drawn[-1]

        monkeypatch.setattr(wire._dice, "uniform", noted)
        wire.turn("jitter")
        for each in b"12345":
            client.sendall(bytes([each]))
            server.sendall(bytes([each]))
        assert b"".join(server.recv(1) for _ in range(5)) == b"12345"
        assert b"".join(client.recv(1) for _ in range(5)) == b"12345"
    assert len(set(drawn)) == len(drawn) >= 2
    assert all(DELAYS[0] <= each <= DELAYS[1] for each in drawn)
