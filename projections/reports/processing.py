"""Records of processing (GDPR, article 30): who answers, what is kept of whom, for what, and how long.

The categories are read off the facts themselves: a fact that is recorded tomorrow cannot be missing from them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args
from uuid import UUID

from msgspec.structs import fields

from domain.audit import Read
from domain.kernel import Circumstances, Decider, Sealed
from domain.orgs import orgs
from domain.privacy import FloorProposed, FloorSet, privacy
from domain.tenancy import tenancy
from projections.audit import Entry
from projections.reports.content import Row, Section, Sources, text
from projections.reports.recipients import TAKEN, delivered

PURPOSES: Final[Mapping[str, str]] = {
    "prospects": "Finding and winning clients",
    "predictions": "Estimating whether a prospect becomes a client",
    "audit": "Being able to say who saw what",
    "privacy": "Answering persons who ask about their data",
    "api_keys": "Letting in who may do something, and nobody else",
}
"""What each capability keeps personal data for. The controller's own record may say more."""
_ABOUT_ONE = frozenset({"prospects", "privacy"})
"""Whatever is recorded there is about the person whose identifier the stream bears, also what is in the clear."""
_ABOUT_NOBODY = (FloorProposed, FloorSet)
UNSAID: Final = "Not said: set EVERLOG_CONTROLLER to the controller's name and contact, and to the transfers it makes."
RULE: Final = (
    "Until the person is erased: nothing is deleted after a time by itself. What is encrypted is closed then; what is "
    "in the clear stays under their identifier."
)
MEASURES: Final = (
    "Each person's fields are encrypted under a key of their own (AES-256-GCM), which erasure destroys.",
    "Organisations are kept apart by forced row-level security in the database.",
    "Every access needs a permission, and is recorded with the rule that granted it.",
    "The record is a Merkle tree with signed checkpoints: what is altered afterwards is found.",
)


async def processing(sources: Sources, deciders: Mapping[str, Decider[Any]]) -> list[Section]:
    return [
        await _answers(sources),
        await _kept(sources, deciders),
        await _until(sources),
        await _recipients(sources),
        await delivered(sources),
        Section(
            title="How it is looked after",
            note="Technical measures (article 32).",
            columns=("Measure",),
            rows=[(each,) for each in MEASURES],
        ),
    ]


async def _answers(sources: Sources) -> Section:
    org = orgs.fold(each.fact for each in await sources.history(f"{orgs.name}/{sources.tenant}"))
    place = tenancy.fold(each.fact for each in await sources.history(f"{tenancy.name}/{sources.tenant}"))
    return Section(
        title="Who answers for it",
        note=(
            "The controller and its transfers to other countries are told as whoever runs the installation has set "
            "them (EVERLOG_CONTROLLER) when the report is taken; everything else is from the log."
        ),
        columns=("What", "Who"),
        rows=[
            ("Organisation", org.name),
            ("Controller", sources.controller or UNSAID),
            ("Region that its data stay in", place.region or "Not said."),
        ],
    )


async def _kept(sources: Sources, deciders: Mapping[str, Decider[Any]]) -> Section:
    circumstances = text(Circumstances.__struct_fields__)
    rows: list[Row] = [("audit", PURPOSES["audit"], "every event", circumstances, "", None, None)]
    whole = True
    for capability, decider in sorted(deciders.items()):
        for tag, names, clear in _categories(decider):
            found, all_of_them = await sources.entries(type=tag)
            persons = await _persons(sources, tag, found)
            purpose = PURPOSES.get(capability, "")
            rows.append((capability, purpose, tag, text(names), text(clear), len(found), len(persons)))
            whole = whole and all_of_them
    return Section(
        title="What is kept about persons",
        note=(
            "Each kind of fact about a person, how often it was recorded in the period, and about how many persons. "
            "Personal fields are encrypted under the key of whom they are about; what is in the clear stays under "
            "their identifier. Every event that somebody asked for holds from where and why they did, under their key."
        ),
        columns=("Capability", "Purpose", "Kind of fact", "Personal fields", "In the clear", "Recorded", "Persons"),
        rows=rows,
        whole=whole,
    )


async def _persons(sources: Sources, tag: str, found: list[Entry]) -> set[UUID]:
    """Answers may have shown several; any other fact is about the one that its entry names."""
    if tag != Read.__struct_config__.tag:
        return {each.subject for each in found if each.subject}
    return {one for each in found for one in (await sources.recorded(each.position)).meta.subjects}


def _categories(decider: Decider[Any]) -> Iterable[tuple[str, list[str], list[str]]]:
    """Of each kind of fact about a person the tag, and the fields that are encrypted and those in the clear."""
    for fact in get_args(decider.facts) or (decider.facts,):
        names = [each.name for each in fields(fact) if _personal(each.type)]
        if names or (decider.name in _ABOUT_ONE and fact not in _ABOUT_NOBODY):
            clear = [each.name for each in fields(fact) if each.name not in names]
            yield fact.__struct_config__.tag, names, clear


def _personal(kind: Any) -> bool:
    return any(each is Sealed or _personal(each) for each in get_args(kind))


async def _until(sources: Sources) -> Section:
    """By the floor and the organisation's holds as they stood; those on a person are in the report of erasures."""
    organisation = privacy.fold(each.fact for each in await sources.history(f"{privacy.name}/{sources.tenant}"))
    days = organisation.floor.days
    rows: list[Row] = [
        ("Rule", RULE),
        ("Floor", f"At least {days} days after the last event about a person." if days else "None."),
    ]
    for matter, hold in organisation.holds.items():
        if hold.placed_by:
            until = hold.proposed.until
            rows.append(
                (
                    f"Hold: {matter}",
                    f"Until it is lifted, expected on {until:%Y-%m-%d}" if until else "Until it is lifted",
                )
            )
    return Section(
        title="How long it is kept",
        note="By the rule of the product, the organisation's floor, and its holds on parts of the record.",
        columns=("What", "Until when"),
        rows=rows,
    )


async def _recipients(sources: Sources) -> Section:
    found = [(type, await sources.entries(type=type)) for type in TAKEN]
    return Section(
        title="What was handed out",
        note="Exports of the trail, of persons' own data, and files of reports: how often in the period.",
        columns=("Kind", "Times"),
        rows=[(type, len(entries)) for type, (entries, _) in found],
        whole=all(all_of_them for _, (_, all_of_them) in found),
    )
