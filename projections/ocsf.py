"""The trail's entries as events of the Open Cybersecurity Schema Framework (OCSF 1.3.0, schema.ocsf.io)."""

from typing import Any, Final, NamedTuple
from uuid import UUID

from msgspec import Struct

from domain.kernel import Circumstances
from projections.audit import Entry, Told
from projections.proofs.note import origin

SCHEMA: Final = "1.3.0"
_OTHER = 99
_PRODUCT = {"name": "Everlog", "vendor_name": "Everlog"}


class Kind(NamedTuple):
    """A class of the schema. `verbs` are its activities by the last part of a fact's tag; others are 99, named."""

    category: int
    uid: int
    name: str
    verbs: dict[str, int]


API_ACTIVITY = Kind(6, 6003, "API Activity", {})
AUTHENTICATION = Kind(3, 3002, "Authentication", {"authenticate": 1, "signed-in": 1})
ACCOUNT_CHANGE = Kind(3, 3001, "Account Change", {"issued": 1, "joined": 1, "revoked": 5, "removed": 6})
ENTITY_MANAGEMENT = Kind(3, 3004, "Entity Management", {"founded": 1, "created": 1, "resumed": 3})
DATASTORE_ACTIVITY = Kind(
    6,
    6005,
    "Datastore Activity",
    {"captured": 6, "noted": 5, "signal-observed": 5, "stage-moved": 2, "won": 2, "lost": 2},
)

KINDS: Final = {
    "api_keys": ACCOUNT_CHANGE,
    "audit.signed-in": AUTHENTICATION,
    "orgs": ACCOUNT_CHANGE,
    "orgs.founded": ENTITY_MANAGEMENT,
    "tenancy": ENTITY_MANAGEMENT,
    "prospects": DATASTORE_ACTIVITY,
}
"""By a fact's tag or by its capability; what is not listed is API activity."""

_USERS = {"user": 1, "system": 3, "operator": 2}
"""`type_id` of a user object."""
INFORMATIONAL, MEDIUM, HIGH, CRITICAL = 1, 3, 4, 5
"""`severity_id`: of the last two "action is required immediately", of the last with a scope that "is broad"."""


class Anchor(Struct, frozen=True, kw_only=True):
    """By what the exported record can be compared with the log and its checkpoints."""

    tenant: UUID
    generation: int
    leaf: bytes | None = None
    """SHA-256 of the event's leaf in the tenant's tree."""
    size: int | None = None
    """Of a checkpoint that holds the event."""


def event(entry: Entry, anchor: Anchor, told: Told, *, circumstances: bool = False) -> dict[str, Any]:
    """One event, ready for JSON; the same entry always gives the same one.

    An alarm is told by `severity_id` and by `status_id`, as the base event defines them
    (schema.ocsf.io/1.3.0/base_event): an attribute that marks alerts came with 1.4.0 (`is_alert`), and a finding's
    `status_id` counts how far somebody is with it, so that it could not say Failure.

    Address, session, user agent and reason leave only with `circumstances`, and only where the entry's are open: they
    are about a person. Nothing else of an entry is, nor of what is told.
    """
    kind = _kind(entry)
    activity = kind.verbs.get(_verb(entry), _OTHER)
    known = entry.circumstances if circumstances and isinstance(entry.circumstances, Circumstances) else Circumstances()
    severity, wrong = alarm(entry, told)
    failed = bool(wrong) or entry.outcome == "refused"
    made: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": _verb(entry),
        "category_uid": kind.category,
        "class_uid": kind.uid,
        "class_name": kind.name,
        "type_uid": kind.uid * 100 + activity,
        "time": _millis(entry),
        "severity_id": severity,
        "status_id": 2 if failed else 1,
        "status": "Failure" if failed else "Success",
        "message": wrong or _message(entry),
        "metadata": _metadata(entry, anchor),
        "actor": _actor(entry, known),
        "src_endpoint": {"ip": known.ip} if known.ip else {"name": "withheld"},
        "unmapped": _unmapped(entry, anchor, told, known),
    }
    if failed:
        made["status_code"] = entry.code or entry.type
    if known.agent:
        made["http_request"] = {"user_agent": known.agent}
    return made | _particulars(kind, entry, told)


def alarm(entry: Entry, told: Told) -> tuple[int, str]:
    """How grave it is, and what about, where somebody has to be woken; else how grave, and no words."""
    match entry.type, told.fact:
        case "proofs.checked", {"sound": False, "faults": faults}:
            return CRITICAL, f"the record is not sound: {', '.join(each['kind'] for each in faults)}"
        case "proofs.disputed", fact:
            return CRITICAL, f"a witness disputes the record: {fact.get('why', '')}"
        case "audit.damaged", _:
            return HIGH, "reads that were answered may be missing"
        case "deliveries.rejected", fact:
            return HIGH, f"a destination refuses the trail: {fact.get('why', '')}"
    return (MEDIUM if entry.outcome == "refused" else INFORMATIONAL), ""


