"""A server that speaks the published API of Vault's Transit engine over TLS, written apart from the adapter."""

import json
import os
import ssl
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Wrong(Exception):
    """Vault answers 400."""


class Transit:
    """What one Vault keeps, and how it feels."""

    def __init__(self) -> None:
        self.token = "first"
        self.states: list[int] = []
        """Statuses to answer with, one a request, before it serves again."""
        self.upserts = True
        self.binds = True
        """Whether associated data count, as they have to."""
        self.asked: list[str] = []
        self.keys: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The data, or None where there is no such thing."""
        verb, name, *rest = path.split("/")
        if verb == "encrypt" and self.upserts:
            self._make(name)
        if verb == "keys" and method == "POST" and not rest:
            self._make(name)
        if name not in self.keys:
            if verb == "decrypt":
                raise Wrong("encryption key not found")
            return None
        key = self.keys[name]
        act = getattr(self, "_" + (rest[0] if rest else {"keys": "read"}.get(verb, verb)))
        told: dict[str, Any] = act(key, body)
        return told

    def _make(self, name: str) -> None:
        fresh = {"versions": {1: AESGCM.generate_key(256)}, "latest": 1, "decrypt": 1, "encrypt": 0, "available": 0}
        self.keys.setdefault(name, fresh)

    def _read(self, key: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
        names = {"min_decryption_version": "decrypt", "min_encryption_version": "encrypt"}
        told = {name: key[ours] for name, ours in names.items()}
        return told | {"latest_version": key["latest"], "min_available_version": key["available"]}

    def _rotate(self, key: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
        key["latest"] += 1
        key["versions"][key["latest"]] = AESGCM.generate_key(256)
        return {}

    def _config(self, key: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        for ours in ("decrypt", "encrypt"):
            least = body.get(f"min_{ours}ion_version", key[ours])
            if least > key["latest"] or 0 < least < key["available"]:
                raise Wrong("cannot set that version")
            key[ours] = least
        return {}

    def _trim(self, key: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        least = body["min_available_version"]
        if not key["encrypt"] or least > min(key["decrypt"], key["encrypt"]) or least < key["available"]:
            raise Wrong("minimum available version cannot be set")
        key["available"] = least
        key["versions"] = {version: made for version, made in key["versions"].items() if version >= least}
        return {}

    def _encrypt(self, key: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        nonce, version = os.urandom(12), key["latest"]
        box = nonce + AESGCM(key["versions"][version]).encrypt(nonce, b64decode(body["plaintext"]), self._bound(body))
        return {"ciphertext": f"vault:v{version}:{b64encode(box).decode()}"}

    def _decrypt(self, key: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        _, version, box = body["ciphertext"].split(":")
        if int(version[1:]) < key["decrypt"] or int(version[1:]) not in key["versions"]:
            raise Wrong("ciphertext version is disallowed by policy (too old)")
        made, sealed = AESGCM(key["versions"][int(version[1:])]), b64decode(box)
        try:
            return {"plaintext": b64encode(made.decrypt(sealed[:12], sealed[12:], self._bound(body))).decode()}
        except InvalidTag:
            raise Wrong("cipher: message authentication failed") from None

    def _bound(self, body: dict[str, Any]) -> bytes:
        return b64decode(body["associated_data"]) if self.binds else b""


class _Handler(BaseHTTPRequestHandler):
    transit: Transit

    def _serve(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")
        self.transit.asked.append(self.path)
        if self.transit.states:
            return self._say(self.transit.states.pop(0), {"errors": ["Vault is sealed"]})
        if self.headers["X-Vault-Token"] != self.transit.token:
            return self._say(403, {"errors": ["permission denied"]})
        if not self.path.startswith("/v1/transit/"):
            return self._say(404, {"errors": ["no handler for route"]})
        try:
            data = self.transit.answer(self.command, self.path.removeprefix("/v1/transit/"), body)
        except Wrong as problem:
            return self._say(400, {"errors": [str(problem)]})
        if data is None:
            return self._say(404, {"errors": []})
        return self._say(200 if data else 204, {"data": data})

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _say(self, status: int, told: dict[str, Any]) -> None:
        body = b"" if status == 204 else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vault.example")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    here = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = made.add_extension(here, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate, private = folder / "vault.pem", folder / "vault.key"
    certificate.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    forms = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(*forms))
    return certificate, private


def serving(transit: Transit, certificate: Path, private: Path) -> AbstractContextManager[str]:
    """The address of a server over what the Vault keeps."""
    return secured(type("Handler", (_Handler,), {"transit": transit}), certificate, private)


@contextmanager
def secured(handler: type[BaseHTTPRequestHandler], certificate: Path, private: Path) -> Iterator[str]:
    """The address of a server over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
