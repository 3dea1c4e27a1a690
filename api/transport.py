"""What crosses a network is encrypted: with which files, from which release of TLS on, and what browsers are told."""

import ssl
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from msgspec import Struct

Release = Literal["1.2", "1.3"]
Plain = Literal["api", "database", "nats", "witnesses"]
"""What may be let go without TLS."""
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


def plaintext(setting: str) -> set[str]:
    """What the setting lets go without TLS. Raises `Insecure` for what there is not."""
    named = {word for each in setting.split(",") if (word := each.strip())}
    if strange := named - set(get_args(Plain)):
        raise Insecure(f"EVERLOG_PLAINTEXT names {', '.join(get_args(Plain))}, and no {', '.join(sorted(strange))}.")
    return named


def local(host: str) -> bool:
    """Whether it is this machine: a loopback address, or a socket in a folder."""
    if not host or host == "localhost" or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def must_be_local(host: str) -> None:
    """Raises `Insecure`."""
    if not local(host):
        raise Insecure(
            f"On {host} the API would speak plain HTTP to other machines: set EVERLOG_TLS_CERTIFICATE and "
            "EVERLOG_TLS_KEY, or EVERLOG_PLAINTEXT=api where a proxy that speaks TLS stands before it."
        )


def must_be_tls(variable: str, scheme: str, urls: Iterable[str]) -> None:
    """Raises `Insecure`. No URL is quoted, since passwords stand in some."""
    for url in filter(None, map(str.strip, urls)):
        parts = urlsplit(url if "://" in url else f"//{url}")
        if parts.scheme != scheme and not local(parts.hostname or ""):
            kind = {"tls": "nats", "https": "witnesses"}[scheme]
            raise Insecure(
                f"{variable} names {parts.hostname} without TLS: write {scheme}://{parts.hostname}…, or set "
                f"EVERLOG_PLAINTEXT={kind} where something else encrypts."
            )


def verified(variable: str, url: str, authorities: Path | None, *, plain: bool) -> str:
    """A database's URL by which the server's certificate and name are verified, where it is another machine's.

    What the URL says itself stands, but for less than that: it takes `plain`. Raises `Insecure`.
    """
    asked = dict(parse_qsl(urlsplit(url).query))
    if all(map(local, _hosts(url))):
        return url
    mode = asked.get("sslmode")
    if mode not in (None, "verify-full") and not plain:
        raise Insecure(
            f"{variable} says sslmode={mode}, by which nobody knows whom it speaks to: leave it out, or set "
            "EVERLOG_PLAINTEXT=database where something else encrypts."
        )
    more = {} if mode or plain else {"sslmode": "verify-full"}
    if "verify-full" in (mode, more.get("sslmode")) and "sslrootcert" not in asked:
        found = authorities or ssl.get_default_verify_paths().cafile
        more["sslrootcert"] = str(Path(found).absolute()) if found else "system"
    words = "&".join(f"{name}={quote(text, safe='')}" for name, text in more.items())
    return f"{url}{'&' if asked else '?'}{words}" if words else url


def _hosts(url: str) -> Iterator[str]:
    """Those that a URL of PostgreSQL names, several with commas between; in its query they count, not before it."""
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query))
    for each in asked.get("hostaddr", asked.get("host", parts.netloc.rpartition("@")[2])).split(","):
        name, port, _ = each.rpartition(":")
        yield unquote(name if port and not each.endswith("]") else each)
