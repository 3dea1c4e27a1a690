"""An erasure takes two, and a hold is stronger, whichever of them comes first."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain.kernel import Actor, Meta, Recorded
from domain.privacy import (
    ConsentGiven,
    ConsentWithdrawn,
    ErasureApproved,
    ErasureBegun,
    ErasureCertified,
    ErasureHalted,
    ErasureRequested,
    ErasureWithdrawn,
    FloorProposed,
    FloorSet,
    HoldDropped,
    HoldLifted,
    HoldPlaced,
    HoldProposed,
    LiftProposed,
    Scope,
    Standing,
    approve,
    approve_floor,
    begin,
    certify,
    drop,
    give,
    halt,
    lift,
    place_hold,
    privacy,
    propose_floor,
    propose_hold,
    propose_lift,
    request,
    standing,
    take_back,
    withdraw,
)
from tests.given import given

ADA, BOB = UUID(int=1), UUID(int=2)
asked = ErasureRequested(ADA, "objection", "DSR-1", "She asked.")
agreed = ErasureApproved(BOB)
done = ErasureCertified(datetime(2026, 11, 25, tzinfo=UTC), 7, 3, (("prospects", 1),), 0, 1)
proposed, placed = HoldProposed(ADA, "suit"), HoldPlaced(BOB, "suit")
FREE = Standing()
SAME = (asked, FREE)


def drop_hold(state, *given):
    return drop(state.holds, *given)


def test_what_is_no_person_s_is_neither_asked_for_nor_approved():
    never = Standing(refusal="privacy.no-person")
    given(privacy).when(request, asked, never).refused("privacy.no-person")
    given(privacy, asked).when(approve, BOB, never).refused("privacy.no-person")
    given(privacy, asked).when(approve, BOB, FREE).then(agreed)


def lift_hold(state, *given):
    return lift(state.holds, *given)


def lifting(state, *given):
    return propose_lift(state.holds, *given)


def test_it_is_asked_for_once():
    given(privacy).when(request, *SAME).then(asked)
    given(privacy, asked).when(request, *SAME).then()
    given(privacy, asked).when(request, replace(asked, by=BOB), FREE).refused("privacy.requested")


def test_who_asked_cannot_approve():
    given(privacy, asked).when(approve, ADA, FREE).refused("privacy.four-eyes")
    given(privacy, asked).when(approve, BOB, FREE).then(agreed)
    given(privacy, asked, agreed).when(approve, BOB, FREE).then()
    given(privacy).when(approve, BOB, FREE).refused("privacy.unknown")


def test_it_is_withdrawn_until_it_is_approved():
    given(privacy, asked).when(withdraw, BOB).then(ErasureWithdrawn(BOB))
    given(privacy).when(withdraw, BOB).then()
    given(privacy, asked, agreed).when(withdraw, ADA).refused("privacy.approved")
    given(privacy, asked, ErasureWithdrawn(BOB)).when(approve, BOB, FREE).refused("privacy.unknown")


def test_it_is_certified_once_and_only_if_two_agreed():
    given(privacy, asked, agreed).when(certify, done).then(done)
    given(privacy, asked, agreed, done).when(certify, done).then()
    given(privacy, asked).when(certify, done).then()


def test_nothing_is_asked_about_who_is_erased():
    given(privacy, asked, agreed, done).when(request, *SAME).refused("subject.erased")
    given(privacy, asked, agreed, done).when(propose_hold, proposed).refused("subject.erased")


def test_a_hold_takes_two():
    given(privacy).when(propose_hold, proposed).then(proposed)
    given(privacy, proposed).when(propose_hold, replace(proposed, by=BOB)).then()
    given(privacy, proposed).when(propose_hold, replace(proposed, until=done.erased_at)).refused("privacy.hold-exists")
    given(privacy, proposed).when(place_hold, ADA, "suit").refused("privacy.four-eyes")
    given(privacy, proposed).when(place_hold, BOB, "suit").then(placed)
    given(privacy, proposed, placed).when(place_hold, BOB, "suit").then()
    given(privacy).when(place_hold, BOB, "suit").refused("privacy.hold-unknown")


def test_a_hold_refuses_asking_and_approving():
    given(privacy, proposed, placed).when(request, *SAME).refused("privacy.held")
    state = given(privacy, asked, proposed, placed).when(approve, BOB, FREE)
    state.refused("privacy.held")
    # The control: a proposal alone holds nothing, and neither does a hold that was lifted.
    given(privacy, asked, proposed).when(approve, BOB, FREE).then(agreed)
    lifted = (LiftProposed(ADA, "suit"), HoldLifted(BOB, "suit"))
    given(privacy, asked, proposed, placed, *lifted).when(approve, BOB, FREE).then(agreed)


@pytest.mark.parametrize(("decide", "words"), [(place_hold, (BOB, "suit")), (propose_hold, (proposed,))])
def test_no_hold_comes_after_the_approval(decide, words):
    given(privacy, proposed, asked, agreed).when(decide, *words).refused("privacy.approved")


def test_lifting_takes_two():
    given(privacy, proposed, placed).when(lifting, BOB, "suit").then(LiftProposed(BOB, "suit"))
    given(privacy, proposed).when(lifting, BOB, "suit").refused("privacy.hold-unknown")
    given(privacy, proposed, placed).when(lift_hold, BOB, "suit").refused("privacy.lift-unknown")
    wanted = given(privacy, proposed, placed, LiftProposed(BOB, "suit"))
    wanted.when(lift_hold, BOB, "suit").refused("privacy.four-eyes")
    wanted.when(lift_hold, ADA, "suit").then(HoldLifted(ADA, "suit"))


def test_only_a_proposal_is_dropped():
    given(privacy, proposed).when(drop_hold, ADA, "suit").then(HoldDropped(ADA, "suit"))
    given(privacy, proposed, placed).when(drop_hold, ADA, "suit").refused("privacy.held")
    given(privacy).when(drop_hold, ADA, "suit").then()


NOW = datetime(2026, 11, 26, tzinfo=UTC)
META = Meta(event=UUID(int=9), actor=Actor("user", ADA), permission="prospects.win")
about = Recorded(7, f"prospects/{UUID(int=3)}", 2, NOW, META, asked, type="prospects.won")


@pytest.mark.parametrize(
    ("fits", "misses"),
    [
        (Scope(resource=about.stream), Scope(resource=f"prospects/{UUID(int=4)}")),
        (Scope(since=NOW), Scope(since=NOW + timedelta(microseconds=1))),
        (Scope(before=NOW + timedelta(microseconds=1)), Scope(before=NOW)),
        (Scope(capability="prospects"), Scope(capability="predictions")),
        (Scope(type="prospects.won"), Scope(type="prospects.lost")),
        (Scope(actor=ADA), Scope(actor=BOB)),
        (Scope(actor=ADA, type="prospects.won"), Scope(actor=BOB, type="prospects.won")),
    ],
)
def test_a_scope_covers_what_fits_all_that_it_names(fits, misses):
    assert fits.covers(about)
    assert not misses.covers(about)


def org(*facts):
    return privacy.fold(facts)


def test_an_organisations_hold_stands_against_whom_it_covers():
    wide = HoldProposed(ADA, "suit", scope=Scope(type="prospects.won"))
    assert standing(org(wide, placed), [about], NOW).matters == ("suit",)
    assert standing(org(wide), [about], NOW).matters == (), "a proposal holds nothing"
    assert standing(org(wide, placed), [replace(about, type="prospects.lost")], NOW).matters == ()
    assert standing(org(proposed, placed), [], NOW).matters == ("suit",), "without a scope it is on everything"
    held = Standing(("suit",))
    given(privacy).when(request, asked, held).refused("privacy.held")
    given(privacy, asked).when(approve, BOB, held).refused("privacy.held")


def test_the_floor_counts_from_the_last_event():
    floor = org(FloorSet(ADA, 30))
    assert standing(floor, [replace(about, at=NOW - timedelta(days=40)), about], NOW).floor == NOW + timedelta(days=30)
    assert standing(floor, [about], NOW + timedelta(days=30)).floor is None
    request_itself = replace(about, stream=f"privacy/{UUID(int=3)}")
    assert standing(floor, [request_itself], NOW).floor is None
    low = Standing((), NOW)
    given(privacy).when(request, asked, low).refused("privacy.floor")
    given(privacy).when(request, unlawful := replace(asked, basis="unlawful-processing"), low).then(unlawful)


def test_what_is_found_before_the_key_goes_voids_the_approval():
    begun = ErasureBegun(7)
    underway = given(privacy, asked, agreed, begun)
    underway.when(halt, FREE).then()
    halted = ErasureHalted(("suit",))
    underway.when(halt, Standing(("suit",))).then(halted)
    given(privacy, asked, agreed, begun, halted).when(certify, done).then()
    given(privacy, asked, agreed, begun, halted).when(approve, BOB, FREE).then(agreed)
    given(privacy, asked, agreed, begun).when(begin, begun).then()
    given(privacy, asked, agreed, begun, halted, agreed).when(begin, begun).then(begun)


def test_a_floor_takes_two():
    def floor(decide):
        return lambda state, *words: decide(state.floor, *words)

    wanted = FloorProposed(ADA, 30)
    given(privacy).when(floor(propose_floor), ADA, 30).then(wanted)
    given(privacy).when(floor(propose_floor), ADA, 0).then()
    given(privacy, wanted).when(floor(propose_floor), BOB, 30).then()
    given(privacy).when(floor(approve_floor), BOB, 30).refused("privacy.floor-unknown")
    given(privacy, wanted).when(floor(approve_floor), ADA, 30).refused("privacy.four-eyes")
    given(privacy, wanted).when(floor(approve_floor), BOB, 9).refused("privacy.floor-unknown")
    given(privacy, wanted).when(floor(approve_floor), BOB, 30).then(FloorSet(BOB, 30))
    given(privacy, wanted, FloorSet(BOB, 30)).when(floor(approve_floor), BOB, 30).then()
    assert privacy.fold([wanted]).floor.days == 0, "a proposal alone keeps nothing"


def test_consent_is_given_and_withdrawn_as_often_as_they_like():
    def consents(decide):
        return lambda state, fact: decide(state.consents, fact)

    given_, withdrawn = ConsentGiven(ADA, "profiling", "form-7"), ConsentWithdrawn(BOB, "profiling")
    given(privacy).when(consents(give), given_).then(given_)
    given(privacy, given_).when(consents(give), given_).then()
    given(privacy, given_).when(consents(take_back), withdrawn).then(withdrawn)
    given(privacy).when(consents(take_back), withdrawn).then(withdrawn)
    given(privacy, given_, withdrawn).when(consents(take_back), withdrawn).then()
    given(privacy, given_, withdrawn).when(consents(give), given_).then(given_)
    other = replace(given_, purpose="newsletter")
    given(privacy, given_, withdrawn).when(consents(give), other).then(other)
