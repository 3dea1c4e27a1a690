"""What can be asked about a subject's erasure and the holds on it, and how an approved erasure is carried out."""

from application.privacy.asked import (
    Approve,
    ApproveFloor,
    DropHold,
    Export,
    GiveConsent,
    HoldRecords,
    LiftHold,
    PlaceHold,
    ProposeFloor,
    ProposeHold,
    ProposeLift,
    Request,
    Withdraw,
    WithdrawConsent,
)
from application.privacy.erasing import Erasing, Purged, Remains, Unlearning
from application.privacy.persons import refusal

__all__ = [
    "Approve",
    "ApproveFloor",
    "DropHold",
    "Erasing",
    "Export",
    "GiveConsent",
    "HoldRecords",
    "LiftHold",
    "PlaceHold",
    "ProposeFloor",
    "ProposeHold",
    "ProposeLift",
    "Purged",
    "Remains",
    "Request",
    "Unlearning",
    "Withdraw",
    "WithdrawConsent",
    "refusal",
]
