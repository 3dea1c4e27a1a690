"""API processes of the product, as far as they append: each with a committer of its own.

`python -m benchmarks.writer` opens the product that the environment names, says so with an empty line, and answers each
`Order` on standard input, a JSON object a line, with the figures of its turn.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal
from uuid import UUID, uuid4

import msgspec
import uvloop
from msgspec import Struct

from api import bootstrap, settings
from application.ports import Log, Logs
from benchmarks import calls, load
from benchmarks.kernel import Figures
from benchmarks.processes import Processes, answering
from domain.kernel import Fact

Kind = Literal["captured", "signal"]
MAKERS: Mapping[Kind, Callable[[], Fact]] = {"captured": load.captured, "signal": load.signal}


class Order(Struct, frozen=True):
    tenants: list[UUID]
    callers: int
    batch: int
    seconds: float
    kind: Kind = "captured"
    each: bool = False
    """Once to each tenant, however long that takes."""


def append(logs: Logs, order: Order) -> Figures:
    """`calls.told` of so many callers on one event loop, each of which waits for its answer before the next append.

    Each append begins a stream of its own; a caller goes from tenant to tenant.
    """
    return uvloop.run(_append(logs, order))


async def _append(logs: Logs, order: Order) -> Figures:
    handles = [logs.of(tenant) for tenant in order.tenants]
    makers = [MAKERS[order.kind]] * order.batch
    taken: list[float] = []
    began = time.perf_counter()
    stop = began + order.seconds

    async def caller(number: int) -> None:
        turn = number
        while (now := time.perf_counter()) < stop or order.each:
            if order.each and turn >= len(handles):
                return
            await new(handles[turn % len(handles)], [make() for make in makers])
            taken.append(time.perf_counter() - now)
            turn += order.callers

    await asyncio.gather(*map(caller, range(order.callers)))
    return calls.told(len(taken) * order.batch, time.perf_counter() - began, taken)


async def new(log: Log, facts: Sequence[Fact]) -> None:
    """Append to a new stream, as a command does."""
    await log.submit(f"prospects/{uuid4()}", 0, facts, load.meta(), load.once(*facts))


class Writers(Processes):
    """So many of these processes, open until the block ends."""

    def __init__(self, environment: Mapping[str, str], count: int) -> None:
        super().__init__("benchmarks.writer", environment, count)

    def append(self, order: Order) -> Figures:
        """The callers are shared out evenly. Rates add up; p50 and p99 are those of the slower process."""
        each = msgspec.structs.replace(order, callers=order.callers // self._count)
        met = [msgspec.json.decode(line, type=dict[str, float]) for line in self._told(msgspec.json.encode(each))]
        return {
            "rate": sum(one["rate"] for one in met),
            **{name: max(one[name] for one in met) for name in ("p50", "p99")},
        }


def main() -> None:
    answers = answering()
    with bootstrap.product(settings.read()) as product:
        logs: Logs = product.telemetry.logs(product.logs)
        answers.write(b"\n")
        for line in sys.stdin.buffer:
            figures = append(logs, msgspec.json.decode(line, type=Order))
            answers.write(msgspec.json.encode(figures) + b"\n")


if __name__ == "__main__":
    main()
