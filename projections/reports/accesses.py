"""Data access: who was shown, or took away, what is about persons."""

from collections import Counter

from domain.audit import Read
from projections.audit import Entry
from projections.reports.content import MOST, Row, Section, Sources, text
from projections.reports.recipients import delivered, taken

_NAMED = 5
"""Persons that one cell names: a list may have shown hundreds, and a workbook's cell holds 32,767 characters."""


async def accesses(sources: Sources) -> list[Section]:
    found, all_of_them = await sources.entries(type=Read.__struct_config__.tag)
    facts = [(each, (await sources.recorded(each.position)).fact) for each in found]
    looks = [row for entry, fact in facts if isinstance(fact, Read) for row in _looks(entry, fact)]
    counted = Counter((str(row[2]), str(row[3])) for row in looks)
    return [
        Section(
            title="By reader",
            note="How many answers each actor got that showed personal data, by what was asked.",
            columns=("Actor", "Query", "Answers"),
            rows=[(*who, times) for who, times in sorted(counted.items())],
            whole=all_of_them,
        ),
        Section(
            title="Answers that showed personal data",
            note="Each as it was given, with the fields that were shown of each row and whose they were. "
            f"{_NAMED} persons of an answer are named at most; the event at its position names all of them.",
            columns=("Position", "At", "Actor", "Query", "Rule", "Fields", "Rows", "Persons", "Who"),
            rows=looks[:MOST],
            whole=all_of_them and len(looks) <= MOST,
        ),
        await taken(sources),
        await delivered(sources),
    ]


def _looks(entry: Entry, read: Read) -> list[Row]:
    """Those that showed somebody: lists are on record whatever they showed."""
    actor = f"{entry.actor_kind}:{entry.actor}"
    return [
        (
            entry.position,
            look.at,
            actor,
            read.query,
            entry.rule,
            text(read.fields),
            look.rows,
            len(look.subjects),
            text(look.subjects[:_NAMED]) + (", …" if len(look.subjects) > _NAMED else ""),
        )
        for look in read.looks
        if look.subjects
    ]
