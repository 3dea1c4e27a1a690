"""What is recorded of an export of the trail: that it began, and what had left when it ended."""

from typing import ClassVar
from uuid import UUID

from application.kernel import Command
from domain import exports as domain
from domain.exports import Begun, Ended, Export, Format, exports
from domain.kernel import Fact


class Begin(Command, frozen=True, kw_only=True):
    permission: ClassVar = "audit.export"
    stream: ClassVar = exports
    opens: ClassVar = True
    format: Format
    filter: tuple[tuple[str, str], ...]
    generation: int
    upto: int
    circumstances: bool
    bundle: bool
    under: UUID
    sought: tuple[tuple[str, str], ...]

    def decide(self, export: Export) -> list[Fact]:
        return domain.begin(export, Begun(*(getattr(self, name) for name in Begun.__struct_fields__)))


class End(Command, frozen=True, kw_only=True):
    permission: ClassVar = "audit.export"
    stream: ClassVar = exports
    rows: int
    first: int
    last: int
    size: int
    digest: str
    whole: bool

    def decide(self, export: Export) -> list[Fact]:
        return domain.end(export, Ended(self.rows, self.first, self.last, self.size, self.digest, self.whole))
