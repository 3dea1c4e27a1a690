"""What a person is told beside their data: what for, to whom and from where it went, how long, and their rights."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from api.call import Call
from api.edge import Edge
from api.privacy.standing import HoldStanding, stood
from domain.deliveries import deliveries
from domain.kernel import Circumstances
from domain.orgs import orgs
from domain.privacy import PROFILING
from projections.audit import Entry
from projections.deliveries import stood as delivered
from projections.predictions.definition import models
from projections.privacy import Known
from projections.privacy.informed import CONSEQUENCES, LOGIC, RIGHTS, RULE, Left, WhereTo
from projections.reports.processing import PURPOSES

Time = Annotated[datetime, Meta(tz=True)]
_TRAIL = ("at", "actor", "type", "permission", "rule")
"""What the trail says of who did something, and to whom."""
_BY: Final = {
    "user": "a member of the organisation",
    "key": "a program or person of the organisation, with an API key",
    "system": "Everlog itself",
    "model": "a model, from what was known",
    "operator": "whoever runs this installation",
}


class Purpose(Struct, frozen=True, kw_only=True):
    capability: str
    purpose: str
    fields: list[str]
    """The kinds of data that there are about the person."""


class Recipient(Struct, frozen=True, kw_only=True):
    """Where data about the person went, or may have gone."""

    kind: Literal["destination", "exports", "reports"]
    """`destination`: what is recorded goes there as it is recorded. Of the others, files that were taken away since
    the person was first spoken of; each may be about others."""
    name: str
    address: str
    circumstances: bool
    """Whether addresses, sessions, user agents and reasons of who did something go there too."""
    since: Time
    until: Time | None
    """Of a destination, when it was removed; of files, when the last was taken."""
    times: int
    """How many files."""


class Source(Struct, frozen=True, kw_only=True):
    type: str
    """The kind of event."""
    by: str
    """Who said it, in words."""
    source: str
    """Where it was said, as it was recorded; "" where nobody noted it."""
    times: int


class Retention(Struct, frozen=True, kw_only=True):
    rule: str
    floor_days: int
    """For how many days after the last event a record has to stay; 0 where there is no such floor."""
    floor: Time | None
    """Until when that is for this person."""
    holds: list[HoldStanding]
    """For what matters it is held beyond that."""


class Profiling(Struct, frozen=True, kw_only=True):
    """A model that says something about the person, or would."""

    model: str
    card: str
    """Where the model's card is."""
    logic: str
    consequences: str
    features: list[str]
    """What it was told about the person; nothing where that is erased."""
    predictions: int
    """How often it said something about them."""
    consent: Literal["given", "withdrawn", ""]
    """What the person said to being profiled; "" where nothing was said. Where it is withdrawn, it says no more."""


class Information(Struct, frozen=True, kw_only=True):
    """What has to be told beside the data (GDPR, article 15(1) and (2)). What is for people to read is in English."""

    organisation: str
    controller: str | None
    """Who answers for the data, and whom to ask, as `EVERLOG_CONTROLLER` says; null where it says nothing."""
    purposes: list[Purpose]
    recipients: list[Recipient]
    sources: list[Source]
    retention: Retention
    profiling: list[Profiling]
    rights: list[str]


async def information(
    edge: Edge, call: Call, known: Known, events: Sequence[Any], at: tuple[int, int]
) -> tuple[Information, bool]:
    """And whether it names all that left. `events` are `SubjectEvent`s; `at` is what the read models have to know."""
    since = min(each.position for each in (*events, *known.acts, *known.accesses))
    tenant = call.caller.tenant
    org = (await edge.logs.of(tenant).load(f"{orgs.name}/{tenant}", orgs)).state
    standing = await stood(edge, call)
    left = await edge.pipeline.ask(call.caller, WhereTo(subject=call.id, since=since), at)
    told = Information(
        organisation=org.name or "",
        controller=edge.controller or None,
        purposes=_purposes(known, events),
        recipients=await _recipients(edge, call, since, left),
        sources=_sources(known, events),
        retention=Retention(rule=RULE, floor_days=standing.floor_days, floor=standing.floor, holds=standing.holds),
        profiling=_profiling(known, events),
        rights=list(RIGHTS),
    )
    return told, left.whole


def _purposes(known: Known, events: Iterable[Any]) -> list[Purpose]:
    kept: dict[str, list[str]] = {}
    for each in events:
        kept.setdefault(each.stream.partition("/")[0], []).extend(each.fact)
    if known.acts or known.accesses:
        kept["audit"] = [*_TRAIL, *(Circumstances.__struct_fields__ if known.acts else ())]
    return [
        Purpose(capability=name, purpose=PURPOSES.get(name, ""), fields=list(dict.fromkeys(fields)))
        for name, fields in sorted(kept.items())
    ]


async def _recipients(edge: Edge, call: Call, since: int, left: Left) -> list[Recipient]:
    found = [await _destination(edge, call, each, since) for each in left.destinations]
    files = [_files("exports", left.exports), _files("reports", left.reports)]
    return [each for each in (*found, *files) if each]


async def _destination(edge: Edge, call: Call, entry: Entry, since: int) -> Recipient | None:
    """None where it had ended before there was anything to send, or cannot be read."""
    found = delivered(await edge.logs.of(call.caller.tenant).history(f"{deliveries.name}/{entry.resource}"))
    if found is None or (found.removed and found.removed.position < since):
        return None
    added, ended = found
    return Recipient(
        kind="destination",
        name=added.name,
        address=added.address,
        circumstances=added.circumstances,
        since=entry.at,
        until=ended.at if ended else None,
        times=0,
    )


def _files(kind: Literal["exports", "reports"], taken: Sequence[Entry]) -> Recipient | None:
    if not taken:
        return None
    first, last = taken[0].at, taken[-1].at
    return Recipient(kind=kind, name="", address="", circumstances=False, since=first, until=last, times=len(taken))


def _sources(known: Known, events: Iterable[Any]) -> list[Source]:
    said = Counter((each.type, _by(each.actor), str(each.fact.get("source", ""))) for each in events)
    if known.acts:
        said["the trail", "your own requests", ""] = len(known.acts)
    return [Source(type=type, by=by, source=source, times=times) for (type, by, source), times in said.items()]


def _by(actor: str) -> str:
    kind = actor.partition(":")[0]
    return _BY.get(kind, kind)


def _profiling(known: Known, events: Iterable[Any]) -> list[Profiling]:
    if not (known.prospect or known.predictions):
        return []
    consent = next((each.given for each in known.consents if each.purpose == PROFILING), None)
    said: Literal["given", "withdrawn", ""] = "" if consent is None else "given" if consent else "withdrawn"
    made = [each.fact for each in events if each.type == "predictions.made"]
    return [
        Profiling(
            model=name,
            card=f"/v1/models/{name}",
            logic=LOGIC.get(name, ""),
            consequences=CONSEQUENCES,
            features=_features(each for each in made if each["model"] == name),
            predictions=sum(each.model == name for each in known.predictions),
            consent=said,
        )
        for name in models
    ]


def _features(made: Iterable[dict[str, Any]]) -> list[str]:
    seen = [each["features"] for each in made if each["features"]]
    return sorted(
        {*(name for each in seen for name, _ in each["numbers"]), *(c for each in seen for c in each["codes"])}
    )
