"""How much of the machine others used: a measurement beside a busy neighbour is marked, not believed."""

from collections import defaultdict
from collections.abc import Iterable
from os import getpid
from pathlib import Path

from msgspec import Struct

_PROC = Path("/proc")
_KERNEL = "kthreadd"


class Look(Struct, frozen=True):
    """Clock ticks since boot, summed over all cores."""

    total: int
    busy: int
    """User, system and stolen time; interrupts are nobody's: our own network traffic is not blamed on others."""
    own: int
    """This process, its descendants dead or alive, and the kernel's threads, which flush what we write."""


def look(proc: Path = _PROC, pid: int | None = None) -> Look:
    ticks = [int(word) for word in (proc / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, idle, waiting, interrupts, soft, stolen = ticks
    busy = user + nice + system + stolen
    return Look(busy + idle + waiting + interrupts + soft, busy, _own(proc, pid or getpid()))


def foreign(before: Look, after: Look) -> float:
    """The share of all cores, 0 … 1, that was neither idle nor ours."""
    total = after.total - before.total
    others = (after.busy - before.busy) - (after.own - before.own)
    return max(0.0, others / total) if total > 0 else 0.0


def _own(proc: Path, pid: int) -> int:
    children: dict[int, list[int]] = defaultdict(list)
    spent: dict[int, int] = {}
    roots = [pid]
    for process, name, words in _processes(proc):
        parent = int(words[1])
        children[parent].append(process)
        # utime, stime, and the same of children that were waited for.
        spent[process] = sum(int(word) for word in words[11:15])
        if name == _KERNEL and parent == 0:
            roots.append(process)
    total = 0
    while roots:
        process = roots.pop()
        total += spent.get(process, 0)
        roots += children[process]
    return total


def _processes(proc: Path) -> Iterable[tuple[int, str, list[str]]]:
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except OSError:
                # It ended between the two calls.
                continue
            name, rest = text.split("(", 1)[1].rsplit(")", 1)
            yield int(folder.name), name, rest.split()
