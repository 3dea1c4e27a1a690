"""How approved erasures are carried out: noted, the key destroyed, what is left cleared, unlearned, certified."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import inf
from time import monotonic
from typing import Protocol
from uuid import UUID, uuid4

from msgspec import Struct

from application.ports import Conflict, Log
from domain import kernel
from domain import privacy as domain
from domain.kernel import Actor, Fact, Recorded
from domain.privacy import ErasureBegun, ErasureCertified, Learned, Privacy, privacy
from tenants.context import SYSTEM

PERMISSION = "privacy.execute"
WAIT = 30.0
"""Seconds that a fact may take to be recorded before it is tried again."""
LONG = 300.0
"""Seconds after which the log tells what an erasure waits for."""

_log = logging.getLogger(__name__)


class Purged(Struct, frozen=True):
    """What was found of a subject and cleared, or left closed for ever."""

    events: int
    tokens: tuple[tuple[str, int], ...]
    snapshots: int
    reservations: int
    messages: int


class Remains(Protocol):
    """What there is of one tenant's subjects beside the log."""

    def approved(self) -> Mapping[UUID, datetime]:
        """Subjects whose erasure is approved and not certified yet, as far as the views know, and since when."""
        ...

    def brought(self) -> list[UUID]:
        """Subjects erased in another installation while their organisation moved here, and not cleared here yet."""
        ...

    def cleared(self, subject: UUID) -> None:
        """Note that nothing is left of a subject who was brought."""
        ...

    def gone(self, subject: UUID) -> bool:
        """Whether the subject's key is destroyed."""
        ...

    def about(self, subject: UUID, upto: int) -> Iterator[Recorded]:
        """Every event about the subject up to a position, sealed."""
        ...

    def erase(self, subject: UUID) -> datetime:
        """Destroy the subject's key, unless it is gone; since when it is. It stays destroyed whatever comes.

        This process lets go of the key in any case.
        """
        ...

    def behind(self, subject: UUID, generation: int, position: int) -> list[str]:
        """Views, and `messages` for JetStream, that may yet write of an erased subject what stands up to a position.

        Views of another release count as long as one of its processes may still have the key at hand.
        """
        ...

    def purge(self, subject: UUID, generation: int, position: int) -> Purged:
        """Clear what the destroyed key does not close, up to a position. Doing it again finds nothing.

        Read models of other releases are cleared as well.
        """
        ...


class Unlearning(Protocol):
    """One tenant's models, as they come out of the log."""

    def teaches(self, subject: UUID) -> bool:
        """Whether the log has, or had, anything of the subject that a model learns from."""
        ...

    def forget(self) -> None:
        """Destroy what is kept of models' past: they may have leant on who is gone."""
        ...

    def states(self, positions: Iterable[int]) -> Mapping[int, tuple[Learned, ...]]:
        """What the models are at these positions, folded from nothing and from what can still be opened."""
        ...


class Case(Struct, frozen=True):
    """One subject's erasure as it stands in the log."""

    subject: UUID
    state: Privacy
    version: int
    last: UUID
    """The event of the stream's last fact."""
    begun: Recorded | None
    """Since when nothing stops it, unless something did before."""


