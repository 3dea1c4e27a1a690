"""The last look at the whole record is what stands."""

from datetime import UTC, datetime

from msgspec.structs import replace

from domain.proofs import Checked, Fault, proofs

sound = Checked(datetime(2026, 1, 1, tzinfo=UTC), 1.0, True, 1, 9, 9, 1, ("prospects",), True, 0, ())


def test_each_look_takes_the_place_of_the_one_before():
    unsound = replace(sound, sound=False, faults=(Fault("altered", 1, 7),))
    assert proofs.fold([]).checked is None
    assert proofs.fold([sound, unsound]).checked == unsound
    assert proofs.fold([unsound, sound]).checked == sound
