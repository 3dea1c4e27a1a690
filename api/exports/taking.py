"""One export on its way out: read a page at a time, however long it is, and recorded in the log, which vouches."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from api.audit import SEES
from api.exports.leaving import Leaving, Part
from api.inbound import Put
from api.personal import Eyes, Sight
from api.problems import Problem
from application.kernel import Caller
from application.pipeline import Pipeline
from application.ports import Logs
from application.proofs import Proofs
from domain.audit import divided, whole
from domain.exports import Begun, Ended, Format
from domain.kernel import Erased, Recorded, Refused
from projections.audit import Entry, told
from projections.audit.told import NOTHING
from projections.exports import PAGE, WRITERS, Get, Manifest, Take, head, schema
from projections.ocsf import Anchor
from projections.proofs.note import origin, parse


class Means(Struct, frozen=True):
    """What an export is made with."""

    pipeline: Pipeline
    logs: Logs
    proofs: Proofs
    eyes: Eyes | None = None
    """Writes down who is told what somebody looked for; None where an operator asks, who has just looked for it."""


class Taking:
    """One export on its way out, under the name `id`. No more than a page of it is held."""

    def __init__(self, means: Means, caller: Caller, begun: Begun, query: Take) -> None:
        self._leaving = Leaving(means.pipeline, caller, begun)
        self.id = self._leaving.id
        self._means = means
        self._caller = caller
        self._begun = begun
        self._query = query

    async def begin(self) -> None:
        """Recorded before the first record leaves. Raises `Rejected`."""
        await self._leaving.begin()

    async def send(self, put: Put) -> None:
        await self._leaving.send(put, self._parts())

    async def _parts(self) -> AsyncGenerator[Part]:
        yield Part(head(self._begun.format))
        last = 0
        while page := await self._page(last):
            last = page[-1].position
            yield Part(b"".join(await self._lines(page)), len(page), page[0].position, last)

    async def _page(self, last: int) -> list[Entry]:
        least = max(last + 1, self._query.position_least or 0)
        query = replace(self._query, position_least=least, limit=PAGE)
        known = self._begun.generation, self._begun.upto
        page = await self._means.pipeline.ask(self._caller, query, known)
        rows: list[Entry] = page.rows
        return rows

    async def _lines(self, page: list[Entry]) -> list[bytes]:
        tenant, generation = self._caller.tenant, self._begun.generation
        log, positions = self._means.logs.of(tenant), [each.position for each in page]
        leaves = await asyncio.to_thread(self._means.proofs.leaves, tenant, positions)
        found = {each.position: told(each) for each in await log.at(positions)}
        if self._begun.circumstances:
            opened = await log.opened_fields(page, ("circumstances",))
            page = [replace(each, **parts) if parts else each for each, parts in zip(page, opened, strict=True)]
        write = WRITERS[self._begun.format]
        anchor = Anchor(tenant=tenant, generation=generation)
        # A record whose event somebody took out of the log leaves all the same, and tells nothing more.
        return [
            write(each, replace(anchor, leaf=leaves.get(each.position)), found.get(each.position, NOTHING))
            for each in page
        ]


async def begun(means: Means, caller: Caller, kind: Format, given: dict[str, Any]) -> Taking:
    """An export that is recorded as begun; `given` are fields of `Take`. Raises `Rejected`."""
    await means.pipeline.authorise(caller, Take)
    generation, upto = await asyncio.to_thread(means.logs.of(caller.tenant).head)
    below = min(given.get("position_below", upto + 1), upto + 1)
    query = Take(**{**given, "position_below": below})
    # Records that the view does not know of yet would be missing unnoticed.
    await means.pipeline.ask(caller, replace(query, limit=1), (generation, upto))
    clear, sought = divided((name, str(value)) for name, value in given.items())
    sees = await means.pipeline.may(caller, SEES)
    taking = Taking(means, caller, Begun(kind, clear, generation, upto, sees, sought=sought), query)
    await taking.begin()
    return taking


async def manifest(means: Means, caller: Caller, export: UUID) -> Manifest:
    """Raises `Rejected`, and `Problem` where there is no such export."""
    query = Get(id=export)
    await means.pipeline.authorise(caller, query)
    log = means.logs.of(caller.tenant)
    history = await log.history(f"exports/{export}")
    if not history:
        raise Problem("exports.unknown")
    begun: Any = history[0].fact
    if await means.pipeline.may(caller, SEES):
        sealed, begun = begun.sought, await log.opened(begun)
        if means.eyes and begun.sought not in ((), Erased()):
            await means.eyes.note(caller, Sight(query, SEES), 1, [("filter", sealed)])
    made = _told(caller.tenant, export, history, begun)
    return replace(made, checkpoint=await asyncio.to_thread(_checkpoint, means.proofs, made))


def _told(tenant: UUID, id: UUID, history: list[Recorded], begun: Begun) -> Manifest:
    opened, closed = history[0], history[-1].fact
    known, lacking = whole(begun.filter, begun.sought)
    erased = isinstance(begun.sought, Erased)
    made = Manifest(
        export=id,
        tenant=tenant,
        format=begun.format,
        schema=schema(begun.format, bundle=begun.bundle),
        filter=known,
        withheld=[] if erased else lacking,
        erased=lacking if erased else [],
        circumstances=begun.circumstances,
        made_by=str(opened.meta.actor),
        made_at=opened.at.isoformat(),
        origin=origin(tenant, begun.generation),
        generation=begun.generation,
        upto=begun.upto,
        ended=isinstance(closed, Ended),
    )
    if not isinstance(closed, Ended):
        return made
    return replace(
        made,
        rows=closed.rows,
        first=closed.first,
        last=closed.last,
        size=closed.size,
        sha256=closed.digest,
        whole=closed.whole,
    )


def _checkpoint(proofs: Proofs, made: Manifest) -> str | None:
    try:
        signed = proofs.checkpoint(made.tenant)
    except Refused:
        return None
    fits = signed.startswith(f"{made.origin}\n") and made.last is not None and parse(signed)[0] >= made.last
    return signed if fits else None
