"""Telling an organisation's trail what was done with its keys."""

from typing import ClassVar

from application.kernel import Command
from domain import keys as domain
from domain.kernel import Fact
from domain.keys import Custody, keys


class Move(Command, frozen=True, kw_only=True):
    permission: ClassVar = "keys.manage"
    stream: ClassVar = keys
    service: str
    many: int

    def decide(self, custody: Custody) -> list[Fact]:
        return domain.move(custody, self.service, self.many)
