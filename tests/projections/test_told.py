"""What leaves of a fact is all that is about nobody, and nothing that is about somebody, be it sealed or open."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.audit import Look, Operated, Read
from domain.exports import Begun
from domain.kernel import Erased, Recorded, Sealed, Unreadable
from domain.orgs import Joined, Removed, RoleChanged
from domain.prospects import StageMoved
from domain.searches import Saved
from projections.audit.told import Told, clear, told
from tests.adapters.codec.facts import AT, CODEC, decoded, recorded, structs

ADA, BOB, EVE = UUID(int=1), UUID(int=2), UUID(int=3)
SHAPES = [CODEC.shapes[tag] for tag in sorted(CODEC.shapes)]
LOOSE = settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])


def event(fact, **named):
    return Recorded(1, f"x/{EVE}", 1, AT, decoded(recorded(fact, **named)).meta, fact)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.tag)
@LOOSE
@given(st.data())
def test_of_no_fact_anything_personal_or_secret_leaves(shape, data):
    """As it is recorded, and also where it was opened."""
    fact = data.draw(structs(shape.fact))
    personal = {each.name for each in shape.personal}
    for each in (fact, decoded(recorded(fact)).fact):
        left = clear(each)
        assert left.keys().isdisjoint(personal)
        full = {name for name in shape.names if getattr(each, name) not in (None, "")}
        secret = {name for name in full if isinstance(getattr(each, name), bytes)}
        assert left.keys() == full - personal - secret


def test_control_personal_fields_and_secrets_are_there_to_be_left_out():
    assert sum(bool(shape.personal) for shape in SHAPES) > 5
    assert any("secret" in shape.names for shape in SHAPES)


@pytest.mark.parametrize("value", [Sealed(ADA, "x", b"box"), Erased()])
def test_what_is_sealed_stays_also_where_nothing_should_be(value):
    assert clear(replace(StageMoved("new", "met"), left=value)) == {"entered": "met"}


@pytest.mark.parametrize("fact", [Begun("csv", (), 1, 2, circumstances=False), Saved(ADA, "Mine", ())])
def test_words_that_were_recorded_before_they_were_sealed_stay(fact):
    left = clear(replace(fact, filter=(("q", "Ada"), ("type", "prospects.won"))))
    assert left["filter"] == (("q", ""), ("type", "prospects.won"))
    assert clear(Operated("audit", (("q", "Ada"),)))["given"] == (("q", ""),)


def test_of_a_membership_the_member_and_the_role_are_told():
    for fact in (Joined(ADA, "Admin"), RoleChanged(ADA, "Viewer", "Admin"), Removed(ADA, "Admin")):
        found = told(event(fact))
        assert (found.member, found.role) == (ADA, "Admin")


def test_of_a_read_everybody_who_was_shown_is_told_once():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    read = Read("prospects.list", EVE, ("name",), (Look(now, 2, (ADA, BOB)), Look(now, 1, (ADA,))))
    found = told(event(read, subjects=(ADA, BOB, EVE)))
    assert (found.shown, found.rows, found.subjects) == ((ADA, BOB), 3, (ADA, BOB, EVE))
    assert found.fact["fields"] == ("name",)
    assert [each["rows"] for each in found.fact["looks"]] == [2, 1]


def test_of_what_nobody_can_read_nothing_is_told():
    unreadable = replace(event(Joined(ADA, "Admin")), fact=Unreadable("orgs.joined", "it holds Ada"))
    assert told(unreadable) == Told({}, ())
