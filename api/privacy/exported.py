"""What is kept about a person, with what they have to be told, handed out: recorded first."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from api import shapes
from api.audit import AuditEntry
from api.call import Call
from api.edge import Edge
from api.inbound import Reply
from api.personal import Presenter, plain
from api.predictions import Prediction
from api.privacy.asked import ConsentSaid, Hold, Shown
from api.privacy.informed import Information, information
from api.privacy.page import page
from api.problems import Problem
from api.prospects import Prospect
from api.route import Route
from application.pipeline import Asked
from application.privacy import Export
from domain.audit import Read
from domain.kernel import Recorded, Sealed
from projections.audit import Entry
from projections.predictions.book import Predicted
from projections.privacy import Consent, Erasure, ExportSubject, Held, Known
from projections.privacy.known import PAGE, READ
from projections.prospects import ProspectRow

_rows = {
    each: Presenter(each, ExportSubject.permission) for each in (ProspectRow, Predicted, Erasure, Held, Consent, Entry)
}
"""How an export shows rows: its own permission is enough."""


class SubjectEvent(Struct, frozen=True, kw_only=True):
    """An event about the subject, as it stands in the log."""

    position: int
    at: Annotated[datetime, Meta(tz=True)]
    type: str
    stream: str
    version: int
    actor: str
    fact: dict[str, Any]
    """What was recorded. What is personal in it is null where it is erased, or is about somebody else."""


class SubjectExport(Struct, frozen=True, kw_only=True):
    """What is kept about a person under their identifier, in the clear, and what they have to be told beside it."""

    subject: UUID
    position: int
    """The log's last when it was asked for: nothing up to there is missing, unless `whole` says so."""
    whole: bool
    """False where one of the lists, or what left, had more than 10,000 rows: it holds the oldest, and lists have the
    others."""
    information: Information
    prospect: Prospect | None  # type: ignore[valid-type]  # a type made at run time
    predictions: list[Prediction]  # type: ignore[valid-type]  # a type made at run time
    erasure: Shown | None  # type: ignore[valid-type]  # a type made at run time
    consents: list[ConsentSaid]  # type: ignore[valid-type]  # a type made at run time
    holds: list[Hold]  # type: ignore[valid-type]  # a type made at run time
    events: list[SubjectEvent]
    """Of the subject's own streams and of the predictions about them, in the order of the log."""
    accesses: list[AuditEntry]  # type: ignore[valid-type]  # a type made at run time
    """The trail about the subject, who read of them among it: `fact` tells what each read showed of them, and when.
    From where it was done is withheld: it is about who did it."""
    acts: list[AuditEntry]  # type: ignore[valid-type]  # a type made at run time
    """The trail of what the subject did."""


Format = Literal["json", "ndjson", "html"]
MEDIA: Final[dict[Format, str]] = {"json": "application/json", "ndjson": "application/x-ndjson", "html": "text/html"}


class SubjectFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Annotated[Format, Meta(description="JSON, JSON line by line, or a page to read.")] = "json"


async def export(edge: Edge, call: Call) -> Reply:
    """Recorded before it is handed out: where that fails, nothing leaves."""
    asked: SubjectFile = shapes.from_url(call.query, SubjectFile)
    log = edge.logs.of(call.caller.tenant)
    generation, position = await asyncio.to_thread(log.head)
    known = await edge.pipeline.ask(call.caller, ExportSubject(subject=call.id), (generation, position))
    events = await _events(edge, call, known, position)
    if not (events or known.acts):
        raise Problem("privacy.subject-unknown")
    shown = await _export(edge, call, known)
    told, all_of_it = await information(edge, call, known, events, (generation, position))
    record = Export(
        position=position,
        events=len(events),
        predictions=len(known.predictions),
        entries=len(known.accesses) + len(known.acts),
    )
    done = await edge.pipeline.run(call.caller, Asked(record, call.id))
    content = {"subject": call.id, "position": position, "whole": known.whole and all_of_it, "information": told}
    content |= {**shown, "events": events}
    headers = [("Everlog-Position", f"{done.generation}:{done.position}")]
    if asked.format != "json":
        name = f"everlog-subject-{call.id}.{asked.format}"
        headers.append(("Content-Disposition", f'attachment; filename="{name}"'))
    body = await asyncio.to_thread(_written, msgspec.to_builtins(content), asked.format)
    return Reply(body, headers=headers, media=MEDIA[asked.format])


def _written(content: dict[str, Any], kind: Format) -> bytes:
    match kind:
        case "html":
            return page(content)
        case "ndjson":
            return msgspec.json.Encoder().encode_lines(_lines(content))
    return msgspec.json.encode(content)


