"""The tree as tiles, in the layout of c2sp.org/tlog-tiles: one prefix for each organisation's log."""

import asyncio
import re
from typing import Any, NamedTuple

from api.call import Call
from api.edge import Edge
from api.inbound import Reply
from api.problems import Problem
from api.route import Route
from projections.proofs.asked import Sealed

WIDTH = 256
_TILE = re.compile(r"/?(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class Place(NamedTuple):
    level: int | None
    """None for the entries themselves."""
    tile: int
    width: int


def place(path: str) -> Place | None:
    """Which tile a path behind `tile/` is; None where it is none."""
    if not (found := _TILE.fullmatch(path)):
        return None
    level, digits, width = found.groups()
    if digits.startswith("x000/") or int(width or 0) >= WIDTH:
        return None
    index = int(digits.replace("x", "").replace("/", ""))
    return Place(None if level == "entries" else int(level), index, int(width or WIDTH))


async def checkpoint(edge: Edge, call: Call) -> Reply:
    await _own(edge, call)
    signed = await asyncio.to_thread(edge.proofs.checkpoint, call.caller.tenant)
    return Reply(signed.encode(), media="text/plain")


async def tile(edge: Edge, call: Call) -> Reply:
    await _own(edge, call)
    if not (wanted := place(f"{call.path['tile']}")):
        raise Problem("proofs.unknown-tile")
    tenant = call.caller.tenant
    if wanted.level is None:
        entries = await asyncio.to_thread(edge.proofs.entries, tenant, wanted.tile, wanted.width)
        content = b"".join(len(each).to_bytes(2) + each for each in entries)
    else:
        content = await asyncio.to_thread(edge.proofs.tile, tenant, wanted.level, wanted.tile, wanted.width)
    return Reply(content, headers=[("Cache-Control", "private, max-age=86400, immutable")], media=MEDIA)


async def _own(edge: Edge, call: Call) -> None:
    await edge.pipeline.authorise(call.caller, Sealed)
    if call.id != call.caller.tenant:
        raise Problem("proofs.unknown-tile")


MEDIA = "application/octet-stream"
_SHARED: dict[str, Any] = {"method": "GET", "tag": "proofs", "permission": Sealed.permission}
ROUTES = (
    Route(
        path="/v1/proofs/logs/{id}/checkpoint",
        operation="getLogCheckpoint",
        summary="Get the last signed checkpoint, for tools that read tiles",
        description="`id` is the organisation's; what stands before `checkpoint` is the prefix that they ask for.",
        media="text/plain",
        problems=("proofs.unsealed", "proofs.unknown-tile"),
        serve=checkpoint,
        **_SHARED,
    ),
    Route(
        path="/v1/proofs/logs/{id}/tile/{tile}",
        operation="getTile",
        summary="Get a tile of the tree, or of its entries",
        description=(
            "As c2sp.org/tlog-tiles names them: `<level>/<index>`, or `entries/<index>`, with `.p/<width>` for the "
            "first of a tile; an index in groups of three digits, all but the last with an `x` before them. An entry "
            "is 417 bytes of digests (the proof format), led by its length in 2 bytes."
        ),
        media=MEDIA,
        problems=("proofs.unknown-tile",),
        serve=tile,
        **_SHARED,
    ),
)
