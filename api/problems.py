"""What can go wrong, told as problem details (RFC 9457): a stable code, and what to do about it."""

from http import HTTPStatus
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from application.pipeline import Rejected

MEDIA = "application/problem+json"


class Kind(NamedTuple):
    status: int
    title: str
    advice: str


PROBLEMS: Final[dict[str, Kind]] = {
    "request.malformed": Kind(400, "The body is not JSON", "Send one JSON document in UTF-8."),
    "request.too-deep": Kind(400, "The body is nested too deeply", "Send what the schema describes; it is flat."),
    "request.header": Kind(400, "A header is wrong", "See `detail` for which, and the reference for its form."),
    "route.unknown": Kind(404, "There is nothing here", "See /openapi.json for what there is."),
    "request.method": Kind(405, "The method does not fit", "Use one of those that the `Allow` header names."),
    "request.too-large": Kind(413, "The body is too large", "Send less at a time; a bulk takes up to 1,000 commands."),
    "request.media-type": Kind(415, "The body is not announced as JSON", "Send `Content-Type: application/json`."),
    "request.invalid": Kind(422, "The request does not fit its schema", "See `detail` for where it does not."),
    "request.headers": Kind(431, "There are too many headers", "Send fewer than 100."),
    "auth.missing": Kind(401, "There is no API key", "Send `Authorization: Bearer everlog_…`."),
    "auth.invalid": Kind(401, "The API key is not known", "Check it letter by letter, or ask an Admin for another."),
    "auth.expired": Kind(401, "The API key has expired", "Ask an Admin for another."),
    "auth.revoked": Kind(401, "The API key was revoked", "Ask an Admin for another."),
    "auth.attempts": Kind(429, "Too many attempts with wrong keys", "Wait as long as `Retry-After` says."),
    "access.denied": Kind(
        403, "This is not allowed", "Ask an Admin for a role with the permission that `details` names."
    ),
    "quota.exceeded": Kind(429, "The key's rate is used up", "Wait as long as `Retry-After` says; send bulks."),
    "tenants.busy": Kind(429, "The organisation asks too much at once", "Wait as long as `Retry-After` says."),
    "precondition.failed": Kind(412, "It has changed meanwhile", "Get it again, decide again, send the new version."),
    "idempotency.reused": Kind(
        422, "The idempotency key was used before", "Use a new key for each request; repeat a request unchanged."
    ),
    "contended": Kind(409, "Too many write this at once", "Send it again after `Retry-After`."),
    "subject.erased": Kind(410, "This person was erased", "Nothing about them is recorded again."),
    "views.behind": Kind(503, "The views are behind that position", "Send it again after `Retry-After`."),
    "predictions.unanswered": Kind(503, "No model answers just now", "Send it again after `Retry-After`."),
    "service.unavailable": Kind(503, "A server behind this one is not reachable", "Send it again after `Retry-After`."),
    "keys.away": Kind(
        503,
        "The key service does not open the keys just now",
        "Nothing is lost. Send it again after `Retry-After`; if it goes on, the operator looks at the key service.",
    ),
    "keys.misplaced": Kind(
        500,
        "Something stored here is not what was recorded",
        "It was moved or changed in the database, and not shown. Tell the operator, who runs `everlog audit verify`.",
    ),
    "keys.missing": Kind(
        500,
        "The key that this needs is not there",
        "Nothing is taken for erased. Tell the operator, who puts the key back from its copy.",
    ),
    "keys.revoked": Kind(
        403,
        "The organisation's own key service does not let us use its key",
        "Whoever owns that key took its use back, or let a credential expire; they grant it again, and it reads again.",
    ),
    "proofs.unsealed": Kind(
        404,
        "Nothing of that size is sealed",
        "New events are sealed within seconds: ask again, or for a size that a checkpoint names.",
    ),
    "proofs.uncosigned": Kind(
        404,
        "No checkpoint is cosigned by so many witnesses",
        "Ask for fewer, or later; the operator sees to the witnesses of `EVERLOG_WITNESSES`.",
    ),
    "proofs.unknown-tile": Kind(
        404,
        "There is no such log or tile",
        "Tiles reach as far as the log's checkpoint says; the prefix ends with the id of your own organisation.",
    ),
    "proofs.unchecked": Kind(
        404,
        "The record was not looked at yet",
        "It is looked at by itself, as often as `EVERLOG_CHECK_HOURS` says; at once by `everlog audit verify`.",
    ),
    "tenancy.closed": Kind(
        503,
        "The organisation is moving to another installation",
        "It can be read here and not changed. Ask its operator where it goes on.",
    ),
    "tenancy.left": Kind(
        410,
        "The organisation has left this installation",
        "Its keys here are destroyed. Ask its operator where it goes on.",
    ),
    "cells.away": Kind(
        503, "The organisation's region does not answer", "Nothing is lost. Send it again after `Retry-After`."
    ),
    "cells.disputed": Kind(
        503,
        "More than one region has the organisation",
        "Nothing is answered until its operator has closed it in all regions but one.",
    ),
    "audit.unrecorded": Kind(
        503,
        "What is about persons cannot be shown now",
        "Reads are written down before they are answered, and the journal takes none. Ask again after `Retry-After`; "
        "the operator sees to room and rights in the folder of `EVERLOG_JOURNAL`.",
    ),
    "storage.full": Kind(
        503, "There is no room to record it", "Nothing was recorded. Send it again after `Retry-After`."
    ),
    "service.overloaded": Kind(
        503, "Too much is asked at once", "Send it again after `Retry-After`, and less at once."
    ),
    "internal": Kind(500, "Something is wrong on our side", "Tell the operator the `instance`."),
    "query.unknown-field": Kind(422, "There is no such field", "See the reference for the fields."),
    "query.personal-field": Kind(
        422, "The field is about a person", "It can be found by its exact value, not sorted or searched by a part."
    ),
    "query.not-filterable": Kind(422, "The field cannot be filtered by", "See the reference for those that can."),
    "query.not-sortable": Kind(422, "The field cannot be sorted by", "See the reference for those that can."),
    "query.wrong-type": Kind(422, "The value does not fit the field", "See the reference for the field's type."),
    "query.words": Kind(422, "No words to look for, or too many", "Ask for 1 to 8 words of letters and digits."),
    "query.limit": Kind(422, "The limit is out of range", "Ask for 1 to 200 at a time."),
    "query.position": Kind(422, "The log has no such position", "Send an `Everlog-Position` as it was answered."),
    "query.cursor": Kind(422, "The cursor is not of this query", "Start without one, and keep the query as it is."),
    "prospects.unknown": Kind(404, "There is no such prospect", "Capture it first, or check the identifier."),
    "prospects.exists": Kind(409, "Another prospect has this identifier", "Choose another, or leave it out."),
    "prospects.email-taken": Kind(409, "Another prospect has this mail address", "Find that one by the address."),
    "prospects.closed": Kind(409, "The prospect is won or lost", "Notes may still be written."),
    "prospects.stage-closes": Kind(422, "This stage closes a prospect", "Use win or lose."),
    "prospects.strength-out-of-range": Kind(422, "A strength is between 0 and 1", "Scale it."),
    "prospects.attribute-not-finite": Kind(422, "An attribute is no finite number", "Leave it out."),
    "predictions.unknown": Kind(404, "There is no such prediction", "Check the identifier."),
    "predictions.far": Kind(
        422, "The prediction is too far into the log to be made again here", "Run `everlog predictions recompute`."
    ),
    "predictions.model-unknown": Kind(404, "There is no such model", "`prospects.conversion` is one."),
    "predictions.prospect-not-open": Kind(409, "The prospect is not open", "Won and lost ones are not predicted."),
    "scores.malformed": Kind(422, "No model can read this", "Tell the operator the `instance`."),
    "predictions.milestone-missing": Kind(409, "A milestone before this one is missing", "Models alone record these."),
    "audit.unknown": Kind(404, "There is no such event", "Positions run from 1 to the log's last."),
    "audit.resource-unknown": Kind(
        404, "There was no such resource then", "Check capability, identifier and moment, or ask for a later one."
    ),
    "searches.unknown": Kind(404, "There is no such search", "It may be somebody's own: ask them to share it."),
    "searches.exists": Kind(409, "Another search has this identifier", "Choose another, or leave it out."),
    "searches.not-yours": Kind(409, "The search is somebody else's", "Save one of your own, or ask its owner."),
    "searches.erased": Kind(
        410, "What this search looks for is gone with whoever saved it", "They were erased: save a search anew."
    ),
    "exports.unknown": Kind(404, "There is no such export", "Its identifier was in the header `Everlog-Export`."),
    "reports.unknown": Kind(404, "There is no such report", "List the reports for what there is."),
    "reports.exists": Kind(409, "Another report or schedule has this identifier", "Choose a new one."),
    "reports.empty": Kind(422, "The report would cover no time", "Ask with a `since` that lies before `until`."),
    "deliveries.unknown": Kind(404, "There is no such destination", "List the destinations for what there is."),
    "deliveries.exists": Kind(409, "Another destination has this identifier", "Choose a new one."),
    "deliveries.address": Kind(
        422,
        "The address does not fit its kind",
        "https://HOST/PATH for http and splunk, syslog://HOST:PORT, https://HOST/BUCKET/PREFIX for s3; no user in it.",
    ),
    "deliveries.secret": Kind(
        422,
        "The secret does not fit",
        "Syslog, and http over TLS, may be shown a certificate: give it in PEM, its key without a password behind it.",
    ),
    "deliveries.account": Kind(
        422, "An account and a region belong to s3 alone", "Give s3 both, and other kinds none of them."
    ),
    "exports.exists": Kind(409, "Another export has this identifier", "Start a new one."),
    "privacy.unknown": Kind(404, "No erasure of this subject was asked for", "Ask for it first."),
    "privacy.subject-unknown": Kind(404, "Nothing is known of this subject", "Check the identifier."),
    "privacy.no-person": Kind(
        409,
        "This is no person",
        "The organisation, its operator and its destinations are not erased: name whom it is about.",
    ),
    "privacy.key-stands": Kind(
        409,
        "The API key of that identifier stands",
        "Have an operator revoke it first, with `everlog api-keys revoke`: it could do nothing without its holder.",
    ),
    "privacy.requested": Kind(409, "The erasure is asked for already", "Approve it, or withdraw it and ask again."),
    "privacy.approved": Kind(409, "The erasure is approved", "It cannot be stopped any more: the key may be gone."),
    "privacy.four-eyes": Kind(409, "It takes two", "Have somebody else do this with a key of their own."),
    "privacy.held": Kind(409, "A legal hold forbids it", "Two people lift what `details` names, or it stays."),
    "privacy.hold-exists": Kind(409, "The hold was proposed otherwise", "Drop that one, or choose another matter."),
    "privacy.hold-unknown": Kind(404, "There is no such hold", "Check the matter; a lift needs a hold that is placed."),
    "predictions.consent-withdrawn": Kind(
        409, "The person does not consent to be profiled", "Nothing is predicted about them unless they consent again."
    ),
    "privacy.hold-empty": Kind(
        422, "The hold names nothing", "Name a resource, a time, a capability, a type or an actor."
    ),
    "privacy.floor": Kind(
        409,
        "The organisation's floor forbids it",
        "Ask again after the time in `details`, or for a case in law that the floor does not stand against.",
    ),
    "privacy.floor-unknown": Kind(409, "Nobody proposed that floor", "Propose it first; another approves it."),
    "privacy.lift-unknown": Kind(409, "Nobody proposed to lift it", "Propose that first."),
    "orgs.unknown": Kind(404, "There is no such organisation", "Found it first."),
    "orgs.exists": Kind(409, "The organisation was founded before", "It has another name or Admin."),
    "orgs.member-exists": Kind(409, "The member has another role", "Change the role."),
    "orgs.member-unknown": Kind(404, "There is no such member", "Check the identifier."),
    "orgs.last-admin": Kind(409, "An organisation is never without an Admin", "Make somebody else Admin first."),
    "orgs.role-unknown": Kind(422, "There is no such role", "`details` names those that there are."),
    "api_keys.unknown": Kind(404, "There is no such API key", "Check the identifier."),
    "api_keys.exists": Kind(409, "Another API key has this identifier", "Mint a new one."),
    "api_keys.scope-unknown": Kind(
        422, "There is no such permission", "`details` names what is none; see the reference for those that are."
    ),
    "api_keys.whose": Kind(422, "A key has a role of its own or is a member's", "Name one of the two."),
    "tenancy.exists": Kind(409, "Another tenant has this identifier", "Choose another."),
}
"""Every code that a response may carry."""

