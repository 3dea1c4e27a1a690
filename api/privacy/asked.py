"""Erasures and legal holds over HTTP. In each path `{id}` is the subject: the identifier of whom it is about."""

from api import shapes
from api.call import Call
from api.commands import single
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Presenter
from api.privacy.standing import against
from api.queries import WAITS, Listing, listed, one
from api.route import Route
from application.privacy import (
    Approve,
    ApproveFloor,
    DropHold,
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
from projections.privacy import Consent, Erasure, GetErasure, Held, ListConsents, ListErasures, ListHolds

Shown = shapes.answer(Erasure, "Erasure")
Hold = shapes.answer(Held, "Hold")
ConsentSaid = shapes.answer(Consent, "Consent")
_erasure, _held = Presenter(Erasure), Presenter(Held)
_ERASURE, _HOLD = "/v1/privacy/erasures/{id}", "/v1/privacy/holds/{id}"
_CONSENT = "/v1/privacy/consents/{id}"
_ANOTHER = "It takes another than who"


async def get(edge: Edge, call: Call) -> Reply:
    return reply(await one(edge, call, GetErasure(subject=call.id), _erasure, "privacy.unknown"))


ROUTES: tuple[Route, ...] = (
    *listed(
        Listing(
            query=ListErasures,
            presenter=_erasure,
            row=Shown,
            path="/v1/privacy/erasures",
            tag="privacy",
            operation="Erasures",
            summary="List erasures",
        )
    ),
    *listed(
        Listing(
            query=ListHolds,
            presenter=_held,
            row=Hold,
            path="/v1/privacy/holds",
            tag="privacy",
            operation="Holds",
            summary="List what is held, or proposed to be",
        )
    ),
    *listed(
        Listing(
            query=ListConsents,
            presenter=Presenter(Consent),
            row=ConsentSaid,
            path="/v1/privacy/consents",
            tag="privacy",
            operation="Consents",
            summary="List what people consented to, or no longer do",
        )
    ),
    Route(
        method="GET",
        path=_ERASURE,
        operation="getErasure",
        tag="privacy",
        summary="Get a subject's erasure, and its certificate once it is done",
        permission=GetErasure.permission,
        answer=Shown,
        problems=("privacy.unknown",),
        headers=WAITS,
        serve=get,
    ),
    single(Request, _ERASURE, "requestErasure", "Ask for a subject's erasure", tell=against),
    single(Withdraw, f"{_ERASURE}/withdrawal", "withdrawErasure", "Withdraw a request that is not approved"),
    single(
        Approve,
        f"{_ERASURE}/approval",
        "approveErasure",
        "Approve an erasure, for ever",
        description=f"{_ANOTHER} asked. A worker then destroys the subject's key, and nothing brings it back.",
        tell=against,
    ),
    single(ProposeHold, _HOLD, "proposeHold", "Propose to hold a subject's data"),
    single(
        HoldRecords,
        "/v1/privacy/holds",
        "holdRecords",
        "Propose to hold a part of the record, whoever it is about",
        description=(
            "What fits everything that is named: a resource, a span of time, a kind of event, who did it. Nobody is "
            "erased about whom something of it was recorded. It is placed and lifted under the organisation's own "
            "identifier, which the answer has as `id`."
        ),
    ),
    single(GiveConsent, _CONSENT, "giveConsent", "Record that a person consents to a purpose"),
    single(
        WithdrawConsent,
        f"{_CONSENT}/withdrawal",
        "withdrawConsent",
        "Record that a person withdraws their consent, or objects",
        description="Of `profiling`: nothing is predicted about them any more, and nothing learned of them.",
    ),
    single(
        ProposeFloor,
        "/v1/privacy/floor",
        "proposeFloor",
        "Propose how long a person's record stays at least",
    ),
    single(
        ApproveFloor,
        "/v1/privacy/floor/approval",
        "approveFloor",
        "Set the floor that was proposed",
        description=f"{_ANOTHER} proposed it.",
    ),
    single(
        PlaceHold,
        f"{_HOLD}/placement",
        "placeHold",
        "Place a hold that was proposed",
        description=f"{_ANOTHER} proposed it. From now on no erasure is asked for or approved.",
    ),
    single(DropHold, f"{_HOLD}/drop", "dropHold", "Drop a hold that is only proposed"),
    single(ProposeLift, f"{_HOLD}/lift", "proposeLift", "Propose to lift a hold"),
    single(
        LiftHold,
        f"{_HOLD}/lift/approval",
        "liftHold",
        "Lift a hold",
        description=f"{_ANOTHER} proposed that.",
    ),
)
