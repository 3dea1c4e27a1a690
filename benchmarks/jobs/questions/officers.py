"""What stands in a log beside prospects and predictions: reads, refusals, exports, roles, holds, erasures."""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from uuid import UUID, uuid4

from msgspec.structs import replace

from application.pending import Pending
from application.ports import Appended, Log
from benchmarks import load
from domain.audit import Denial, Look, Read
from domain.exports import Begun, Ended
from domain.kernel import Actor, Circumstances, Fact
from domain.orgs import Joined, RoleChanged
from domain.privacy import (
    ErasureApproved,
    ErasureCertified,
    ErasureRequested,
    HoldPlaced,
    HoldProposed,
)
from domain.proofs import Checked
from domain.prospects import Captured

_OFFICERS = [Actor("user", uuid4()) for _ in range(20)]
_OPERATOR = Actor("operator", uuid4())


class Officers:
    """Works on a log; the same in each stretch, of other people."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.events = 0
        self.people: list[UUID] = []
        self.sessions: list[str] = []
        self.words: list[str] = []
        self.names: list[str] = []
        self._random = Random(1815)
        self._pending: list[Pending[Appended]] = []

    def work(self, events: int) -> None:
        """So many events, or a few more."""
        wanted = self.events + events
        while self.events < wanted:
            self._shift()
        self._settle()

    def look(self) -> None:
        """Record that the whole was looked at, as a worker does once a day."""
        found = {"generation": 1, "events": 1, "sealed": 1, "subjects": 1, "predictions": 1}
        checked = Checked(at=datetime.now(UTC), seconds=1, sound=True, views=(), folded=True, faults=(), **found)
        self._add(_OPERATOR, uuid4().hex, f"proofs/{self.log.tenant}", checked)
        self._settle()

    def _shift(self) -> None:
        officer, session = self._random.choice(_OFFICERS), uuid4().hex
        person, name, industry = uuid4(), f"name{uuid4().hex}", f"trade{uuid4().hex}"
        self.people.append(person)
        self.sessions.append(session)
        self.words.append(industry)
        self.names.append(name)
        self._add(officer, session, f"prospects/{person}", Captured(name, f"{name}@example.org", industry))
        for _ in range(10):
            shown = tuple(self._random.sample(self.people, min(5, len(self.people))))
            looks = (Look(datetime.now(UTC), len(shown), shown),)
            event = uuid4()
            read = Read("prospects.list", officer.id, ("name", "email"), looks)
            self._add(officer, session, f"audit/{event}", read, subjects=shown)
        for _ in range(3):
            denial = Denial("prospects.win", "prospects.win", "access.denied", f"prospects/{person}")
            self._add(officer, session, f"audit/{uuid4()}", denial)
        begun = Begun("csv", (("actor", str(officer.id)),), 1, 1, circumstances=False)
        self._add(officer, session, f"exports/{uuid4()}", begun, Ended(1, 1, 1, 100, "0" * 64, whole=True))
        member = uuid4()
        roles = (Joined(member, "Viewer"), RoleChanged(member, "Viewer", "Manager"))
        self._add(_OPERATOR, session, f"orgs/{uuid4()}", *roles)
        self._privacy(officer, session)

    def _settle(self) -> None:
        for each in self._pending:
            each.result()
        self._pending.clear()

    def _privacy(self, officer: Actor, session: str) -> None:
        other = _OFFICERS[0].id
        held = (HoldProposed(officer.id, "suit"), HoldPlaced(other, "suit"))
        self._add(officer, session, f"privacy/{uuid4()}", *held)
        done = ErasureCertified(datetime.now(UTC), 1, 1, (), 0, 0)
        asked = ErasureRequested(officer.id, "objection", "DSR-1"), ErasureApproved(other), done
        self._add(officer, session, f"privacy/{uuid4()}", *asked)

    def _add(self, actor: Actor, session: str, stream: str, *facts: Fact, subjects: Sequence[UUID] = ()) -> None:
        where = Circumstances("192.0.2.17", session, "Mozilla/5.0 (X11; Linux x86_64)", "a request")
        meta = replace(load.meta(), actor=actor, circumstances=where, subjects=tuple(subjects))
        if isinstance(facts[0], Denial):
            # A refusal's stream is named like its event.
            stream = f"audit/{meta.event}"
        self._pending.append(self.log.submit(stream, 0, list(facts), meta))
        self.events += len(facts)
