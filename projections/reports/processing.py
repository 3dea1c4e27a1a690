"""Records of processing (GDPR, article 30): what is kept about persons, for what, and how it is looked after.

The categories are read off the facts themselves: a fact that is recorded tomorrow cannot be missing from them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args
from uuid import UUID

from msgspec.structs import fields

from domain.audit import Read
from domain.kernel import Decider, Sealed
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
MEASURES: Final = (
    "Each person's fields are encrypted under a key of their own (AES-256-GCM), which erasure destroys.",
    "Organisations are kept apart by forced row-level security in the database.",
    "Every access needs a permission, and is recorded with the rule that granted it.",
    "The record is a Merkle tree with signed checkpoints: what is altered afterwards is found.",
)


async def processing(sources: Sources, deciders: Mapping[str, Decider[Any]]) -> list[Section]:
    return [
        await _kept(sources, deciders),
        await _recipients(sources),
        await delivered(sources),
        Section(
            title="How it is looked after",
            note="Technical measures (article 32). Fields are kept until the person is erased.",
            columns=("Measure",),
            rows=[(each,) for each in MEASURES],
        ),
    ]


async def _kept(sources: Sources, deciders: Mapping[str, Decider[Any]]) -> Section:
    rows: list[Row] = []
    whole = True
    for capability, decider in sorted(deciders.items()):
        for tag, names in _categories(decider):
            found, all_of_them = await sources.entries(type=tag)
            persons = await _persons(sources, tag, found)
            purpose = PURPOSES.get(capability, "")
            rows.append((capability, purpose, tag, text(names), len(found), len(persons)))
            whole = whole and all_of_them
    return Section(
        title="What is kept about persons",
        note=(
            "Each kind of fact that holds personal fields, how often it was recorded in the period, and about how many "
            "persons. Fields are encrypted under the key of whom they are about."
        ),
        columns=("Capability", "Purpose", "Kind of fact", "Personal fields", "Recorded", "Persons"),
        rows=rows,
        whole=whole,
    )


async def _persons(sources: Sources, tag: str, found: list[Entry]) -> set[UUID]:
    """Answers may have shown several; any other fact is about the one that its entry names."""
    if tag != Read.__struct_config__.tag:
        return {each.subject for each in found if each.subject}
    return {one for each in found for one in (await sources.recorded(each.position)).meta.subjects}


def _categories(decider: Decider[Any]) -> Iterable[tuple[str, list[str]]]:
    for fact in get_args(decider.facts) or (decider.facts,):
        if names := [each.name for each in fields(fact) if _personal(each.type)]:
            yield fact.__struct_config__.tag, names


def _personal(kind: Any) -> bool:
    return any(each is Sealed or _personal(each) for each in get_args(kind))


async def _recipients(sources: Sources) -> Section:
    found = [(type, await sources.entries(type=type)) for type in TAKEN]
    return Section(
        title="What was handed out",
        note="Exports of the trail, of persons' own data, and files of reports: how often in the period.",
        columns=("Kind", "Times"),
        rows=[(type, len(entries)) for type, (entries, _) in found],
        whole=all(all_of_them for _, (_, all_of_them) in found),
    )
