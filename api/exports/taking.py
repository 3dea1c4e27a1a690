"""One export on its way out: read a page at a time, however long it is, and recorded in the log, which vouches."""

import asyncio
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct
from msgspec.structs import replace

from api.inbound import Put
from api.problems import Problem
from application.exports import Begin, End
from application.kernel import Caller
from application.pipeline import Asked, Pipeline
from application.ports import Logs, Proofs
from domain.exports import Begun, Ended, Format
from domain.kernel import Actor, Recorded, Refused
from projections.audit import Entry
from projections.exports import PAGE, WRITERS, Manifest, Take, head, schema
from projections.ocsf import Anchor
from projections.proofs.note import origin, parse
from tenants.context import SYSTEM

SEES = "audit.read-circumstances"
_PROGRAM = Actor("system", SYSTEM)


class Means(Struct, frozen=True):
    """What an export is made with."""

    pipeline: Pipeline
    logs: Logs
    proofs: Proofs


class Taking:
    """One export on its way out, under the name `id`. No more than a page of it is held."""

    def __init__(self, means: Means, caller: Caller, begun: Begun, query: Take) -> None:
        self.id = uuid4()
        self._means = means
        self._caller = caller
        self._begun = begun
        self._query = query
        self._digest = sha256()
        self._rows = self._first = self._last = self._size = 0
        self._whole = False

    async def begin(self) -> None:
        """Recorded before the first record leaves. Raises `Rejected`."""
        begin = Begin(**{name: getattr(self._begun, name) for name in self._begun.__struct_fields__})
        await self._means.pipeline.run(self._caller, Asked(begin, self.id))

    async def send(self, put: Put) -> None:
        try:
            await self._part(put, head(self._begun.format))
            while page := await self._page():
                lines = await self._lines(page)
                await self._part(put, b"".join(lines))
                self._rows += len(page)
                self._first = self._first or page[0].position
                self._last = page[-1].position
            self._whole = True
        finally:
            # Whoever hangs up has taken away what had left by then.
            await asyncio.shield(self._end())

    async def _part(self, put: Put, body: bytes) -> None:
        if body:
            await put(body)
            self._digest.update(body)
            self._size += len(body)

    async def _page(self) -> list[Entry]:
        least = max(self._last + 1, self._query.position_least or 0)
        query = replace(self._query, position_least=least, limit=PAGE)
        known = self._begun.generation, self._begun.upto
        page = await self._means.pipeline.ask(self._caller, query, known)
        rows: list[Entry] = page.rows
        return rows

    async def _lines(self, page: list[Entry]) -> list[bytes]:
        tenant, generation = self._caller.tenant, self._begun.generation
        leaves = await asyncio.to_thread(self._means.proofs.leaves, tenant, [each.position for each in page])
        if self._begun.circumstances:
            opened = await self._means.logs.of(tenant).opened_fields(page, ("circumstances",))
            page = [replace(each, **found) if found else each for each, found in zip(page, opened, strict=True)]
        write = WRITERS[self._begun.format]
        return [
            write(each, Anchor(tenant=tenant, generation=generation, leaf=leaves.get(each.position))) for each in page
        ]

    async def _end(self) -> None:
        ended = End(
            rows=self._rows,
            first=self._first,
            last=self._last,
            size=self._size,
            digest=self._digest.hexdigest(),
            whole=self._whole,
        )
        # The program says what left: also where the caller's key was revoked meanwhile.
        caller = replace(self._caller, actor=_PROGRAM, scopes=None, on_behalf_of=self._caller.actor)
        await self._means.pipeline.run(caller, Asked(ended, self.id))


async def begun(means: Means, caller: Caller, kind: Format, given: dict[str, Any]) -> Taking:
    """An export that is recorded as begun; `given` are fields of `Take`. Raises `Rejected`."""
    await means.pipeline.authorise(caller, Take)
    generation, upto = await asyncio.to_thread(means.logs.of(caller.tenant).head)
    below = min(given.get("position_below", upto + 1), upto + 1)
    query = Take(**{**given, "position_below": below})
    # Records that the view does not know of yet would be missing unnoticed.
    await means.pipeline.ask(caller, replace(query, limit=1), (generation, upto))
    asked = tuple(sorted((name, str(value)) for name, value in given.items()))
    sees = await means.pipeline.may(caller, SEES)
    taking = Taking(means, caller, Begun(kind, asked, generation, upto, sees), query)
    await taking.begin()
    return taking


async def manifest(means: Means, caller: Caller, export: UUID) -> Manifest:
    """Raises `Rejected`, and `Problem` where there is no such export."""
    await means.pipeline.authorise(caller, Take)
    history = await means.logs.of(caller.tenant).history(f"exports/{export}")
    if not history:
        raise Problem("exports.unknown")
    told = _told(caller.tenant, export, history)
    return replace(told, checkpoint=await asyncio.to_thread(_checkpoint, means.proofs, told))


def _told(tenant: UUID, id: UUID, history: list[Recorded]) -> Manifest:
    opened, closed = history[0], history[-1].fact
    begun: Any = opened.fact
    made = Manifest(
        export=id,
        tenant=tenant,
        format=begun.format,
        schema=schema(begun.format),
        filter=dict(begun.filter),
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


def _checkpoint(proofs: Proofs, told: Manifest) -> str | None:
    try:
        signed = proofs.checkpoint(told.tenant)
    except Refused:
        return None
    fits = signed.startswith(f"{told.origin}\n") and told.last is not None and parse(signed)[0] >= told.last
    return signed if fits else None
