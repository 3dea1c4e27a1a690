"""What crosses a network is encrypted: with which files, from which release of TLS on, and what browsers are told."""

import ssl
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

Release = Literal["1.2", "1.3"]
YEAR = 365 * 24 * 3600
_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Insecure(Exception):
    """What was set would not encrypt; the message says what to do."""


class Identity(Struct, frozen=True):
    """What a listener shows of itself: its certificate, those between it and an authority behind it, and its key."""

    certificate: Path
    key: Path
    minimum: Release = "1.3"

    def context(self) -> ssl.SSLContext:
        """For a server. Raises `Insecure` where the files cannot be read or do not fit each other."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = _MINIMUM[self.minimum]
        try:
            made.load_cert_chain(self.certificate, self.key)
        except ssl.SSLError as problem:
            raise Insecure(
                f"The certificate in {self.certificate} and the key in {self.key} are no pair in PEM "
                f"({problem.reason or 'unreadable'})."
            ) from problem
        except OSError as problem:
            files = f"The certificate in {self.certificate} or the key in {self.key}"
            raise Insecure(f"{files} cannot be read ({problem.strerror}).") from problem
        return made


def identity(certificate: Path | None, key: Path | None, minimum: Release = "1.3") -> Identity | None:
    """Raises `Insecure` where one of the two is missing."""
    if certificate and key:
        return Identity(certificate, key, minimum)
    if certificate or key:
        raise Insecure("A certificate and its key go together: name both, or none.")
    return None


class Strict:
    """An ASGI application whose answers tell browsers to come over TLS alone from now on (RFC 6797)."""

    def __init__(self, application: Any, seconds: int) -> None:
        self._application = application
        self._header = b"strict-transport-security", f"max-age={seconds}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), self._header]}
            await send(message)

        await self._application(scope, receive, told if scope["type"] == "http" else send)
