from uuid import UUID

from domain.searches import Dropped, Saved, Shared, Withdrawn, drop, save, searches, share, withdraw
from tests.given import given

ADA, BOB = UUID(int=1), UUID(int=2)
WHAT = (("outcome", "refused"),)
SAVED = Saved(ADA, "Refusals", WHAT)


def test_a_search_is_saved_and_saved_again_by_its_owner():
    given(searches).when(save, SAVED).then(SAVED)
    given(searches, SAVED).when(save, SAVED).then()
    given(searches, SAVED).when(save, Saved(ADA, "All", ())).then(Saved(ADA, "All", ()))
    given(searches, SAVED).when(save, Saved(BOB, "Refusals", WHAT)).refused("searches.exists")


def test_it_is_shared_and_taken_back():
    given(searches, SAVED).when(share, ADA).then(Shared())
    given(searches, SAVED, Shared()).when(share, ADA).then()
    given(searches, SAVED, Shared()).when(withdraw, ADA).then(Withdrawn())
    given(searches, SAVED).when(withdraw, ADA).then()


def test_nobody_else_changes_it_and_a_private_one_is_not_there_for_them():
    for change in (share, withdraw, drop):
        given(searches, SAVED).when(change, BOB).refused("searches.unknown")
        given(searches, SAVED, Shared()).when(change, BOB).refused("searches.not-yours")
        given(searches).when(change, ADA).refused("searches.unknown")


def test_what_is_dropped_is_gone_for_everybody():
    gone = SAVED, Shared(), Dropped()
    given(searches, SAVED).when(drop, ADA).then(Dropped())
    for by in (ADA, BOB):
        assert not searches.fold(gone).shows(by)
        given(searches, *gone).when(share, by).refused("searches.unknown")
        given(searches, *gone).when(save, Saved(by, "Refusals", WHAT)).refused("searches.exists")


def test_it_is_shown_to_its_owner_and_once_shared_to_all():
    assert searches.fold([SAVED]).shows(ADA)
    assert not searches.fold([SAVED]).shows(BOB)
    assert searches.fold([SAVED, Shared()]).shows(BOB)
    assert not searches.fold([SAVED, Shared(), Withdrawn()]).shows(BOB)
