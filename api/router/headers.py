"""Which headers a router passes on, and the key that a request brings."""

from collections.abc import Iterable
from typing import Final

from api.bootstrap.cells import CLIENT, SECRET
from api.stream.wire import BEARER

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, as h11 gives them."""
_HOP: Final = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade", b"expect"}
"""What is between two neighbours alone (RFC 9110, section 7.6.1); and `Expect`, which the router has answered."""
_OURS: Final = {SECRET.lower().encode(), CLIENT.lower().encode()}


def passing(headers: Headers, *, upgrade: bool = False) -> Headers:
    """Without what is between neighbours, and without what only a router may say. A body keeps its framing."""
    named = {each.strip().lower() for name, value in headers if name == b"connection" for each in value.split(b",")}
    # Whoever names its framing, or what says who it is, as between neighbours would have the next one misread it.
    named -= {b"content-length", b"transfer-encoding", b"host", b"authorization"}
    dropped = (_HOP | named | _OURS) - ({b"upgrade"} if upgrade else set())
    kept = [(name, value) for name, value in headers if name not in dropped]
    return [*kept, (b"connection", b"upgrade")] if upgrade else kept


def key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The text of the API key; None where there is none. A WebSocket may bring it among its protocols."""
    given = list(headers)
    for name, value in given:
        if name == b"authorization":
            return value.decode("latin-1").partition(" ")[2]
    for name, value in given:
        if name == b"sec-websocket-protocol":
            offered = [each.strip() for each in value.decode("latin-1").split(",")]
            if keys := [each.removeprefix(BEARER) for each in offered if each.startswith(BEARER)]:
                return keys[0]
    return None
