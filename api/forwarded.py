"""Who asks where proxies stand before the API: each says whom it passes on, and those that are trusted are believed."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Literal

Header = Literal["x-forwarded-for", "forwarded"]

HOPS = 20
"""Proxies behind each other that are looked at."""
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?")
"""An address, and perhaps a port behind it: then one of IPv6 stands in brackets."""
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = rf'({_NAME})=({_NAME}|"(?:[^"\\]|\\.)*")'
_ELEMENT = re.compile(rf"{_PAIR}(?:[ \t]*;[ \t]*{_PAIR})*")
_PAIRS = re.compile(_PAIR)


class Proxies:
    """Networks in CIDR, with commas between them. Raises `ValueError` for anything else, and for the whole world."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._networks: list[IPv4Network | IPv6Network] = [
            ip_network(word) for each in text.split(",") if (word := each.strip())
        ]
        if any(each.prefixlen == 0 for each in self._networks):
            raise ValueError("whoever is trusted without exception says who they like: name the proxies' own networks")

    def __str__(self) -> str:
        return self._text

    def trusts(self, address: str) -> bool:
        found = _read(address)
        return found is not None and any(found in each for each in self._networks)


class Forwarded:
    """An ASGI application before another, to which the client is the nearest one that is no trusted proxy.

    Whoever connects from one of the networks is believed, and so on with whom each of them names. What stands left of
    the client in the header is the client's own word, and so is a header that the proxies do not write: neither is
    looked at. Where an entry cannot be read, the proxy that wrote it counts.
    """

    def __init__(self, application: Any, proxies: Proxies, header: Header) -> None:
        self._application = application
        self._proxies = proxies
        self._name = header.encode()
        self._named = _forwarded if header == "forwarded" else _read

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if client := scope.get("client"):
            scope = {**scope, "client": (self._client(client[0], scope["headers"]), client[1])}
        await self._application(scope, receive, send)

    def _client(self, address: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        if not self._proxies.trusts(address):
            return address
        given = b",".join(value for name, value in headers if name == self._name).decode("latin-1")
        for each in reversed(given.rsplit(",", HOPS)):
            if (named := self._named(each.strip(" \t"))) is None:
                break
            address = str(named)
            if not self._proxies.trusts(address):
                break
        return address


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """An entry of `X-Forwarded-For`; an address of IPv4 also where it is written as one of IPv6."""
    found = _NODE.fullmatch(text)
    word = found[1] or found[2] if found else text
    try:
        address = ip_address(word)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return None if address.scope_id else address.ipv4_mapped or address


def _forwarded(text: str) -> IPv4Address | IPv6Address | None:
    """An element of `Forwarded` (RFC 7239, section 4).

    A comma within quotes cuts one in two, and what is behind it ends with a quote that it does not begin: it is none.
    """
    if not _ELEMENT.fullmatch(text):
        return None
    nodes = [value for name, value in _PAIRS.findall(text) if name.lower() == "for"]
    # An address of IPv6 stands in quotes, and so does one with a port.
    return _read(nodes[0].strip('"')) if len(nodes) == 1 else None
