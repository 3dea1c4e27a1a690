"""What can be asked about a subject's erasure and the holds on it, and how an approved erasure is carried out."""

from application.privacy.asked import (
    Approve,
    DropHold,
    Export,
    LiftHold,
    PlaceHold,
    ProposeHold,
    ProposeLift,
    Request,
    Withdraw,
)
from application.privacy.erasing import Erasing, Purged, Remains, Unlearning

__all__ = [
    "Approve",
    "DropHold",
    "Erasing",
    "Export",
    "LiftHold",
    "PlaceHold",
    "ProposeHold",
    "ProposeLift",
    "Purged",
    "Remains",
    "Request",
    "Unlearning",
    "Withdraw",
]
