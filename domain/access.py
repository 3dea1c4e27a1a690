"""Who may do what: every permission there is, and the roles that hold them."""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

Role = Literal["Admin", "Manager", "Member", "Viewer", "Auditor"]

PERMISSIONS: Final[Mapping[str, str]] = {
    "prospects.read": "See prospects: list them, get one, without what identifies a person.",
    "prospects.read-personal": "See what identifies a person, wherever it stands.",
    "prospects.capture": "Capture a prospect.",
    "prospects.observe": "Record a signal about a prospect.",
    "prospects.move": "Move a prospect to another stage.",
    "prospects.win": "Close a prospect as won.",
    "prospects.lose": "Close a prospect as lost.",
    "prospects.rectify": "Correct what was captured of a prospect.",
    "prospects.note": "Write a note about a prospect.",
    "funnel.read": "See how many prospects stand in each stage, over time.",
    "predictions.read": "See predictions, what became of them, and the models' cards and scores.",
    "predictions.read-reasons": "See why a model decided as it did about a person.",
    "predictions.score": "Ask a model for a prediction now.",
    "predictions.record": "Record predictions and the life of models: for models alone.",
    "events.read": "Follow the live stream of facts, each fact as far as its own capability may be read.",
    "audit.read": "Search the trail.",
    "audit.export": "Take the trail away as a file; addresses and reasons only with the permission to see them.",
    "audit.read-circumstances": "See from where and for which reason something was done.",
    "searches.save": "Save searches of the trail, share them and drop them.",
    "privacy.read": "See which erasures are asked for and done, and what is held.",
    "privacy.request": "Ask for a person's erasure, or withdraw that.",
    "privacy.approve": "Approve an erasure that somebody else asked for.",
    "privacy.hold": "Propose, place and lift legal holds; each takes two.",
    "privacy.consent": "Record that a person consents to a purpose, or does no longer.",
    "privacy.export": "Get everything there is about a person, in the clear.",
    "privacy.execute": "Carry out what was approved: for the program alone.",
    "proofs.read": "Get checkpoints of the log, proofs, how far witnesses are, and what the last look at it all found.",
    "proofs.check": "Record what a look at the whole record found, and witnesses say: for the program and who runs it.",
    "reports.read": "See which reports were asked for, and take them away as files.",
    "reports.make": "Ask for a report.",
    "reports.schedule": "Have a report asked for at the end of each period, or no more.",
    "deliveries.read": "See where the trail is delivered to, and how far each destination has been served.",
    "deliveries.manage": "Have the trail delivered to a destination; pause, replay and end that.",
    "deliveries.run": "Record what became of deliveries: for the program alone.",
    "orgs.read": "See the organisation and its members.",
    "orgs.found": "Found an organisation.",
    "orgs.manage": "Add and remove members and change their roles.",
    "api_keys.read": "See which API keys there are.",
    "api_keys.issue": "Issue an API key.",
    "api_keys.revoke": "Revoke an API key.",
    "keys.read": "See where an organisation's keys lie, and when they were rotated and destroyed.",
    "keys.rotate": "Have an organisation's keys rotated now.",
    "keys.manage": "Rotate an organisation's keys, and take them to another key service.",
    "tenancy.create": "Create a tenant.",
    "tenancy.read": "See which tenants there are.",
    "tenancy.move": "Take an organisation to another installation, and bring it from one.",
    "tenancy.resume": "Begin a new generation of a log, after a restore or a promotion.",
}

_VIEWER = frozenset({"prospects.read", "funnel.read", "predictions.read", "events.read"})
_MEMBER = _VIEWER | {
    "prospects.read-personal",
    "prospects.capture",
    "prospects.observe",
    "prospects.move",
    "prospects.win",
    "prospects.lose",
    "prospects.note",
    "predictions.score",
    "predictions.read-reasons",
}
_MANAGER = _MEMBER | {"orgs.read", "api_keys.read", "prospects.rectify", "privacy.consent"}
_ADMIN = _MANAGER | {
    "orgs.manage",
    "api_keys.issue",
    "api_keys.revoke",
    "proofs.read",
    "audit.read",
    "audit.export",
    "audit.read-circumstances",
    "privacy.read",
    "privacy.request",
    "privacy.approve",
    "privacy.hold",
    "privacy.export",
    "reports.read",
    "reports.make",
    "reports.schedule",
    "deliveries.read",
    "deliveries.manage",
    "keys.read",
    "keys.rotate",
    "searches.save",
}

