"""The product on disks of its own: PostgreSQL's data on one, JetStream's on another."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random

from msgspec import Struct

from adapters.embedded import CannotStart, memory, postgres, running, wipe
from adapters.embedded.memory import Memory
from tests.adapters.supervising import gone, parent, processes
from tests.faults.disk.drive import Drive, drive, needed
from tests.served import Served, end


class Plant(Struct):
    """The product with each server's data on a disk of its own."""

    product: Served
    postgres: Drive
    nats: Drive

    def cut(self, dice: Random | None = None) -> None:
        """Take the power away: from the disks first, so that nothing is written after the same instant."""
        seeds = [dice.getrandbits(32) if dice and dice.random() < 0.5 else None for _ in range(2)]
        for disk, seed in zip((self.postgres, self.nats), seeds, strict=True):
            disk.cut(seed)
        everything = [self.product.pid, *descendants(self.product.pid)]
        for pid in everything:
            end(pid)
        self.product.kill()
        assert gone(everything, 60)

    def power(self) -> None:
        self.postgres.power()
        self.nats.power()


@contextmanager
def plant(home: Path) -> Iterator[Plant]:
    """The product, ready; its data are wiped when the block ends. Raises `disk.drive.Missing`."""
    needed()
    product = Served(home)
    try:
        # A cluster is made aside and renamed, which the top of a disk cannot be.
        with running(home):
            pass
        with ExitStack() as stack:
            disks = [stack.enter_context(drive(Path(known(home).home, name))) for name in ("postgres", "nats")]
            stack.callback(product.stop)
            product.start()
            yield Plant(product, *disks)
    finally:
        with suppress(CannotStart):
            wipe(home)


def known(home: Path) -> Memory:
    """Of the embedded servers that lie in this data folder."""
    found = memory.load(home)
    assert found
    return found


def superuser(home: Path) -> str:
    """The address of the database's superuser."""
    return postgres.url("postgres", known(home).superuser, known(home).postgres_port, "postgres")


def descendants(pid: int) -> list[int]:
    """All processes below it."""
    parents = {each: parent(each) for each in processes()}
    found: list[int] = []
    newest = [pid]
    while newest := [each for each, above in parents.items() if above in newest]:
        found += newest
    return found
