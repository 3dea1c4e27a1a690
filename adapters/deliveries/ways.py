"""The protocols by which destinations are reached, each over the one connector for all that goes out."""

import json
import ssl
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from adapters.deliveries import syslog
from adapters.deliveries.record import Declined, Failed, Parcel
from adapters.outbound import Answer, Barred, Outbound, Unreachable
from adapters.sigv4 import Signer
from adapters.trust import Untrusted, identified
from application.deliveries import certifiable, certified
from domain.deliveries import Added

JSON_LINES = "application/x-ndjson"
_PASSING = (408, 425, 429)
_BROKEN = 500

Way = Callable[[Outbound, Added, str, Parcel], None]
"""Delivers a parcel to a destination with its secret in the clear. Raises what `Ways.deliver` does, and what
`Outbound` does."""


class Ways:
    """All of them. `outbound` says where nothing may be sent to."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def deliver(self, to: Added, secret: str, parcel: Parcel) -> None:
        """Return when the destination has it. Raises `Declined` and `Failed`."""
        try:
            WAYS[to.kind](self._known(to, secret), to, secret, parcel)
        except Barred as problem:
            raise Declined(str(problem)) from None
        except Unreachable as problem:
            raise Failed(str(problem)) from None

    def _known(self, to: Added, secret: str) -> Outbound:
        """Who is trusted there, and what is shown of this side."""
        if not (to.authority or certified(secret)):
            return self._outbound
        try:
            context = ssl.create_default_context(cadata=to.authority or None)
        except (ssl.SSLError, ValueError):
            raise Declined("Its authority is no certificate in PEM.") from None
        if certified(secret):
            if not certifiable(to.kind, to.address):
                raise Declined("It cannot be shown a certificate.")
            try:
                identified(context, secret)
            except Untrusted:
                raise Declined("What is shown to it is no certificate with its key in PEM.") from None
        return replace(self._outbound, trust=context)


def _http(outbound: Outbound, to: Added, secret: str, parcel: Parcel) -> None:
    given = {"Authorization": f"Bearer {secret}"} if secret and not certified(secret) else {}
    _took(outbound.send("POST", to.address, {"Content-Type": JSON_LINES, **given}, parcel.lines))


def _splunk(outbound: Outbound, to: Added, secret: str, parcel: Parcel) -> None:
    """Its HTTP Event Collector: envelopes, one behind the other."""
    body = b"".join(
        json.dumps({"time": each.at.timestamp(), "source": "everlog", "sourcetype": "everlog:ocsf"})[:-1].encode()
        + b', "event": '
        + each.body
        + b"}\n"
        for each in parcel.records
    )
    headers = {"Content-Type": "application/json", "Authorization": f"Splunk {secret}"}
    _took(outbound.send("POST", to.address, headers, body))


def _syslog(outbound: Outbound, to: Added, _: str, parcel: Parcel) -> None:
    parts = urlsplit(to.address)
    body = b"".join([syslog.frame(syslog.message(each, parcel.tenant)) for each in parcel.records])
    outbound.converse(parts.hostname or "", parts.port or syslog.PORT, body)


def _s3(outbound: Outbound, to: Added, secret: str, parcel: Parcel) -> None:
    """An object whose name is the parcel's: the same parcel sent again takes its own place."""
    first, last = parcel.records[0].position, parcel.records[-1].position
    name = f"{parcel.tenant}/{parcel.generation}/{first:016}-{last:016}.ndjson"
    url = f"{to.address.rstrip('/')}/{name}"
    body = parcel.lines
    digest = b64encode(sha256(body).digest()).decode()
    headers = {"Content-Type": JSON_LINES, "x-amz-checksum-sha256": digest}
    signed = Signer(to.account, secret, to.region, "s3").sign("PUT", url, headers, body)
    _took(outbound.send("PUT", url, signed, body))


WAYS: Final[dict[str, Way]] = {"http": _http, "splunk": _splunk, "syslog": _syslog, "s3": _s3}


def _took(answer: Answer) -> None:
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - as HTTP has them: done
        return
    if status in _PASSING or status >= _BROKEN:
        raise Failed(f"It answers {status}.")
    raise Declined(f"It answers {status}.")