class Erasing:
    """Carries out one tenant's approved erasures. Cut short, the next pass goes on: each step may be repeated."""

    def __init__(self, log: Log, remains: Remains, unlearning: Unlearning) -> None:
        self._log = log
        self._remains = remains
        self._unlearning = unlearning
        self._gone: dict[UUID, tuple[datetime, int, int]] = {}
        """Whose key is destroyed: since when, and the log's generation and last position just after."""
        self._tell: dict[UUID, float] = {}
        """When (monotonic) it is told of these that they wait."""
        self.since: datetime | None = None
        """When the oldest erasure was approved that is not certified, as of the last pass; None where there is none."""

    def advance(self) -> int:
        """How many erasures were finished. Those that are due together are unlearned together."""
        for subject in self._remains.brought():
            self._clear(subject)
        approved = self._remains.approved()
        self.since = min(approved.values(), default=None)
        # The view is a hint. Only the log says that two people agreed and that nothing is held.
        due = [case for case in map(self._case, approved) if case.state.due]
        self._begin([case for case in due if not case.state.begun])
        begun = [case for case in (self._case(each.subject) for each in due) if self._may(case)]
        for case in begun:
            if case.subject not in self._gone:
                self._gone[case.subject] = (self._remains.erase(case.subject), *self._log.head())
        # A pass that opened a value before the key was gone may still be writing its tokens.
        ready = [case for case in begun if not self._behind(case.subject)]
        purged = [self._remains.purge(case.subject, *self._gone[case.subject][1:]) for case in ready]
        leant = {_learned(case) for case in ready} - {0}
        if leant:
            self._unlearning.forget()
        models = self._unlearning.states(leant) if leant else {}
        return sum(self._certify(*each, models) for each in zip(ready, purged, strict=True))

    def _clear(self, subject: UUID) -> None:
        """What was folded here of somebody whose erasure came with a later parcel; its certificate came with it."""
        if subject not in self._gone:
            self._gone[subject] = (self._remains.erase(subject), *self._log.head())
        if not self._behind(subject):
            if self._unlearning.teaches(subject):
                self._unlearning.forget()
            self._remains.purge(subject, *self._gone[subject][1:])
            self._remains.cleared(subject)
            del self._gone[subject]

    def _behind(self, subject: UUID) -> list[str]:
        """What the subject's certificate waits for; told once, where that takes long."""
        behind = self._remains.behind(subject, *self._gone[subject][1:])
        if behind and monotonic() >= self._tell.setdefault(subject, monotonic() + LONG):
            self._tell[subject] = inf
            _log.warning(
                "An erasure of tenant %s has its key destroyed for %d s and is not certified: behind are %s.",
                *(self._log.tenant, LONG, ", ".join(behind)),
            )
        return behind

    def _case(self, subject: UUID) -> Case:
        facts = list(self._log.stream(f"{privacy.name}/{subject}"))
        begun = next((each for each in reversed(facts) if isinstance(each.fact, ErasureBegun)), None)
        return Case(subject, privacy.fold(each.fact for each in facts), len(facts), facts[-1].meta.event, begun)

    def _may(self, case: Case) -> bool:
        """Whether the key may go, or is gone. What the organisation forbade before it was begun halts it.

        A hold that is placed later comes too late: the log's order says which was first, whatever process was slower.
        """
        begun = case.begun
        if not (begun and case.state.due and case.state.begun):
            return False
        if self._remains.gone(case.subject):
            return True
        own = self._log.stream(f"{privacy.name}/{self._log.tenant}")
        organisation = privacy.fold(each.fact for each in own if each.position < begun.position)
        against = domain.standing(organisation, self._remains.about(case.subject, begun.position), begun.at)
        halted = domain.halt(case.state, against)
        if halted:
            self._record(case, halted)
        return not halted

    def _begin(self, cases: Sequence[Case]) -> None:
        if not cases:
            return
        position = self._log.head()[1]
        taught = {case.subject for case in cases if self._unlearning.teaches(case.subject)}
        models = self._unlearning.states([position])[position] if taught else ()
        for case in cases:
            begun = ErasureBegun(position, models if case.subject in taught else ())
            self._record(case, domain.begin(case.state, begun))

    def _certify(self, case: Case, purged: Purged, models: Mapping[int, tuple[Learned, ...]]) -> bool:
        erased_at, _, position = self._gone[case.subject]
        begun, learned = case.state.begun, _learned(case)
        certified = ErasureCertified(
            erased_at=erased_at,
            position=position,
            events=purged.events,
            tokens=purged.tokens,
            snapshots=purged.snapshots,
            reservations=purged.reservations,
            messages=purged.messages,
            learned=learned,
            before=begun.models if begun else (),
            after=models.get(learned, ()),
        )
        if not self._record(case, domain.certify(case.state, certified)):
            return False
        del self._gone[case.subject]
        return True

    def _record(self, case: Case, facts: Sequence[Fact]) -> bool:
        """False where somebody else was first: the next pass sees what they recorded."""
        meta = kernel.Meta(event=uuid4(), actor=Actor("system", SYSTEM), permission=PERMISSION, causation=case.last)
        try:
            self._log.submit(f"{privacy.name}/{case.subject}", case.version, facts, meta).result(WAIT)
        except Conflict:
            return False
        return True


def _learned(case: Case) -> int:
    """Up to where the models are to be folded; 0 where there is nothing to unlearn."""
    begun = case.state.begun
    return begun.position if begun and begun.models else 0
