"""What is recorded of an export of the trail: that it began, and what had left when it ended."""

from typing import ClassVar

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
    bundle: bool = False

    def decide(self, export: Export) -> list[Fact]:
        begun = Begun(self.format, self.filter, self.generation, self.upto, self.circumstances, self.bundle)
        return domain.begin(export, begun)


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