RETRY: Final = {
    "contended": 1,
    "views.behind": 1,
    "predictions.unanswered": 2,
    "keys.away": 5,
    "service.unavailable": 5,
    "tenancy.closed": 60,
    "cells.away": 5,
    "cells.disputed": 60,
    "storage.full": 10,
    "audit.unrecorded": 5,
    "service.overloaded": 1,
}
"""Seconds after which to try again, where nothing tells better."""


class Details(Struct, frozen=True, omit_defaults=True, rename={"kind": "type"}, kw_only=True):
    """Problem details as they are sent."""

    kind: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    details: dict[str, Any] = {}


class Problem(Exception):
    """A problem to answer with. `detail` replaces the advice where something more precise can be said."""

    def __init__(
        self, code: str, detail: str = "", details: dict[str, Any] | None = None, retry: float | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.details = details or {}
        self.retry = RETRY.get(code) if retry is None else retry
        self.position: int | None = None
        self.generation = 1

    @property
    def status(self) -> int:
        return kind(self.code).status

    def told(self, request: UUID) -> Details:
        known = kind(self.code)
        return Details(
            kind=f"/docs/errors#{self.code}",
            title=known.title,
            status=known.status,
            code=self.code,
            detail=self.detail or known.advice,
            instance=request.urn,
            details=self.details,
        )

    @classmethod
    def of(cls, rejected: Rejected) -> "Problem":
        problem = cls(rejected.code, details=rejected.details)
        problem.position, problem.generation = rejected.position, rejected.generation
        return problem


def kind(code: str) -> Kind:
    """A rule that has no entry of its own is a conflict: a test keeps such from being released."""
    return PROBLEMS.get(code) or Kind(409, HTTPStatus.CONFLICT.phrase, "See the reference.")


encode = msgspec.json.Encoder(enc_hook=str).encode
