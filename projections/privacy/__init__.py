"""What is seen of privacy: erasures, what is held, what was consented to, and all there is of a person."""

from projections.privacy.consent import Consent, ListConsents, consents
from projections.privacy.kept import (
    Erasure,
    GetErasure,
    GetStanding,
    Held,
    ListErasures,
    ListHolds,
    erasures,
    holds,
)
from projections.privacy.known import ExportSubject, Known

__all__ = [
    "Consent",
    "Erasure",
    "ExportSubject",
    "GetErasure",
    "GetStanding",
    "Held",
    "Known",
    "ListConsents",
    "ListErasures",
    "ListHolds",
    "consents",
    "erasures",
    "holds",
]
