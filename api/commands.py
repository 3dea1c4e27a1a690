"""Commands over HTTP, written once: one by one, and in bulk with a result each."""

from collections.abc import Awaitable, Callable, Mapping
from math import ceil
from types import MappingProxyType
from typing import Annotated, Any, Union
from uuid import UUID, uuid4

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, defstruct

from api import shapes
from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.problems import PROBLEMS, Details, Problem
from api.route import Route
from application.access import name as known_as
from application.kernel import Command
from application.pipeline import Asked, Done, Rejected

HEADERS = ("Idempotency-Key", "If-Match", "Everlog-Reason")
RETURNS = ("Everlog-Position",)
MOST = 1000
"""Commands in a bulk."""
LARGE = 8 * 1024 * 1024
"""Bytes that a bulk may have."""

_canonical = msgspec.json.Encoder(order="deterministic").encode


class Outcome(Struct, frozen=True, kw_only=True):
    """What a command came to."""

    id: UUID
    version: int
    """Of what was commanded, after it: `"<generation>:<version>"` is its ETag."""
    position: int
    generation: int
    facts: tuple[str, ...]
    """What was recorded; nothing, where there was nothing to do."""
    repeated: bool
    """The same request was done before, under the same idempotency key: this is its answer."""


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one command of a bulk came to: an outcome, or a problem."""

    status: int
    outcome: Outcome | UnsetType = UNSET
    problem: Details | UnsetType = UNSET


class Results(Struct, frozen=True):
    """In the order of the commands."""

    results: list[Result]


def outcome(done: Done) -> Outcome:
    return Outcome(
        id=done.id,
        version=done.version,
        position=done.position,
        generation=done.generation,
        facts=done.facts,
        repeated=done.repeated,
    )


Tell = Callable[[Edge, Call], Awaitable[dict[str, Any]]]
Made = Callable[[Edge, Call, UUID, Any], Awaitable[Command]]
"""How a body becomes a command to the stream of that identifier, where it is more than the same fields."""


async def nothing(_edge: Edge, _call: Call) -> dict[str, Any]:
    return {}


def single(
    of: type[Command],
    path: str,
    operation: str,
    summary: str,
    *,
    description: str = "",
    tell: Tell = nothing,
    types: Mapping[str, Any] = MappingProxyType({}),
    made: Made | None = None,
) -> Route:
    """The endpoint of a command; one that opens a stream takes an identifier or makes one up.

    Where the path has no identifier, the stream is the organisation's own. `tell` fills in the fields of `told`.
    `types` are those of fields that come in as something else, from which `made` makes the command.
    """
    extra = [("id", _Id | UnsetType, UNSET)] if of.opens else []
    body = shapes.body(of, of.__name__, extra=extra, types=types)
    return Route(
        method="POST",
        path=path,
        operation=operation,
        tag=of.stream.name,
        summary=summary,
        description=description,
        permission=of.permission,
        body=body,
        answer=Outcome,
        success=(200, 201) if of.opens else (200,),
        problems=("idempotency.reused", "precondition.failed", "contended", "subject.erased", *_of(of.stream.name)),
        headers=HEADERS,
        returns=(*RETURNS, "Location") if of.opens else RETURNS,
        serve=_serving(of, shapes.decoder(body), tell, made),
    )


async def _as_given(of: type[Command], edge: Edge, call: Call, given: Any, tell: Tell) -> Command:
    return shapes.command(of, given, await tell(edge, call))


def _serving(
    of: type[Command], read: Callable[[bytes], Any], tell: Tell, made: Made | None
) -> Callable[[Edge, Call], Awaitable[Reply]]:
    async def serve(edge: Edge, call: Call) -> Reply:
        given = read(call.body)
        id = (uuid4() if given.id is UNSET else given.id) if of.opens else call.path.get("id", call.caller.tenant)
        expected = call.expected
        asked = Asked(
            await (made(edge, call, id, given) if made else _as_given(of, edge, call, given, tell)),
            call.caller.tenant if of.own else id,
            expected=expected[1] if expected else None,
            generation=expected[0] if expected else None,
            once=call.once(call.key, _canonical([known_as(of), None if of.opens else id, expected, given])),
            occurred_at=None if given.occurred_at is UNSET else given.occurred_at,
        )
        return _answer(await edge.pipeline.run(call.caller, asked, call.spent), created=of.opens)

    return serve


def bulk(commands: tuple[type[Command], ...]) -> Route:
    """The endpoint that takes any of these commands, up to 1,000 at a time."""
    items = {known_as(of): (of, _item(of)) for of in commands}
    union: Any = Union[tuple(item for _, item in items.values())]  # noqa: UP007 - the members are in a tuple
    read = shapes.decoder(defstruct("RawBulk", [("commands", list[Raw])], forbid_unknown_fields=True))
    read_item = shapes.decoder(union)

    async def serve(edge: Edge, call: Call) -> Reply:
        raws = read(call.body).commands
        if not 1 <= len(raws) <= MOST:
            raise Problem("request.invalid", f"A bulk holds 1 to {MOST} commands - at `$.commands`")
        key = call.key
        asked: list[Asked | Problem] = []
        for number, raw in enumerate(raws):
            try:
                asked.append(_asked(read_item(bytes(raw)), items, call, key and f"{key}#{number}"))
            except Problem as problem:
                asked.append(problem)
        return await _all(edge, call, asked)

    many = Annotated[list[union], Meta(min_length=1, max_length=MOST)]
    body = defstruct("Bulk", [("commands", many)], forbid_unknown_fields=True, module=__name__)
    return Route(
        method="POST",
        path="/v1/commands",
        operation="runCommands",
        tag="commands",
        summary="Run many commands, each for itself",
        description=_BULK,
        permission="",
        body=body,
        answer=Results,
        headers=("Idempotency-Key", "Everlog-Reason"),
        returns=(*RETURNS, "Retry-After"),
        limit=LARGE,
        serve=serve,
    )


_BULK = (
    "Each command has a result of its own, in the same order; what is wrong with one keeps no other from being done. "
    "Facts stand in the log in the order of the commands. A `key` makes one command idempotent; `Idempotency-Key` does "
    "so for each of them, by its place in the bulk. Each command needs its own permission."
)


async def _all(edge: Edge, call: Call, asked: list[Asked | Problem]) -> Reply:
    sound = [each for each in asked if isinstance(each, Asked)]
    outcomes = iter(await edge.pipeline.run_all(call.caller, sound, call.spent))
    results, position, generation, retry = [], 0, 1, 0.0
    for each in asked:
        done = next(outcomes) if isinstance(each, Asked) else each
        if isinstance(done, Done):
            results.append(Result(status=201 if done.facts else 200, outcome=outcome(done)))
            generation = done.generation
        else:
            problem = Problem.of(done) if isinstance(done, Rejected) else done
            results.append(Result(status=problem.status, problem=problem.told(call.request)))
            retry = max(retry, problem.retry or 0)
        position = max(position, done.position or 0)
    headers = [("Everlog-Position", f"{generation}:{position}")] if position else []
    if retry:
        headers.append(("Retry-After", str(ceil(retry))))
    return reply(Results(results), headers=headers)


def _asked(given: Any, items: dict[str, tuple[type[Command], type[Struct]]], call: Call, key: str | None) -> Asked:
    tag = str(given.__struct_config__.tag)
    of, _ = items[tag]
    id = uuid4() if given.id is UNSET else given.id
    key = key if given.key is UNSET else given.key
    return Asked(
        shapes.command(of, given),
        id,
        expected=None if given.version is UNSET else given.version,
        once=call.once(key, _canonical([given])),
        occurred_at=None if given.occurred_at is UNSET else given.occurred_at,
    )


_Id = Annotated[UUID, Meta(description="Chosen by the caller; made up where it is left out.")]


def _item(of: type[Command]) -> type[Struct]:
    key = Annotated[str, Meta(pattern=r"^[!-~]{1,200}$", description="Makes this command idempotent.")]
    version = Annotated[int, Meta(ge=0, le=2**53, description="The version that it must have.")]
    id = ("id", _Id | UnsetType, UNSET) if of.opens else ("id", UUID)
    extra: list[Any] = [id, ("key", key | UnsetType, UNSET), ("version", version | UnsetType, UNSET)]
    return shapes.body(of, f"{of.__name__}Item", extra=extra, tag=known_as(of))


def _answer(done: Done, *, created: bool) -> Reply:
    headers = [("Everlog-Position", f"{done.generation}:{done.position}")]
    if created:
        headers.append(("Location", f"/v1/{done.stream}"))
    return reply(outcome(done), 201 if created and done.facts else 200, headers)


def _of(capability: str) -> tuple[str, ...]:
    return tuple(code for code in PROBLEMS if code.startswith(f"{capability}."))
