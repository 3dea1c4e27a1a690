"""Ports on the loopback address."""

import random
import socket
from pathlib import Path

from adapters.embedded.refusal import CannotStart

LOOPBACK = "127.0.0.1"
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_dice = random.SystemRandom()


def choose(remembered: int = 0, besides: int = 0) -> int:
    """The remembered port if it is free, else another one, besides that which was just chosen.

    Only below the range from which the kernel serves outgoing connections: while a server restarts, a client that
    knocks at a port of that range can be given this very port and so connect to itself, and keep the server out.
    """
    if remembered not in (0, besides) and is_free(remembered):
        return remembered
    highest = min(int(_RANGE.read_text().split()[0]), 32768) if _RANGE.exists() else 32768
    candidates = _dice.sample(range(10240, max(highest, 11264)), 200)
    for port in candidates:
        if port != besides and is_free(port):
            return port
    raise CannotStart(f"None of 200 ports tried on {LOOPBACK} is free. Stop what listens there.")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a connection that lingers from before does not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