def _lines(content: dict[str, Any]) -> list[dict[str, Any]]:
    """What it is of first; then a line for each thing, with the list it is from as `kind`."""
    lists = {name: each for name, each in content.items() if isinstance(each, list)}
    ones = {name: content[name] for name in ("information", "prospect", "erasure") if content[name] is not None}
    first = {"kind": "export", **{name: content[name] for name in ("subject", "position", "whole")}}
    things = [{"kind": name, **one} for name, one in ones.items()]
    return [first, *things, *({"kind": name, **each} for name, every in lists.items() for each in every)]


async def _export(edge: Edge, call: Call, known: Known) -> dict[str, Any]:
    asked = ExportSubject(subject=call.id)

    async def rows(found: list[Any]) -> list[dict[str, Any]]:
        return await _rows[type(found[0])].rows(edge.eyes, call.caller, found, asked) if found else []

    return {
        "prospect": next(iter(await rows([known.prospect] if known.prospect else [])), None),
        "predictions": await rows(known.predictions),
        "erasure": next(iter(await rows([known.erasure] if known.erasure else [])), None),
        "consents": await rows(known.consents),
        "holds": await rows(known.holds),
        "accesses": await _accesses(edge, call, known.accesses),
        "acts": await rows(known.acts),
    }


async def _accesses(edge: Edge, call: Call, entries: list[Entry]) -> list[dict[str, Any]]:
    """What was done about the subject; of what was read, their part: the same answers may have shown others."""
    log = edge.logs.of(call.caller.tenant)
    shown = [_rows[Entry].show(each, may=False) for each in entries]
    reads = [each for each in shown if each["type"] == READ]
    for begin in range(0, len(reads), PAGE):
        some = reads[begin : begin + PAGE]
        found = await asyncio.gather(*(log.tail(each["position"] - 1, 1) for each in some))
        for each, [recorded] in zip(some, found, strict=True):
            each.update(subject=call.id, fact=_part(recorded.fact, call.id))
    return shown


def _part(read: Any, subject: UUID) -> dict[str, Any]:
    """What was shown of the subject, and when; nothing where this version of the program cannot read the fact."""
    if not isinstance(read, Read):
        return {}
    looks = [{"at": each.at} for each in read.looks if subject in each.subjects]
    return {"query": read.query, "fields": read.fields, "looks": looks}


async def _events(edge: Edge, call: Call, known: Known, position: int) -> list[SubjectEvent]:
    log = edge.logs.of(call.caller.tenant)
    streams = [f"{capability}/{call.id}" for capability in edge.deciders]
    streams += [f"predictions/{made.id}" for made in known.predictions]
    found = [each for stream in streams for each in await log.history(stream) if each.position <= position]
    facts = await log.opened(tuple(each.fact for each in found))
    events = [_event(each, plain(fact, may=True), call.id) for each, fact in zip(found, facts, strict=True)]
    return sorted(events, key=lambda each: each.position)


def _event(recorded: Recorded, fact: dict[str, Any], subject: UUID) -> SubjectEvent:
    """`fact` is what was recorded, opened; what is sealed under another's key is not the subject's to get."""
    kept = {name: getattr(recorded.fact, name) for name in fact}
    others = {name for name, each in kept.items() if isinstance(each, Sealed) and each.subject != subject}
    return SubjectEvent(
        position=recorded.position,
        at=recorded.at,
        type=recorded.type,
        stream=recorded.stream,
        version=recorded.version,
        actor=str(recorded.meta.actor),
        fact={name: None if name in others else each for name, each in fact.items()},
    )


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/privacy/subjects/{id}/export",
        operation="exportSubject",
        tag="privacy",
        summary="Get what is kept about a person, and what they have to be told",
        description=(
            "For a person who asks what is kept about them (GDPR, articles 15 and 20). It holds what was recorded "
            "under their identifier up to the log's last position, waits until the read models do too, and is recorded "
            "before it is answered. `information` is what has to be told beside the data: who answers for it, what it "
            "is for, to whom it went, from where it came, how long it is kept, which models say something about them, "
            "and their rights."
        ),
        permission=ExportSubject.permission,
        parameters=SubjectFile,
        others=(MEDIA["ndjson"], MEDIA["html"]),
        answer=SubjectExport,
        problems=("privacy.subject-unknown", "views.behind", "contended"),
        headers=("Everlog-Reason",),
        returns=("Everlog-Position",),
        serve=export,
    ),
)
