"""`everlog audit export`: the trail in a file, with the manifest beside it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Annotated, Any
from uuid import UUID

import msgspec
from cyclopts import Parameter

from api import bootstrap
from api.bootstrap import Product
from api.exports.taking import Means, begun, manifest
from api.placed import placed
from api.shell import Json, ask, operator, say
from api.shell.trail import EVERYTHING, Filters
from application.kernel import Caller
from domain.exports import Format
from projections.exports import Manifest

WAIT = 5.0
"""Seconds in which a running sealer gets to what was just recorded."""


def export(
    *,
    tenant: UUID,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    kind: Annotated[Format, Parameter(name="--format")] = "ndjson",
    filters: Filters = EVERYTHING,
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
