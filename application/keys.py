"""What is done with an organisation's keys, told to its trail."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import ClassVar, Protocol
from uuid import UUID, uuid4

from application.kernel import Command
from application.ports import Conflict, Log
from domain import keys as domain
from domain.kernel import Actor, Fact, Meta
from domain.keys import Custody, Use, Used, keys
from tenants.context import SYSTEM

PERMISSION = "keys.manage"
EVERY = 3600.0
"""Seconds between looks at an organisation's keys."""
AGAIN = 60.0
"""The same, where that failed."""
WAIT = 30.0


class Move(Command, frozen=True, kw_only=True):
    permission: ClassVar = PERMISSION
    stream: ClassVar = keys
    service: str
    many: int

    def decide(self, custody: Custody) -> list[Fact]:
        return domain.move(custody, self.service, self.many)


class AskRotation(Command, frozen=True, kw_only=True):
    permission: ClassVar = "keys.rotate"
    stream: ClassVar = keys

    def decide(self, custody: Custody) -> list[Fact]:
        return domain.ask_rotation(custody)


class Rotate(Command, frozen=True, kw_only=True):
    permission: ClassVar = PERMISSION
    stream: ClassVar = keys
    epoch: int
    subjects: int
    begun: bool

    def decide(self, custody: Custody) -> list[Fact]:
        return domain.rotate(custody, self.epoch, self.subjects, begun=self.begun)


class Expire(Command, frozen=True, kw_only=True):
    permission: ClassVar = PERMISSION
    stream: ClassVar = keys
    epochs: tuple[int, ...]

    def decide(self, custody: Custody) -> list[Fact]:
        return domain.expire(custody, self.epochs)


class Keeper(Protocol):
    """A tenant's keys, as far as their time passes."""

    def rotate(self, *, early: bool = False) -> tuple[int, bool, int]:
        """Epoch of now, whether it was begun by this, and how many subject keys were wrapped under it.

        `early` begins one although the time of the last is not over.
        """
        ...

    def expire(self) -> Iterable[int]:
        """The epochs that were destroyed, since their time is over."""
        ...


class Untold(Protocol):
    """The use of a tenant's keys that its trail does not tell of yet."""

    def claim(self, age: float) -> tuple[UUID, tuple[Use, ...]] | None:
        """What began so many seconds ago or earlier, under the same identifier until it is settled; None: nothing."""
        ...

    def settle(self, batch: UUID) -> None:
        """It stands in the trail."""
        ...


class Keeping:
    """Keeps one tenant's keys: rotates them when it is time or somebody asks, and destroys those that are old.

    It tells the trail who used them, too.
    """

    def __init__(
        self, tenant: UUID, log: Log, keeper: Keeper, untold: Untold, clock: Callable[[], float] = monotonic
    ) -> None:
        self._tenant = tenant
        self._log = log
        self._keeper = keeper
        self._untold = untold
        self._clock = clock
        self._next = self._soon = clock()
        """When they are looked at again, and when at the earliest, where a rotation is asked for."""

    def advance(self) -> int:
        """How much there was to do."""
        asked = self._custody()[0].asked
        if self._clock() < (self._soon if asked else self._next):
            return 0
        # Where keys are not to be had, they are not asked for at every pass.
        self._next = self._soon = self._clock() + AGAIN
        epoch, begun, subjects = self._keeper.rotate(early=asked)
        self._record(lambda custody: domain.rotate(custody, epoch, subjects, begun=begun))
        gone = list(self._keeper.expire())
        self._record(lambda custody: domain.expire(custody, gone))
        told = self._tell()
        self._soon = self._clock()
        self._next = self._soon + EVERY
        return subjects + len(gone) + told

    def _tell(self) -> int:
        told = 0
        while claimed := self._untold.claim(EVERY):
            batch, uses = claimed
            # Another worker may have told of it, and have been cut short before it could say so.
            with suppress(Conflict):
                self._submit(batch, 0, [Used(uses)], batch)
            self._untold.settle(batch)
            told += len(uses)
        return told

    def _custody(self) -> tuple[Custody, int]:
        """What stands in the log, and its version."""
        facts = list(self._log.stream(f"{keys.name}/{self._tenant}"))
        return keys.fold(each.fact for each in facts), len(facts)

    def _record(self, decide: Callable[[Custody], list[Fact]]) -> None:
        custody, version = self._custody()
        if told := decide(custody):
            self._submit(self._tenant, version, told, uuid4())

    def _submit(self, stream: UUID, version: int, facts: list[Fact], event: UUID) -> None:
        meta = Meta(event=event, actor=Actor("system", SYSTEM), permission=PERMISSION)
        self._log.submit(f"{keys.name}/{stream}", version, facts, meta).result(WAIT)
