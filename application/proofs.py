"""What is recorded of an organisation's record: what a look at all of it found, and that a witness disputes it."""

from typing import ClassVar
from uuid import uuid4

from application.kernel import Command
from application.ports import Log
from domain import proofs as domain
from domain.kernel import Actor, Fact, Meta
from domain.proofs import Checked, Proofs, proofs
from tenants.context import SYSTEM

WAIT = 30.0
"""Seconds that a fact may take to be recorded."""


class Check(Command, frozen=True, kw_only=True):
    """Records what was found. The stream's id is the organisation's."""

    permission: ClassVar = "proofs.check"
    stream: ClassVar = proofs
    found: Checked

    def decide(self, _: Proofs) -> list[Fact]:
        return [self.found]


def hear(log: Log, witness: str, why: str) -> None:
    """Record that a witness disputes the log's history, and why, or with "" that it cosigns again.

    What is on record already is not recorded again. Raises what the log does.
    """
    stream = f"{proofs.name}/{log.tenant}"
    known = [each.fact for each in log.stream(stream)]
    state = proofs.fold(known)
    facts = domain.dispute(state, witness, why) if why else domain.agree(state, witness)
    if facts:
        meta = Meta(event=uuid4(), actor=Actor("system", SYSTEM), permission=Check.permission)
        log.submit(stream, len(known), facts, meta).result(WAIT)