def _kind(entry: Entry) -> Kind:
    if entry.command == "authenticate":
        return AUTHENTICATION
    if entry.outcome == "refused":
        return API_ACTIVITY
    return KINDS.get(entry.type) or KINDS.get(entry.capability, API_ACTIVITY)


def _verb(entry: Entry) -> str:
    return entry.command or entry.type.rpartition(".")[2]


def _message(entry: Entry) -> str:
    return f"{entry.command} was refused: {entry.code}" if entry.outcome == "refused" else entry.type


def _millis(entry: Entry) -> int:
    return int(entry.at.timestamp()) * 1000 + entry.at.microsecond // 1000


def _metadata(entry: Entry, anchor: Anchor) -> dict[str, Any]:
    made: dict[str, Any] = {
        "version": SCHEMA,
        "product": _PRODUCT,
        "uid": str(entry.event),
        "event_code": entry.type,
        "sequence": entry.position,
        "tenant_uid": str(anchor.tenant),
    }
    if entry.correlation:
        made["correlation_uid"] = str(entry.correlation)
    return made


def _actor(entry: Entry, known: Circumstances) -> dict[str, Any]:
    made: dict[str, Any] = {
        "user": _user(entry.actor_kind, entry.actor),
        "authorizations": [
            {"decision": "denied" if entry.outcome == "refused" else "allowed", "policy": {"name": entry.rule}}
        ],
    }
    if known.session:
        made["session"] = {"uid": known.session}
    if entry.on_behalf_of:
        made["invoked_by"] = entry.on_behalf_of
    return made


def _user(kind: str, id: UUID) -> dict[str, Any]:
    return {"uid": str(id), "type_id": _USERS.get(kind, _OTHER), "type": kind}


def _particulars(kind: Kind, entry: Entry, told: Told) -> dict[str, Any]:
    """What the class asks for beyond what all have."""
    resource = {"uid": str(entry.resource), "type": entry.capability}
    match kind.uid:
        case AUTHENTICATION.uid:
            return {"user": _user(entry.actor_kind, entry.actor), "service": {"name": "Everlog"}}
        case ACCOUNT_CHANGE.uid:
            return {"user": _changed(entry, told)}
        case ENTITY_MANAGEMENT.uid:
            return {"entity": resource}
        case DATASTORE_ACTIVITY.uid:
            return {"type_id": 1, "database": {"name": entry.capability, "uid": str(entry.resource), "type_id": 1}}
    response: dict[str, Any] = {"code": 403, "error": entry.code} if entry.outcome == "refused" else {"code": 200}
    if alarm(entry, told)[1]:
        response = {"error": entry.type}
    operation = _verb(entry) if told.shown is None else told.fact["query"]
    shown = [{"uid": str(each), "type": "person"} for each in told.shown or ()]
    api = {"operation": operation, "service": {"name": "Everlog"}, "response": response}
    return {"api": api, "resources": shown or [resource]}


def _changed(entry: Entry, told: Told) -> dict[str, Any]:
    """Whose account it is: a key's own; in an organisation the member's, in the role that was given or taken."""
    if told.member is None:
        return {"uid": str(entry.resource), "type_id": _OTHER, "type": entry.capability}
    groups = [{"name": told.role, "type": "role"}]
    return {**_user("user", told.member), "org": {"uid": str(entry.resource)}, "groups": groups}


def _unmapped(entry: Entry, anchor: Anchor, told: Told, known: Circumstances) -> dict[str, Any]:
    """What the schema has no place for: by what the record is verified, what allowed it, and what was recorded."""
    made: dict[str, Any] = {
        "tenant": str(anchor.tenant),
        "generation": anchor.generation,
        "origin": origin(anchor.tenant, anchor.generation),
        "position": entry.position,
        "recorded_at": entry.at.isoformat(),
        "stream": f"{entry.capability}/{entry.resource}",
        "version": entry.version,
        "permission": entry.permission,
        "causation": str(entry.causation) if entry.causation else "",
        "trace": entry.trace,
        "reason": known.reason,
        "leaf": anchor.leaf.hex() if anchor.leaf else "",
        "checkpoint_size": anchor.size,
        "subjects": [str(each) for each in told.subjects],
        "model": entry.model,
        "model_version": entry.model_version,
        "rows": None if told.shown is None else told.rows,
        "fact": told.fact,
    }
    return {name: value for name, value in made.items() if value not in ("", None, [], {})}
