"""A worker that seals, stopped in the midst of it and resumed: what it then writes makes no second history."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from subprocess import Popen
from uuid import UUID

from msgspec import Struct, field

from projections.proofs import note
from tests.faults.aftermath import unproven
from tests.faults.failing import Trap
from tests.faults.house import House, lines
from tests.waiting import until

SEALER = "worker seal"
POINTS = ("seal: signed and not published", "seal: before the commit")
WRONG = "seal: signed anew"
"""What was signed and not published is forgotten, and something else is signed instead."""
SECOND = "was published than was signed"
"""The violation where there is another history besides."""
PASSES = 6
"""Checkpoints until it is stopped: those of the system's own log, which stands still, are over by then."""
PATIENCE = 600
"""Seconds; no judgement of anything."""
_TAKEN = "select count(*) from everlog.leases where job = 'seal' and leased = any(array{}::uuid[])"
_END = """
    select pg_terminate_backend(pid) from pg_stat_activity where usename = 'everlog_worker'
    and state = 'idle in transaction' and state_change < clock_timestamp() - interval '1 s'"""


class Signed(Struct):
    """What the signer had put its name to while a sealer was stopped, whether anybody has seen it or not."""

    notes: list[tuple[UUID, str]] = field(default_factory=list)
    refused: list[bool] = field(default_factory=list)
    """Whether each stopped sealer found that it could not write any more, and said so."""

    def see(self, house: House, tenants: Sequence[UUID]) -> None:
        for tenant in tenants:
            with suppress(FileNotFoundError):
                self.notes.append((tenant, (house.settings.keys / "proofs" / f"{tenant}.last").read_text()))

    def judged(self, house: House, tenants: Sequence[UUID]) -> list[str]:
        """What is wrong with it, once all is sealed: each is in the record as it was signed, and there is no other."""
        published = set(house.by_hand("select tenant_id, note from everlog.seals"))
        second = [note.parse(text)[0] for tenant, text in self.notes if (tenant, text) not in published]
        wrong = [f"another checkpoint of {size} events {SECOND}" for size in second]
        wrong += [each for tenant in tenants for each in unproven(house.settings, tenant)]
        if not self.notes:
            wrong.append("nobody had signed anything")
        return wrong + ["no write of a stopped sealer was refused"] * self.refused.count(False)


@contextmanager
def drowsy(
    house: House, signed: Signed, tenants: Sequence[UUID], point: str, dice: Random, *more: Trap
) -> Iterator[None]:
    """A sealer stopped at this point while the block runs; then it wakes up beside another, whose traps are `more`.

    The other has taken over by then, and can seal all logs but one: the sealer that is stopped has its key in hand. Its
    session with the database ends with the block, if it has not ended for its silence.
    """
    word, refused = house.word(), house.word()
    stop = Trap(point, "stop", str(word), [PASSES + dice.randint(0, 5)])
    with house.part(SEALER, stop, Trap("seal: refused", "note", str(refused))) as process:
        until(lambda: lines(word) and halted(process), PATIENCE)
        signed.see(house, tenants)
        house.unlease()
        with house.part(SEALER, *more):
            taken = _TAKEN.format([str(each) for each in tenants])
            until(lambda: house.by_hand(taken) == [(len(tenants),)], PATIENCE)
            time.sleep(1)
            yield
            house.by_hand(_END)
            process.send_signal(signal.SIGCONT)
            with suppress(AssertionError):
                until(lambda: lines(refused), 120)
            signed.refused.append(bool(lines(refused)))
            time.sleep(1)


def halted(process: Popen[bytes]) -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
