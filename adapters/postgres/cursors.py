"""Where a page ended, as an opaque text that fits one tenant, one question and one generation of its log."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any
from uuid import UUID

from msgspec import ValidationError, msgpack

from domain.kernel import Refused

_MAC = 16
_encode = msgpack.Encoder(order="deterministic").encode


class Cursors:
    """Makes and reads cursors under a secret that all processes of the API share."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def write(self, tenant: UUID, generation: int, question: tuple[Any, ...], place: tuple[Any, ...]) -> str:
        body = _encode(place)
        return urlsafe_b64encode(self._mac(tenant, generation, question, body) + body).rstrip(b"=").decode()

    def read(
        self, tenant: UUID, generation: int, question: tuple[Any, ...], cursor: str, place: Any
    ) -> tuple[Any, ...]:
        """The place, of the type `place`. Raises `Refused("query.cursor")` where it is not one of this question's."""
        try:
            data = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            mac, body = data[:_MAC], data[_MAC:]
            if not hmac.compare_digest(mac, self._mac(tenant, generation, question, body)):
                raise Refused("query.cursor")
            read: tuple[Any, ...] = msgpack.decode(body, type=place)
        except (ValueError, ValidationError) as error:
            raise Refused("query.cursor") from error
        return read

    def _mac(self, tenant: UUID, generation: int, question: tuple[Any, ...], body: bytes) -> bytes:
        bound = _encode((tenant, generation, question, body))
        return hmac.digest(self._secret, bound, sha256)[:_MAC]
