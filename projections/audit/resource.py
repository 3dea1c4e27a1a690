"""A resource as it stood at some moment: asked of the log itself, since views know only how things stand now."""

from typing import ClassVar
from uuid import UUID

from msgspec import Struct


class Resource(Struct, frozen=True, kw_only=True):
    """`at` is a position, or a time; None is now."""

    permission: ClassVar = "audit.read"
    capability: str
    id: UUID
    at: str | None = None
