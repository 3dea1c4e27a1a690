"""The last look at the whole record is what stands."""

from datetime import UTC, datetime

from msgspec.structs import replace

from domain.proofs import Agreed, Checked, Disputed, Fault, agree, dispute, proofs
from tests.given import given

sound = Checked(datetime(2026, 1, 1, tzinfo=UTC), 1.0, True, 1, 9, 9, 1, ("prospects",), True, 0, ())


def test_each_look_takes_the_place_of_the_one_before():
    unsound = replace(sound, sound=False, faults=(Fault("altered", 1, 7),))
    assert proofs.fold([]).checked is None
    assert proofs.fold([sound, unsound]).checked == unsound
    assert proofs.fold([unsound, sound]).checked == sound


def test_a_dispute_is_recorded_once_and_ends_when_that_witness_cosigns_again():
    one, other = Disputed("w1", "another history"), Disputed("w2", "another history")
    given(proofs).when(dispute, "w1", "another history").then(one)
    given(proofs, one).when(dispute, "w1", "another history of 9 events").then()
    given(proofs, one).when(dispute, "w2", "another history").then(other)
    given(proofs, one).when(agree, "w2").then()
    given(proofs, one, other).when(agree, "w1").then(Agreed("w1"))
    assert set(proofs.fold([one, other, Agreed("w1")]).disputed) == {"w2"}
    assert proofs.fold([one, sound]).disputed
