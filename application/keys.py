"""Telling an organisation's trail what was done with its keys."""

from typing import ClassVar

from application.kernel import Command
from domain.kernel import Fact
from domain.keys import Custody, Moved, keys


class Move(Command, frozen=True, kw_only=True):
    permission: ClassVar = "keys.manage"
    stream: ClassVar = keys
    service: str
    many: int

    def decide(self, custody: Custody) -> list[Fact]:
        # Done again, it finishes what was cut short.
        return [Moved(self.service, self.many)] if self.many or custody.service != self.service else []
