"""`everlog audit bundle`: events in a file that proves them to whoever has Python and the verifier."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import monotonic, sleep
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from api import bootstrap
from api.bootstrap import Product
from api.settings import Unset
from api.shell import Json, ask, say, zoned
from domain.kernel import Refused
from projections.proofs.chosen import Choice

Many = Annotated[list[str] | None, Parameter(negative="")]
Position = Annotated[int, Parameter(validator=Number(gte=1, lte=2**53))]
Positions = Annotated[list[Position] | None, Parameter(negative="")]
WAIT = 5.0
"""Seconds in which a running sealer gets to what was just recorded."""


def bundle(  # noqa: PLR0913 - each is an option of the command line
    *,
    tenant: UUID,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    type: Many = None,
    permission: Many = None,
    stream: Many = None,
    actor: Many = None,
    subject: Many = None,
    since: datetime | None = None,
    before: datetime | None = None,
    first: Position = 1,
    last: Position | None = None,
    positions: Positions = None,
    json: Json = False,
) -> None:
    """Write events with their proofs into one file, which the verifier checks without Everlog.

    Nothing that matches is left out, and of other events no more is shown than that they do not. Filters may be given
    several times: any value of one is enough, all filters must match.

    Args:
        tenant: The organisation.
        output: The file; it is there once it is whole.
        type: Only this kind of event, such as prospects.won.
        permission: Only what this permission allowed, such as prospects.win.
        stream: Only this stream (CAPABILITY/UUID), or all that begin so (CAPABILITY/).
        actor: Only what this one did (KIND/UUID, such as user/0199...).
        subject: Only what holds personal data of this person, by UUID.
        since: Only from this time on (ISO 8601; without a zone, this machine's).
        before: Only before this time.
        first: The first position of the span.
        last: The last one; as far as the log is sealed, if left out.
        positions: These events and no filter: the file does not claim to be complete.
        json: Answer with one JSON object.
    """
    choice = Choice(
        first=first,
        last=last,
        type=type or (),
        permission=permission or (),
        stream=stream or (),
        actor=actor or (),
        subjects=subject or (),
        since=zoned(since),
        before=zoned(before),
        positions=positions or (),
    )
    if choice.positions and (choice.sought or first > 1 or last):
        raise Unset("Either name --positions, or a span and filters: chosen events are shown whatever they are.")
    _described(ask(_writing(tenant, choice, output), tenant), output, json=json)


def _writing(tenant: UUID, choice: Choice, output: Path) -> Callable[[Product], Awaitable[int]]:
    async def work(product: Product) -> int:
        proven = bootstrap.proofs(product)
        return await asyncio.to_thread(write, lambda: proven.bundle(tenant, choice), output)

    return work


def write(lines: Callable[[], Iterator[bytes]], output: Path) -> int:
    """Put them in place, whole, readable by their owner alone; how many there were.

    What is not sealed yet is waited for. Raises `Unset` where it is not sealed for `WAIT` seconds.
    """
    until = monotonic() + WAIT
    while True:
        try:
            return _put(lines(), output)
        except Refused as problem:
            if problem.code != "proofs.unsealed":
                raise
            if monotonic() > until:
                raise Unset(
                    f"The log is sealed up to position {problem.details['size']}: ask for no more, or wait for a worker"
                    " that seals (`everlog serve`, or `everlog worker seal`)."
                ) from problem
            sleep(0.2)


def _put(lines: Iterator[bytes], output: Path) -> int:
    count = 0
    # Beside the file, for a rename within one file system; mkstemp makes it readable by its owner alone.
    with NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as file:
        try:
            for line in lines:
                file.write(line)
                count += 1
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).rename(output)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return count


def _described(count: int, output: Path, *, json: bool) -> None:
    events = count - 2
    words = f"{events} lines of events in {output}. Check it: python3 clients/verifier/everlog_verify.py {output}"
    say({"file": str(output), "events": events}, words, json=json)
