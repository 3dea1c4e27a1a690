"""`everlog audit export`: the trail in a file, with the manifest beside it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Annotated, Any
from uuid import UUID

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from api import bootstrap
from api.bootstrap import Product
from api.exports.taking import Means, begun, manifest
from api.placed import placed
from api.settings import Unset
from api.shell import Json, ask, operator, say, zoned
from application.kernel import Caller
from domain.exports import Format
from projections.audit.trail import Kind, Outcome
from projections.exports import Manifest

Position = Annotated[int | None, Parameter(validator=Number(gte=1, lte=2**53))]
WAIT = 5.0
"""Seconds in which a running sealer gets to what was just recorded."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Filters:
    """What is asked for; all of it must match."""

    actor: UUID | None = None
    """Only what this user, key or model did."""
    actor_kind: Kind | None = None
    """Only what users, keys, the system, models or operators did."""
    on_behalf_of: str | None = None
    """Only what was done for this one (KIND:UUID)."""
    type: str | None = None
    """Only this kind of event, such as prospects.won."""
    capability: str | None = None
    """Only what is about this capability, such as prospects."""
    resource: UUID | None = None
    """Only what is about this resource."""
    subject: UUID | None = None
    """Only what is about this person."""
    permission: str | None = None
    """Only what this permission allowed, or was refused for want of it."""
    rule: str | None = None
    """Only what this rule allowed or denied."""
    outcome: Outcome | None = None
    """Only what was accepted, or refused."""
    code: str | None = None
    """Only what was refused with this code."""
    command: str | None = None
    """Only refusals of this command."""
    event: UUID | None = None
    """Only this event."""
    causation: UUID | None = None
    """Only what this event led to."""
    correlation: UUID | None = None
    """Only what one request did."""
    trace: str | None = None
    """Only what belongs to this trace."""
    model: str | None = None
    """Only what this model decided."""
    model_version: str | None = None
    """Only what a model in this state decided (SHA-256)."""
    q: str | None = None
    """Only what has all of these words in what was recorded, in the clear."""
    since: datetime | None = None
    """Only from this time on (ISO 8601; without a zone, this machine's)."""
    before: datetime | None = None
    """Only before this time."""
    first: Position = None
    """The first position of the span."""
    last: Position = None
    """The last one; the log's last, if left out."""

    def given(self) -> dict[str, Any]:
        """As fields of `projections.exports.Take`."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        first, last = told.pop("first"), told.pop("last")
        if first and last and last < first:
            raise Unset(f"The span would end at --last {last}, before it begins at --first {first}.")
        told |= {
            "asked_permission": told.pop("permission"),
            "since": zoned(self.since),
            "before": zoned(self.before),
            "position_least": first,
            "position_below": last + 1 if last else None,
        }
        return {name: value for name, value in told.items() if value is not None}


_EVERYTHING = Filters()


def export(
    *,
    tenant: UUID,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    kind: Annotated[Format, Parameter(name="--format")] = "ndjson",
    filters: Filters = _EVERYTHING,
    json: Json = False,
) -> None:
    """Take an organisation's trail away, oldest first, into one file, and its manifest into another beside it.

    The log records that it was taken, and vouches for the manifest. No cell is a formula to a spreadsheet, and nothing
    that somebody wrote makes a further line. However long the trail is, memory stays the same.

    Args:
        tenant: The organisation.
        output: The file; it is there once it is whole. FILE.manifest.json is its manifest.
        kind: csv, ndjson, or ocsf (events of OCSF 1.3.0, one a line).
        filters: Which records.
        json: Answer with the manifest as one JSON object.
    """
    made = ask(_taken(tenant, kind, filters.given(), output), tenant)
    with placed(beside(output)) as file:
        file.write(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    proof = "sealed" if made.checkpoint else "not sealed yet"
    words = f"{made.rows} records ({proof}) in {output}, SHA-256 {made.sha256}; manifest in {beside(output)}"
    say(msgspec.to_builtins(made), words, json=json)


def beside(output: Path) -> Path:
    """Where the manifest of a file is."""
    return output.with_name(f"{output.name}.manifest.json")


def _taken(tenant: UUID, kind: Format, given: dict[str, Any], output: Path) -> Callable[[Product], Awaitable[Manifest]]:
    async def work(product: Product) -> Manifest:
        means = Means(product.pipeline, product.logs, bootstrap.proofs(product))
        caller = operator(tenant)
        taking = await begun(means, caller, kind, given)
        with placed(output) as file:

            async def put(part: bytes) -> None:
                file.write(part)

            await taking.send(put)
        return await _vouched(means, caller, taking.id)

    return work


async def _vouched(means: Means, caller: Caller, export: UUID) -> Manifest:
    """The manifest, with a checkpoint over every record where a sealer runs."""
    until = monotonic() + WAIT
    while True:
        told = await manifest(means, caller, export)
        if told.checkpoint or not told.rows or monotonic() > until:
            return told
        await asyncio.sleep(0.2)
