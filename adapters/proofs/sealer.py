"""Seals one tenant's log: its new events join the tree, and what the tree has become is signed.

Before anything is signed the events are read once more, the tiles too as they were stored, and the root is worked out
from those by the RFC's recursion, apart from the sums by which the tree has grown. It must be the same, and the tree
that was signed last must be its beginning.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID

from adapters.codec.leaf import leaf
from adapters.postgres.database import Database
from adapters.proofs.grove import Gap, Grove
from adapters.proofs.signer import Before, Held, Refusing, Signer
from projections.kernel import Lag
from projections.proofs import note, tree

_log = logging.getLogger(__name__)
BATCH = 1024
"""Events between two checkpoints where many wait."""


class Sealer:
    """One tenant's: `projections.worker.Kept`.

    `refused` is told why nothing is signed, or "" once that is over; `sealed` for how many seconds each event had been
    recorded when its checkpoint was committed.
    """

    def __init__(
        self,
        tenant: UUID,
        database: Database,
        signer: Signer,
        refused: Callable[[UUID, str], object] | None = None,
        sealed: Callable[[Sequence[float]], object] | None = None,
    ) -> None:
        self.tenant = tenant
        self._database = database
        self._signer = signer
        self._refused = refused
        self._told = sealed
        self._why = ""
        self._place = 0, 0
        self._sealed = 0

    def step(self, seconds: float) -> int:
        """Seal batches for about so long; whether any waits still of those that stood there when the last began.

        What has come since waits for others to join it: a checkpoint is for many events, and whoever calls hears of
        the log's next move. Of what is refused the log and `refused` tell.
        """
        until = monotonic() + seconds
        try:
            while self.seal() and self._behind and monotonic() < until:
                pass
        except (Refusing, Gap, LookupError) as problem:
            self._tell(f"{problem}")
            return 0
        self._tell("")
        return self._behind

    def seal(self) -> int:
        """One batch; how many events it was. Raises `Refusing`, `Gap`, and `LookupError` where tiles are missing."""
        with self._signer.hold(self.tenant) as held, self._database.transaction(self.tenant) as connection:

            def ask(sql: str, params: Any) -> list[Any]:
                return connection.execute(sql.encode(), params).fetchall()

            grove = Grove(self.tenant, ask)
            self._place = grove.generation, grove.head
            size, _ = grove.sealed
            signed = self._admitted(grove, held, size)
            before = self._signer.before(self.tenant, grove.generation)
            # What was signed and not published comes first: the next one names it as the one that it follows.
            target = signed[0] if signed[0] > size else min(grove.head, size + BATCH)
            if before and max(size, signed[0]) < before.size < target:
                # The last checkpoint signed where it came from and the first signed here say the same of it.
                target = before.size
            ages = list[float]()
            if target > size:
                times = _grow(grove, size, target, signed)
                _go_on(grove, target, before)
                at = grove.seal(target, self._signed(grove, held, target, signed[0]))
                ages = [(at - each).total_seconds() for each in times]
            committing = monotonic()
        self._sealed = target
        if ages and self._told:
            committed = monotonic() - committing
            self._told([each + committed for each in ages])
        return target - size

    def retry(self) -> None:
        """Whatever was refused is looked at anew by the next step anyway."""

    @property
    def refusal(self) -> str:
        """Why nothing is signed just now, or nothing."""
        return self._why

    def place(self) -> tuple[int, int]:
        return self._place

    def lag(self) -> list[Lag]:
        """As if the seals were a view called `proofs`."""
        return [Lag("proofs", 1, self._behind, 0.0, 0, self._place[0], self._sealed, None)]

    @property
    def _behind(self) -> int:
        return max(0, self._place[1] - self._sealed)

    def _admitted(self, grove: Grove, held: Held, size: int) -> tuple[int, bytes]:
        """Size and root of what was signed last of this tree, (0, …) where nothing was. Raises `Refusing`."""
        began = self._signer.began(self.tenant)
        if grove.generation > began:
            raise Refusing(f"The log stands in generation {grove.generation}; the ledger knows of none after {began}.")
        if held.last is None:
            if size:
                raise Refusing(
                    f"The database holds seals up to {size} that were not signed with the keys of this folder."
                )
            return 0, tree.EMPTY
        origin = held.last.partition("\n")[0]
        if origin != note.origin(self.tenant, grove.generation):
            if grove.generation <= note.generation(origin):
                raise Refusing(f"What was signed last is {origin}; the log stands in generation {grove.generation}.")
            return 0, tree.EMPTY
        signed = note.parse(held.last)
        if grove.head < signed[0]:
            raise Refusing(
                f"The log ends at position {grove.head}, but {signed[0]} events were signed: "
                f"what was at {grove.head + 1} and after it is missing."
            )
        if size > signed[0]:
            raise Refusing(f"The database holds a seal of {size} events, but no more than {signed[0]} were signed.")
        return signed

    def _signed(self, grove: Grove, held: Held, size: int, before: int) -> str:
        if size == before and held.last is not None:
            # It was signed, and the process ended before it was published.
            return held.last
        origin = note.origin(self.tenant, grove.generation)
        root = tree.root(tree.tiled(grove.tile), size)
        return held.sign(note.Checkpoint(origin, size, root, datetime.now(UTC), before))

    def _tell(self, why: str) -> None:
        if why and why != self._why:
            _log.error("Nothing is signed for tenant %s: %s", self.tenant, why)
        if why != self._why and self._refused:
            self._refused(self.tenant, why)
        self._why = why


def _grow(grove: Grove, size: int, target: int, signed: tuple[int, bytes]) -> list[datetime]:
    """Let the tree grow, and look at all of it that is new a second time. Raises `Refusing`.

    When those events were recorded that are new to the log too: a later generation seals the earlier ones once more.
    """
    frontier = grove.frontier(size)
    times, leaves = list[datetime](), list[bytes]()
    for event in grove.events(size, target):
        if event.generation == grove.generation:
            times.append(event.recorded_at)
        leaves.append(tree.leaf(leaf(event)))
    for each in leaves:
        frontier.add(each)
    grove.put(tree.grown(size, leaves, grove.tile))
    node = tree.tiled(grove.tile)
    for index, entry in enumerate(grove.entries(size, target), size):
        if node(0, index) != tree.leaf(entry):
            raise Refusing(f"The event at position {index + 1} is not what it was a moment ago.")
    if tree.root(node, target) != frontier.root:
        raise Refusing(f"The tree of {target} events, worked out anew, is another than the one that has grown.")
    if tree.root(node, signed[0]) != signed[1]:
        raise Refusing(f"The first {signed[0]} events do not add up to what was signed of them.")
    return times


def _go_on(grove: Grove, size: int, before: Before | None) -> None:
    """Raises `Refusing` where the log is not the one that was signed before it came here."""
    if before and before.size <= size and tree.root(tree.tiled(grove.tile), before.size) != before.root:
        raise Refusing(f"The first {before.size} events are not those that were signed where the log came from.")
