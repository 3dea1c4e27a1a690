"""An export begins once and ends once; what left of it is never told otherwise."""

from msgspec.structs import replace

from domain.exports import Begun, Ended, begin, end, exports
from tests.given import given

BEGUN = Begun("csv", (("type", "prospects.won"),), 1, 40, circumstances=False)
ENDED = Ended(rows=2, first=3, last=9, size=200, digest="0" * 64, whole=True)


def test_it_begins_and_ends():
    given(exports).when(begin, BEGUN).then(BEGUN)
    given(exports, BEGUN).when(end, ENDED).then(ENDED)


def test_to_say_it_again_changes_nothing():
    given(exports, BEGUN).when(begin, BEGUN).then()
    given(exports, BEGUN, ENDED).when(end, ENDED).then()


def test_nothing_else_is_said_of_it():
    given(exports, BEGUN).when(begin, replace(BEGUN, upto=41)).refused("exports.exists")
    given(exports, BEGUN, ENDED).when(end, replace(ENDED, rows=1)).refused("exports.exists")


def test_what_never_began_does_not_end():
    given(exports).when(end, ENDED).refused("exports.unknown")
