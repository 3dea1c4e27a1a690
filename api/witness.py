"""`everlog witness`: cosigns the checkpoints of logs that it was told of, over HTTP (c2sp.org/tlog-witness)."""

import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET, AF_INET6
from typing import ClassVar

from api.bootstrap.witness import Reply, Unready, Witness
from api.serve import told
from api.transport import Identity

_log = logging.getLogger(__name__)
MOST = 64 * 1024
"""Bytes of a request's body."""
PATIENCE = 30.0
"""Seconds in which something has to come over a connection."""
_LAST_PORT = 65535


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, witness: Witness, host: str, port: int, shown: Identity | None = None) -> None:
        """Raises `Unready` where it cannot listen there, `Insecure` where it cannot show what it is to."""
        self.witness = witness
        self.address_family = AF_INET6 if ":" in host else AF_INET
        try:
            super().__init__((host, port), Exchange)
        except (OSError, OverflowError) as problem:
            raise Unready(f"Cannot listen on {host}, port {port} ({problem}): choose another --listen.") from problem
        if shown:
            # Not when it is accepted: whoever connects and is silent would keep all others out.
            wrapped = shown.context().wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.socket = wrapped

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - its server's signature
        """Who breaks off, or is no client of TLS, is nobody to tell of."""
        _log.debug("A connection ended early.", exc_info=True)


class Exchange(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    server_version = "everlog-witness"
    timeout: ClassVar[float] = PATIENCE

    def do_POST(self) -> None:
        if self.path != "/add-checkpoint":
            self._close(Reply(404, "A witness answers POST /add-checkpoint.\n"))
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._close(Reply(411, "Send the body with a Content-Length.\n"))
        elif len(length) > len(str(MOST)) or int(length) > MOST:
            self._close(Reply(413, f"A body has at most {MOST} bytes.\n"))
        else:
            self._answer(self._asked(self.rfile.read(int(length))))

    def _asked(self, body: bytes) -> Reply:
        try:
            return self.server.witness.add(body)
        except (OSError, Unready):
            _log.exception("A checkpoint could not be remembered; nothing was signed.")
            return Reply(500, "The witness could not remember it, and signed nothing.\n")

    def _close(self, reply: Reply) -> None:
        """For requests whose body is not read: what follows on that connection is not another request."""
        self.close_connection = True
        self._answer(reply)

    def _answer(self, reply: Reply) -> None:
        body = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet: anybody may send requests, and what is worth a line is told by the witness."""


def run(state: Path, name: str, keys: list[str], listen: str, shown: Identity | None = None) -> None:
    """Answer until SIGINT or SIGTERM."""
    ended = told()
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise Unready("Write --listen HOST:PORT, with a port up to 65535.")
    witness = Witness(state, name, keys)
    try:
        with Listener(witness, host.strip("[]"), int(port), shown) as listener:
            threading.Thread(target=listener.serve_forever, name="witness", daemon=True).start()
            where = f"{host}:{listener.server_address[1]}"
            url = f"{'https' if shown else 'http'}://{where}/add-checkpoint"
            sys.stdout.write(f"The witness answers on {url}; its key is {witness.key}\n")
            sys.stdout.flush()
            ended.wait()
            listener.shutdown()
    finally:
        witness.close()
