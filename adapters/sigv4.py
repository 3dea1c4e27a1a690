"""AWS Signature Version 4, as the header `Authorization`: for key services and object stores of that protocol."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from msgspec import Struct

ALGORITHM = "AWS4-HMAC-SHA256"
_ASIS = "-_.~"
"""Beside letters and digits, what the signature's own percent-encoding leaves as it is."""


class Signer(Struct, frozen=True):
    """Signs for one service in one region. `token` is of temporary credentials, "" where there is none.

    An object store's path is signed as it is sent; that of every other service is encoded once more.
    """

    access: str
    secret: str
    region: str
    service: str
    token: str = ""

    def __repr__(self) -> str:
        return f"Signer({self.region}, {self.service})"

    def sign(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, at: datetime | None = None
    ) -> dict[str, str]:
        """All headers of the request, `host`, `x-amz-date` and `authorization` among them, with names in lower case.

        `url` is absolute, and its path is percent-encoded already. `at` has a zone; left out, it is now.
        """
        stamp = (at or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = sha256(body).hexdigest()
        told = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        told |= {"host": urlsplit(url).netloc.rpartition("@")[2], "x-amz-date": stamp}
        if self.service == "s3":
            told["x-amz-content-sha256"] = digest
        if self.token:
            told["x-amz-security-token"] = self.token
        names = ";".join(sorted(told))
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        canonical = "\n".join([method, *self._place(url), *_lines(told), "", names, digest])
        signature = self._mac(stamp, scope, canonical)
        credential = f"{self.access}/{scope}"
        told["authorization"] = f"{ALGORITHM} Credential={credential},SignedHeaders={names},Signature={signature}"
        return told

    def _place(self, url: str) -> tuple[str, str]:
        """The canonical path and query."""
        parts = urlsplit(url)
        path = quote(unquote(parts.path) if self.service == "s3" else parts.path, safe="/" + _ASIS) or "/"
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        encoded = sorted((quote(name, safe=_ASIS), quote(value, safe=_ASIS)) for name, value in pairs)
        return path, "&".join(f"{name}={value}" for name, value in encoded)

    def _mac(self, stamp: str, scope: str, canonical: str) -> str:
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = "\n".join([ALGORITHM, stamp, scope, sha256(canonical.encode()).hexdigest()])
        return hmac.digest(key, text.encode(), "sha256").hex()


def _lines(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}:{headers[name]}" for name in sorted(headers)]
