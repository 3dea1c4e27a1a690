"""How NATS is connected to: over TLS where the address says so, and never without it there."""

import ssl
from typing import Any

from nats.aio.client import Client
from nats.errors import Error


class Dialled(Client):
    """A client that tells nobody its password in plain text where the address begins with `tls://`.

    The library speaks TLS where the server asks for it, and plain text where somebody on the way has taken that out.
    """

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's signature
        server = self._current_server
        if server and server.uri.scheme == "tls" and not info.get("tls_required"):
            if self._transport:
                self._transport.close()  # type: ignore[no-untyped-call] # the library's is not typed
            raise Error("nats: the server does not ask for TLS, which its address promises")
        await super()._process_info(info, initial_connection)


async def dial(url: str, trust: ssl.SSLContext | None, **options: Any) -> Client:
    """A connection that ends when it is lost. Raises what the library does, `OSError` and `TimeoutError`."""
    client = Dialled()
    more: dict[str, Any] = {**options, "tls": trust} if trust else options
    await client.connect(url, allow_reconnect=False, **more)
    return client
