"""An erasure takes two, and a hold is stronger, whichever of them comes first."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.privacy import (
    ErasureApproved,
    ErasureCertified,
    ErasureRequested,
    ErasureWithdrawn,
    HoldDropped,
    HoldLifted,
    HoldPlaced,
    HoldProposed,
    LiftProposed,
    approve,
    certify,
    drop_hold,
    lift_hold,
    place_hold,
    privacy,
    propose_hold,
    propose_lift,
    request,
    withdraw,
)
from tests.given import given

ADA, BOB = UUID(int=1), UUID(int=2)
asked = ErasureRequested(ADA, "objection", "DSR-1", "She asked.")
agreed = ErasureApproved(BOB)
done = ErasureCertified(datetime(2026, 11, 25, tzinfo=UTC), 7, 3, (("prospects", 1),), 0, 1)
proposed, placed = HoldProposed(ADA, "suit"), HoldPlaced(BOB, "suit")
SAME = ("objection", "DSR-1", "She asked.")


def test_it_is_asked_for_once():
    given(privacy).when(request, ADA, *SAME).then(asked)
    given(privacy, asked).when(request, ADA, *SAME).then()
    given(privacy, asked).when(request, BOB, *SAME).refused("privacy.requested")


def test_who_asked_cannot_approve():
    given(privacy, asked).when(approve, ADA).refused("privacy.four-eyes")
    given(privacy, asked).when(approve, BOB).then(agreed)
    given(privacy, asked, agreed).when(approve, BOB).then()
    given(privacy).when(approve, BOB).refused("privacy.unknown")


def test_it_is_withdrawn_until_it_is_approved():
    given(privacy, asked).when(withdraw, BOB).then(ErasureWithdrawn(BOB))
    given(privacy).when(withdraw, BOB).then()
    given(privacy, asked, agreed).when(withdraw, ADA).refused("privacy.approved")
    given(privacy, asked, ErasureWithdrawn(BOB)).when(approve, BOB).refused("privacy.unknown")


def test_it_is_certified_once_and_only_if_two_agreed():
    given(privacy, asked, agreed).when(certify, done).then(done)
    given(privacy, asked, agreed, done).when(certify, done).then()
    given(privacy, asked).when(certify, done).then()


def test_nothing_is_asked_about_who_is_erased():
    given(privacy, asked, agreed, done).when(request, ADA, *SAME).refused("subject.erased")
    given(privacy, asked, agreed, done).when(propose_hold, ADA, "suit", None).refused("subject.erased")


def test_a_hold_takes_two():
    given(privacy).when(propose_hold, ADA, "suit", None).then(proposed)
    given(privacy, proposed).when(propose_hold, BOB, "suit", None).then()
    given(privacy, proposed).when(propose_hold, BOB, "suit", done.erased_at).refused("privacy.hold-exists")
    given(privacy, proposed).when(place_hold, ADA, "suit").refused("privacy.four-eyes")
    given(privacy, proposed).when(place_hold, BOB, "suit").then(placed)
    given(privacy, proposed, placed).when(place_hold, BOB, "suit").then()
    given(privacy).when(place_hold, BOB, "suit").refused("privacy.hold-unknown")


def test_a_hold_refuses_asking_and_approving():
    given(privacy, proposed, placed).when(request, ADA, *SAME).refused("privacy.held")
    state = given(privacy, asked, proposed, placed).when(approve, BOB)
    state.refused("privacy.held")
    # The control: a proposal alone holds nothing, and neither does a hold that was lifted.
    given(privacy, asked, proposed).when(approve, BOB).then(agreed)
    lifted = (LiftProposed(ADA, "suit"), HoldLifted(BOB, "suit"))
    given(privacy, asked, proposed, placed, *lifted).when(approve, BOB).then(agreed)


@pytest.mark.parametrize("decide", [place_hold, propose_hold])
def test_no_hold_comes_after_the_approval(decide):
    more = (None,) if decide is propose_hold else ()
    given(privacy, proposed, asked, agreed).when(decide, BOB, "suit", *more).refused("privacy.approved")


def test_lifting_takes_two():
    given(privacy, proposed, placed).when(propose_lift, BOB, "suit").then(LiftProposed(BOB, "suit"))
    given(privacy, proposed).when(propose_lift, BOB, "suit").refused("privacy.hold-unknown")
    given(privacy, proposed, placed).when(lift_hold, BOB, "suit").refused("privacy.lift-unknown")
    wanted = given(privacy, proposed, placed, LiftProposed(BOB, "suit"))
    wanted.when(lift_hold, BOB, "suit").refused("privacy.four-eyes")
    wanted.when(lift_hold, ADA, "suit").then(HoldLifted(ADA, "suit"))


def test_only_a_proposal_is_dropped():
    given(privacy, proposed).when(drop_hold, ADA, "suit").then(HoldDropped(ADA, "suit"))
    given(privacy, proposed, placed).when(drop_hold, ADA, "suit").refused("privacy.held")
    given(privacy).when(drop_hold, ADA, "suit").then()
