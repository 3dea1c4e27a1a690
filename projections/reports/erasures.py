"""Erasures: their certificates, how each came about, and the holds that stood in the way."""

from domain.privacy import ErasureCertified, privacy
from projections.audit import Entry
from projections.reports.changes import changed, told
from projections.reports.content import Row, Section, Sources


async def erasures(sources: Sources) -> list[Section]:
    found, all_of_them = await sources.entries(type=ErasureCertified.__struct_config__.tag)
    return [
        Section(
            title="Certificates",
            note=(
                "Whose key was destroyed, when, at whose request and with whose consent, and what else was found and "
                "cleared. The proof of a certificate is the inclusion proof of its position. What had left before, as "
                "an export, a report or a delivery, is not reached: exports.begun, reports.taken, "
                "privacy.access-exported and deliveries.added in the trail tell where to."
            ),
            columns=("Position", "Certified", "Person", "Basis", "Reference", "Requested by", "Approved by", "What"),
            rows=[await _certificate(sources, each) for each in found],
            whole=all_of_them,
        ),
        await changed(
            sources,
            "Requests and holds",
            "Every step of an erasure, every legal hold, and every export of a person's data, in the period.",
            (privacy.name,),
        ),
    ]


async def _certificate(sources: Sources, entry: Entry) -> Row:
    history = await sources.history(f"{privacy.name}/{entry.resource}")
    state = privacy.fold(each.fact for each in history)
    asked = state.requested
    return (
        entry.position,
        entry.at,
        str(entry.resource),
        asked.basis if asked else None,
        asked.reference if asked else None,
        str(asked.by) if asked else None,
        str(state.approved_by) if state.approved_by else None,
        told((await sources.recorded(entry.position)).fact),
    )
