"""Proofs over HTTP: what was sealed of the log, for whoever checks it with a program of their own."""

import asyncio
from typing import Any

from msgspec import UNSET, Struct

from api import shapes
from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.problems import Problem
from api.proofs import bundles, tiles
from api.route import Route
from application.proofs import Consistency, Inclusion, Witnessed
from domain.proofs import Checked, proofs
from projections.proofs.asked import Consistent, Included, Last, Offline, Sealed

_SHARED: dict[str, Any] = {"method": "GET", "tag": "proofs", "permission": Sealed.permission}
_PROBLEMS = ("proofs.unsealed", "proofs.uncosigned")


class RecordCheck(Struct, frozen=True, kw_only=True):
    """What the last look at the whole record found."""

    position: int
    """Where that stands in the log."""
    found: Checked


async def check(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Sealed)
    tenant = call.caller.tenant
    loaded = await edge.logs.of(tenant).load(f"{proofs.name}/{tenant}", proofs)
    if loaded.state.checked is None:
        raise Problem("proofs.unchecked")
    return reply(RecordCheck(position=loaded.position, found=loaded.state.checked))


class WitnessState(Struct, frozen=True, kw_only=True):
    """How far a witness is with the log."""

    witness: Witnessed
    disputed: str | None
    """Why it does not cosign, where it remembers another history than the log shows: an alarm."""


class Witnesses(Struct, frozen=True, kw_only=True):
    """Those that checkpoints are brought to."""

    items: list[WitnessState]


async def witnesses(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Sealed)
    tenant = call.caller.tenant
    found = await asyncio.to_thread(edge.proofs.witnesses, tenant)
    disputed = (await edge.logs.of(tenant).load(f"{proofs.name}/{tenant}", proofs)).state.disputed
    whys = {name: each.why for name, each in disputed.items()}
    return reply(Witnesses(items=[WitnessState(witness=each, disputed=whys.get(each.name)) for each in found]))


async def checkpoint(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Last)
    asked: Last = shapes.from_url(call.query, Last)
    signed = await asyncio.to_thread(edge.proofs.checkpoint, call.caller.tenant, asked.cosigned)
    return Reply(signed.encode(), media="text/plain")


async def inclusion(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Included)
    asked: Included = shapes.from_url(call.query, Included)
    size = None if asked.size is UNSET else asked.size
    return reply(await asyncio.to_thread(edge.proofs.inclusion, call.caller.tenant, asked.position, size))


async def offline(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Offline)
    asked: Offline = shapes.from_url(call.query, Offline)
    proof = await asyncio.to_thread(edge.proofs.offline, call.caller.tenant, asked.position, asked.cosigned)
    name = ("Content-Disposition", f'attachment; filename="event-{asked.position}.tlog-proof"')
    return Reply(proof.encode(), headers=[name], media="text/plain")


async def consistency(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Consistent)
    asked: Consistent = shapes.from_url(call.query, Consistent)
    second = None if asked.second is UNSET else asked.second
    return reply(await asyncio.to_thread(edge.proofs.consistency, call.caller.tenant, asked.first, second))


ROUTES = (
    Route(
        path="/v1/proofs/checkpoint",
        operation="getCheckpoint",
        summary="Get the last signed checkpoint of the log",
        description="A signed note (c2sp.org/signed-note): the size and root of the Merkle tree over all events. "
        "The lines of witnesses that have cosigned it follow the log's own.",
        media="text/plain",
        parameters=Last,
        problems=_PROBLEMS,
        serve=checkpoint,
        **_SHARED,
    ),
    Route(
        path="/v1/proofs/inclusion",
        operation="getInclusionProof",
        summary="Prove that an event stands in the log",
        description="The Merkle path of RFC 9162 from the event's leaf to a signed root.",
        parameters=Included,
        answer=Inclusion,
        problems=_PROBLEMS,
        serve=inclusion,
        **_SHARED,
    ),
    Route(
        path="/v1/proofs/tlog-proof",
        operation="getTlogProof",
        summary="Prove that an event stands in the log, in one file for offline use",
        description="The same proof as text (c2sp.org/tlog-proof), with the cosignatures of witnesses: one file, "
        "verified without asking anybody. The leaf's entry stands in it as extra data.",
        media="text/plain",
        parameters=Offline,
        problems=_PROBLEMS,
        serve=offline,
        **_SHARED,
    ),
    Route(
        path="/v1/proofs/consistency",
        operation="getConsistencyProof",
        summary="Prove that nothing was changed between two checkpoints",
        description="The proof of RFC 9162 that an earlier tree is the beginning of a later one.",
        parameters=Consistent,
        answer=Consistency,
        problems=_PROBLEMS,
        serve=consistency,
        **_SHARED,
    ),
    Route(
        path="/v1/proofs/witnesses",
        operation="listWitnesses",
        summary="List the witnesses, and how far each has cosigned",
        description="What is sealed and not cosigned by a witness is `sealed` less `size`. One that disputes the log's "
        "history is an alarm; it is in the trail too, as `proofs.disputed`.",
        answer=Witnesses,
        serve=witnesses,
        **_SHARED,
    ),
    Route(
        path="/v1/proofs/check",
        operation="getRecordCheck",
        summary="Get what the last look at the whole record found",
        description=(
            "Every event, proof, key and read model is read anew from time to time, and by `everlog audit verify`. "
            "What is not as it was recorded stands in `faults`, by kind and with the first position."
        ),
        answer=RecordCheck,
        problems=("proofs.unchecked",),
        serve=check,
        **_SHARED,
    ),
    *bundles.ROUTES,
    *tiles.ROUTES,
)
