"""`everlog audit bundle`: events in a file that proves them to whoever has Python and the verifier."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from api import bootstrap
from api.exports.leaving import Leaving
from api.placed import placed
from api.proofs import bundles
from api.settings import Unset
from api.shell import Json, ask, operator, say, zoned
from application.pipeline import Pipeline
from application.proofs import Proofs
from domain.kernel import Refused
from projections.proofs.chosen import Choice

Many = Annotated[list[str] | None, Parameter(negative="")]
Position = Annotated[int, Parameter(validator=Number(gte=1, lte=2**53))]
Positions = Annotated[list[Position] | None, Parameter(negative="")]
WAIT = 5.0
"""Seconds in which a running sealer gets to what was just recorded."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Sought:
    """What is asked for. Any value of one filter is enough; all filters must match."""

    type: Many = None
    """Only this kind of event, such as prospects.won."""
    permission: Many = None
    """Only what this permission allowed, such as prospects.win."""
    stream: Many = None
    """Only this stream (CAPABILITY/UUID), or all that begin so (CAPABILITY/)."""
    actor: Many = None
    """Only what this one did (KIND/UUID, such as user/0199...)."""
    subject: Many = None
    """Only what holds personal data of this person, by UUID."""
    since: datetime | None = None
    """Only from this time on (ISO 8601; without a zone, this machine's)."""
    before: datetime | None = None
    """Only before this time."""
    first: Position = 1
    """The first position of the span."""
    last: Position | None = None
    """The last one; as far as the log is sealed, if left out."""
    positions: Positions = None
    """These events and no filter: the file does not claim to be complete."""
    cosigned: Annotated[int, Parameter(validator=Number(gte=0, lte=16))] = 0
    """Prove it by a checkpoint that so many witnesses have cosigned; by the last one, if left out."""

    def choice(self) -> Choice:
        """Raises `Unset` where positions are named beside something else, or a span ends before it begins."""
        choice = Choice(
            first=self.first,
            last=self.last,
            type=self.type or (),
            permission=self.permission or (),
            stream=self.stream or (),
            actor=self.actor or (),
            subjects=self.subject or (),
            since=zoned(self.since),
            before=zoned(self.before),
            positions=self.positions or (),
            cosigned=self.cosigned,
        )
        if choice.contradiction:
            raise Unset(choice.contradiction)
        return choice


_EVERYTHING = Sought()


def bundle(
    *,
    tenant: UUID,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    sought: Sought = _EVERYTHING,
    json: Json = False,
) -> None:
    """Write events with their proofs into one file, which the verifier checks without Everlog.

    Nothing that matches is left out, and of other events no more is shown than that they do not. Filters may be given
    several times: any value of one is enough, all filters must match.

    Args:
        tenant: The organisation.
        output: The file; it is there once it is whole.
        sought: Which events.
        json: Answer with one JSON object.
    """
    choice = sought.choice()
    rows = ask(lambda product: written(product.pipeline, tenant, bootstrap.proofs(product), choice, output), tenant)
    _described(rows, output, json=json)


async def written(pipeline: Pipeline, tenant: UUID, proofs: Proofs, choice: Choice, output: Path) -> int:
    """Write it and record that, as the operator; how many lines of events it has. Raises `Unset`."""
    head, lines = await asyncio.to_thread(opened, lambda: proofs.bundle(tenant, choice))
    leaving = Leaving(pipeline, operator(tenant), bundles.begun(choice, head))
    with placed(output) as file:
        await leaving.begin()

        async def put(part: bytes) -> None:
            file.write(part)

        await leaving.send(put, bundles.parts(head, lines, choice))
    return leaving.rows


def opened(lines: Callable[[], Iterator[bytes]]) -> tuple[bytes, Iterator[bytes]]:
    """The first line and the others. What is not sealed yet is waited for: raises `Unset` after `WAIT` seconds."""
    until = monotonic() + WAIT
    while True:
        made = lines()
        try:
            return next(made), made
        except Refused as problem:
            if problem.code not in ("proofs.unsealed", "proofs.uncosigned"):
                raise
            if monotonic() > until:
                raise Unset(_missing(problem)) from problem
            sleep(0.2)


def _missing(problem: Refused) -> str:
    if problem.code == "proofs.uncosigned":
        return (
            f"No checkpoint is cosigned by {problem.details['cosigned']} witnesses: ask for fewer, or see to the "
            "witnesses of EVERLOG_WITNESSES and to a worker that seals (`everlog serve`, or `everlog worker seal`)."
        )
    return (
        f"The log is sealed up to position {problem.details['size']} by a checkpoint of the wanted kind: ask for no "
        "more, or wait for a worker that seals (`everlog serve`, or `everlog worker seal`)."
    )


def _described(events: int, output: Path, *, json: bool) -> None:
    words = f"{events} lines of events in {output}. Check it: python3 clients/verifier/everlog_verify.py {output}"
    say({"file": str(output), "events": events}, words, json=json)
