"""A request in our own words."""

import re
from typing import Any
from uuid import UUID

from api.inbound import Inbound
from api.problems import Problem
from application.kernel import Caller, Once

_ETAG = re.compile(r'"(\d{1,9}):(\d{1,18})(?:-p)?"', re.ASCII)
_POSITION = re.compile(r"(?:(\d{1,9}):)?(\d{1,18})", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class Call:
    """One authenticated request. Headers and path are read when asked for; what is wrong raises `Problem`."""

    def __init__(self, inbound: Inbound, id: UUID, caller: Caller, body: bytes = b"", spent: float = 0.0) -> None:
        self.request = id
        """Names this request in problems and, as the correlation, in the log."""
        self.caller = caller
        self.body = body
        self.spent = spent
        """Seconds that it took to admit the caller: who waits for an answer has waited for that as well."""
        self.path: dict[str, Any] = inbound.path
        self.query = inbound.query
        self._header = inbound.header

    @property
    def id(self) -> UUID:
        id: UUID = self.path["id"]
        return id

    def header(self, name: str) -> str | None:
        return self._header(name.lower().encode("latin-1"))

    @property
    def expected(self) -> tuple[int, int] | None:
        """Generation and version of `If-Match`; None where there is none, or `*`."""
        if (given := self.header("If-Match")) in (None, "*"):
            return None
        if not (found := _ETAG.fullmatch(given or "")):
            raise Problem("request.header", 'If-Match takes one ETag as it was answered, like "1:7".')
        return int(found[1]), int(found[2])

    @property
    def at_least(self) -> tuple[int | None, int] | None:
        """Generation, if one is named, and position of `Everlog-Min-Position`."""
        if (given := self.header("Everlog-Min-Position")) is None:
            return None
        if not (found := _POSITION.fullmatch(given)):
            raise Problem("request.header", "Everlog-Min-Position takes an Everlog-Position as it was answered.")
        return int(found[1]) if found[1] else None, int(found[2])

    @property
    def key(self) -> str | None:
        """The `Idempotency-Key`."""
        if (given := self.header("Idempotency-Key")) is not None and not _KEY.fullmatch(given):
            raise Problem("request.header", "Idempotency-Key takes 1 to 200 visible ASCII characters.")
        return given

    def once(self, key: str | None, request: bytes) -> Once | None:
        return Once(self.caller.actor.id, key, request) if key else None