ROLES: Final[Mapping[str, frozenset[str]]] = {
    "Admin": _ADMIN,
    "Manager": _MANAGER,
    "Member": _MEMBER,
    "Viewer": _VIEWER,
    "Auditor": frozenset(
        {
            "predictions.read",
            "predictions.read-reasons",
            "proofs.read",
            "audit.read",
            "audit.export",
            "audit.read-circumstances",
            "privacy.read",
            "reports.read",
            "reports.make",
            "reports.schedule",
            "deliveries.read",
            "searches.save",
        }
    ),
}
"""What members and API keys can be. The Auditor reads and exports the trail, makes reports of it, and sees what was
erased or is held, and what models decided and why; nothing else about a person."""

KINDS: Final[Mapping[str, frozenset[str]]] = {
    "system": frozenset(PERMISSIONS) - {"predictions.record"},
    "operator": frozenset(PERMISSIONS) - {"predictions.record"},
    "model": frozenset(
        {
            "predictions.record",
            "predictions.read",
            "predictions.read-reasons",
            "prospects.read",
            "prospects.read-personal",
        }
    ),
}
"""What actors that no request can claim to be may do: the program itself, who runs it, and its models."""

READS: Final[Mapping[str, str]] = {
    "prospects": "prospects.read",
    "predictions": "predictions.read",
    "orgs": "orgs.read",
    "api_keys": "api_keys.read",
    "audit": "audit.read",
    "exports": "audit.read",
    "proofs": "proofs.read",
    "tenancy": "tenancy.read",
    "keys": "audit.read",
    "privacy": "privacy.read",
    "reports": "reports.read",
    "deliveries": "deliveries.read",
    "searches": "audit.read",
}
"""The permission under which a capability's facts may be followed; one that is missing here is followed by nobody."""

PERSONAL: Final = frozenset({"prospects.read-personal"})
"""What shows what is sealed about persons, where nothing else is said: any of them is enough."""
REASONS: Final = frozenset({"predictions.read-reasons"})


class Way(Struct, frozen=True):
    """One way in which what resources hold is shown."""

    needs: tuple[str, ...]
    """All of these permissions together."""
    personal: frozenset[str] | None = PERSONAL
    """Any of which shows what is sealed about persons too; None where that is always shown."""
    of: frozenset[str] | None = None
    """The capabilities whose resources they are; None: every one's."""
    always: bool = True
    """False where it takes something else besides, such as a report that somebody has asked for."""


FOLLOWED: Final = frozenset({"api_keys", "tenancy"})
"""Capabilities without a list of their own: their permission to read shows nothing but what is followed live."""

WAYS: Final[tuple[Way, ...]] = (
    Way(("keys.read",), of=frozenset({"keys"})),
    Way(("audit.read",)),
    # Bundles, and the trail's records as they are exported: what is about persons is encrypted, or left out.
    Way(("audit.export",), personal=frozenset()),
    # Of any identifier; what is about somebody else stays out, as that one's own export has it.
    Way(("privacy.export",), personal=None),
    Way(("reports.read",), frozenset(), frozenset({"api_keys", "orgs", "tenancy", "privacy", "audit"}), always=False),
    Way(("reports.read",), REASONS, frozenset({"predictions"}), always=False),
)
"""Every way but the two that follow from `READS`: what a capability's own lists show, and the live stream.

Sums, such as the funnel's and the trail's facets, tell that something is there. They do not show what it holds. What is
delivered to a destination is shown by whoever has that, and not here.
"""


def ways(capability: str) -> list[Way]:
    """Every way in which a capability's resources are shown, its own permission to read first; empty where none is."""
    read = READS.get(capability)
    if read is None:
        return []
    own = [] if capability in FOLLOWED else [Way((read,), REASONS if capability == "predictions" else PERSONAL)]
    others = [each for each in WAYS if each.of is None or capability in each.of]
    # What a reader asked for is told to no follower.
    live = Way(("events.read", read), frozenset() if capability == "audit" else PERSONAL)
    return [*own, *(each for each in others if each.needs != (read,)), live]
