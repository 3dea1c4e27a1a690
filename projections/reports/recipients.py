"""Who got what of the record: files that were taken away, and destinations that the trail is delivered to."""

from typing import Final

from domain.deliveries import Added, deliveries
from projections.audit import Entry
from projections.deliveries import stood
from projections.reports.content import Row, Section, Sources, together

TAKEN: Final = ("exports.begun", "exports.ended", "privacy.access-exported", "reports.taken")


async def taken(sources: Sources) -> Section:
    entries, all_of_them = together([await sources.entries(type=each) for each in TAKEN])
    return Section(
        title="What was taken away",
        note="Exports of the trail, of persons' own data, and files of reports.",
        columns=("Position", "At", "Actor", "Kind", "Of"),
        rows=[
            (each.position, each.at, f"{each.actor_kind}:{each.actor}", each.type, f"{each.capability}/{each.resource}")
            for each in entries
        ],
        whole=all_of_them,
    )


async def delivered(sources: Sources) -> Section:
    found, all_of_them = await sources.entries(type=Added.__struct_config__.tag, whole=True)
    rows = [await _destination(sources, each) for each in found]
    return Section(
        title="Where the trail is delivered",
        note=(
            "Destinations outside, such as a SIEM, that stood in the period, whenever they were added. What they get "
            "names persons by their identifiers; with circumstances, it tells from where and why somebody did "
            "something."
        ),
        columns=("Destination", "Name", "Kind", "Address", "Circumstances", "Added", "Added by", "Removed"),
        rows=[each for each in rows if each],
        whole=all_of_them,
    )


async def _destination(sources: Sources, entry: Entry) -> Row | None:
    """None where it was removed before the period, or cannot be read."""
    found = stood(await sources.history(f"{deliveries.name}/{entry.resource}"))
    if found is None or (found.removed and found.removed.at < sources.since):
        return None
    added = found.added
    return (
        str(entry.resource),
        added.name,
        added.kind,
        added.address,
        "delivered" if added.circumstances else "withheld",
        entry.at,
        f"{entry.actor_kind}:{entry.actor}",
        found.removed.at if found.removed else None,
    )
