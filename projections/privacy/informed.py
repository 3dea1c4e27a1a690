"""What a person has to be told beside their data (GDPR, article 15(1)): to whom it went, what follows, their rights."""

from collections.abc import Mapping
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct

from domain.deliveries import Added
from domain.exports import Begun
from domain.reports import Taken
from projections.audit import Entry, audit
from projections.kernel import Is, Query, Reads, Within
from projections.privacy.known import every

RULE: Final = (
    "Nothing is deleted after a time by itself. It is kept until you are erased, at your request or because the "
    "organisation finds it due; `floor` and `holds` say what stands in the way of that, and until when. An erasure "
    "destroys the key of what is personal. That something was recorded of your identifier stays, with what is in the "
    "clear, such as a stage or an amount."
)
RIGHTS: Final = (
    "You may have what is wrong corrected (GDPR, article 16).",
    "You may ask to be erased (article 17). A law, a hold or a claim may stand against it; you are told which.",
    "You may ask that your data is kept but not used (article 18).",
    "You may have your data in a form that machines read (article 20): this export is one.",
    "You may object, to being profiled too (article 21), and withdraw a consent at any time (article 7(3)).",
    "You may ask that a person looks at what was decided by a computer alone (article 22).",
    "You may complain to a supervisory authority, such as that of the country where you live or work (article 77).",
)
LOGIC: Final[Mapping[str, str]] = {
    "prospects.conversion": (
        "It estimates how likely you are to become a client. Several statistical models learn from what became of "
        "earlier prospects of the organisation, by the features that are named here; whichever was right most often of "
        "late speaks. `reasons` of a prediction say how far each feature moved it."
    )
}
"""By model, in words for whom it is about."""
CONSEQUENCES: Final = (
    "Everlog records the estimate and shows it to the organisation. It decides nothing by it: what people there do "
    "with it, the organisation tells you."
)

_ADDED, _BEGUN, _TAKEN = (each.__struct_config__.tag for each in (Added, Begun, Taken))


class Left(Struct, frozen=True):
    """What says that something left, or where to: entries of the trail, the oldest first."""

    destinations: list[Entry]
    """All that were ever added."""
    exports: list[Entry]
    """Those since a position, and so are the reports."""
    reports: list[Entry]
    whole: bool
    """Whether no kind had more than `projections.privacy.known.MOST`."""


class WhereTo(Query, frozen=True, kw_only=True):
    """Where what is about a subject may have gone who was first spoken of at a position."""

    permission: ClassVar = "privacy.export"
    subject: UUID
    since: int

    async def answer(self, reads: Reads) -> Left:
        found = [
            await every(reads, audit, [Is("type", type), Within("position", since)], "at")
            for type, since in ((_ADDED, 1), (_BEGUN, self.since), (_TAKEN, self.since))
        ]
        destinations, exports, reports = (entries for entries, _ in found)
        return Left(destinations, exports, reports, all(whole for _, whole in found))
