"""A server that speaks AWS KMS's JSON 1.1 protocol over TLS and checks each signature, written apart from the adapter.

The check follows AWS's "Create a signed AWS API request", from the bytes that came in: what the adapter signs and what
arrives have to be the same, or it answers as AWS does.
"""

import hashlib
import hmac
import json
import os
import re
from base64 import b64decode, b64encode
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.adapters.kms.transit import secured

REGION = "eu-central-1"
ARN = f"arn:aws:kms:{REGION}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALIAS = "alias/everlog"
_FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)


class Wrong(Exception):
    """What AWS answers 400 with: the exception's name."""


class Trent:
    """One account in one region: a key, who may use it, and how the service feels."""

    def __init__(self) -> None:
        self.secrets = {"AKIDFIRST": "first secret/+"}
        self.token = ""
        self.state = "Enabled"
        self.grants = True
        self.binds = True
        """Whether the encryption context counts, as it has to."""
        self.troubles: list[tuple[int, str]] = []
        """Statuses and exceptions to answer with, one a request, before it serves again."""
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._material = AESGCM(AESGCM.generate_key(256))

    def answer(self, action: str, asked: dict[str, Any]) -> dict[str, Any]:
        if not self.grants:
            raise Wrong("AccessDeniedException")
        if asked.get("KeyId") not in (ARN, ALIAS, ARN.rpartition("/")[2]):
            raise Wrong("NotFoundException")
        if self.state != "Enabled":
            raise Wrong("DisabledException" if self.state == "Disabled" else "KMSInvalidStateException")
        context = json.dumps(asked.get("EncryptionContext", {}), sort_keys=True).encode() if self.binds else b""
        match action:
            case "GenerateDataKey":
                made = os.urandom({"AES_256": 32, "AES_128": 16}[asked["KeySpec"]])
                return {"KeyId": ARN, "Plaintext": _text(made), "CiphertextBlob": _text(self._sealed(made, context))}
            case "Encrypt":
                return {"KeyId": ARN, "CiphertextBlob": _text(self._sealed(b64decode(asked["Plaintext"]), context))}
            case "Decrypt":
                blob = b64decode(asked["CiphertextBlob"])
                try:
                    plain = self._material.decrypt(blob[:12], blob[12:], context)
                except (InvalidTag, ValueError):
                    raise Wrong("InvalidCiphertextException") from None
                return {"KeyId": ARN, "Plaintext": _text(plain)}
        raise Wrong("UnknownOperationException")

    def _sealed(self, plain: bytes, context: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._material.encrypt(nonce, plain, context)

    def check(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        """Raises `Wrong` where the request is not signed by somebody known, for here, and just now."""
        form = _FORM.fullmatch(headers.get("authorization", ""))
        if form is None:
            raise Wrong("MissingAuthenticationTokenException")
        access, day, region, service, names, given = form.groups()
        at = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if access not in self.secrets or headers.get("x-amz-security-token", "") != self.token:
            raise Wrong("UnrecognizedClientException")
        if (region, service, day) != (REGION, "kms", f"{at:%Y%m%d}") or abs(datetime.now(UTC) - at) > timedelta(
            minutes=5
        ):
            raise Wrong("InvalidSignatureException")
        needed = {"host", "x-amz-date", "x-amz-target"} | ({"x-amz-security-token"} if self.token else set())
        if not needed <= set(names.split(";")):
            raise Wrong("InvalidSignatureException")
        lines = [f"{name}:{' '.join(headers[name].split())}\n" for name in names.split(";")]
        canonical = f"{method}\n{path}\n\n{''.join(lines)}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{day}/{region}/{service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + self.secrets[access]).encode()
        for part in (day, region, service, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), given):
            raise Wrong("InvalidSignatureException")


class _Handler(BaseHTTPRequestHandler):
    trent: Trent

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.trent.troubles:
            return self._fail(*self.trent.troubles.pop(0))
        try:
            self.trent.check(self.command, self.path, headers, body)
            action = _action(headers)
            asked = json.loads(body)
            self.trent.asked.append((action, asked))
            return self._say(200, self.trent.answer(action, asked))
        except Wrong as problem:
            return self._fail(400, str(problem))

    def _fail(self, status: int, kind: str) -> None:
        self._say(status, {"__type": kind, "message": "told by a test"})

    def _say(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def serving(trent: Trent, certificate: Path, private: Path) -> AbstractContextManager[str]:
    """The address of a server over what the account has."""
    return secured(type("Handler", (_Handler,), {"trent": trent}), certificate, private)


def credentials(path: Path, trent: Trent, profile: str = "default") -> Path:
    """A file of credentials as AWS's own tools write it."""
    [(access, secret)] = trent.secrets.items()
    token = f"aws_session_token = {trent.token}\n" if trent.token else ""
    path.write_text(f"[{profile}]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n{token}")
    return path


def _action(headers: dict[str, str]) -> str:
    service, _, action = headers["x-amz-target"].partition(".")
    if service != "TrentService" or headers["content-type"] != "application/x-amz-json-1.1":
        raise Wrong("UnknownOperationException")
    return action


def _text(data: bytes) -> str:
    return b64encode(data).decode()
