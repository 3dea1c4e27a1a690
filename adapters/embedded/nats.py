"""NATS with JetStream, for one token's holder on the loopback address."""

import hashlib
import json
import os
import signal
import socket
from pathlib import Path

from adapters.embedded import strays
from adapters.embedded.memory import Memory
from adapters.embedded.place import Place
from adapters.embedded.ports import LOOPBACK
from adapters.embedded.program import Program
from adapters.embedded.settings import Settings

_STOP = signal.SIGTERM
_MAX_PAYLOAD = 8 * 2**20


def program(place: Place, memory: Memory, settings: Settings) -> Program:
    data = place.data("nats")
    # Its configuration language takes JSON, but for the escapes of what is not ASCII.
    wanted = {
        "server_name": _name(place.home),
        "host": LOOPBACK,
        "port": memory.nats_port,
        "authorization": {"token": memory.nats},
        "max_payload": _MAX_PAYLOAD,
        "jetstream": {"store_dir": str(data), "sync_interval": settings.sync_interval},
    }
    config = place.config("nats.conf", json.dumps(wanted, ensure_ascii=False, indent=2))
    return Program(
        name="NATS",
        argv=[str(place.binaries.nats), "-c", str(config)],
        folder=data,
        account=place.account,
        log=place.logs / "nats.log",
        stop=_STOP,
        orphan=_STOP,
        known=known(place.home),
        before=lambda: None,
        answers=lambda _: _answers(memory.nats_port, _name(place.home)),
    )


def clear(place: Place) -> None:
    """End what an earlier run left behind."""
    strays.clear(known(place.home), _STOP)


def known(home: Path) -> strays.Known:
    """Whether a command line is that of this folder's server."""
    config = str(home / "config" / "nats.conf")
    return lambda command: Path(command[0]).name == "nats-server" and config in command


def url(token: str, port: int) -> str:
    return f"nats://{token}@{LOOPBACK}:{port}"


def _name(home: Path) -> str:
    return "everlog-" + hashlib.sha256(os.fsencode(home)).hexdigest()[:12]


def _answers(port: int, name: str) -> bool:
    """The server greets each connection with its name; it listens once its streams are recovered."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection, connection.makefile("rb") as lines:
            greeting = lines.readline(65536)
        told = json.loads(greeting.removeprefix(b"INFO "))
        return bool(told["jetstream"]) and told["server_name"] == name
    except (OSError, ValueError, LookupError, TypeError):
        return False
