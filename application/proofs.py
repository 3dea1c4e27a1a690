"""What is recorded of a look at an organisation's whole record."""

from typing import ClassVar

from application.kernel import Command
from domain.kernel import Fact
from domain.proofs import Checked, Proofs, proofs


class Check(Command, frozen=True, kw_only=True):
    """Records what was found. The stream's id is the organisation's."""

    permission: ClassVar = "proofs.check"
    stream: ClassVar = proofs
    found: Checked

    def decide(self, _: Proofs) -> list[Fact]:
        return [self.found]
