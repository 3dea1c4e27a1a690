from datetime import UTC, datetime
from uuid import UUID

from domain.audit import Denial
from domain.kernel import Actor, Meta, Recorded, Sealed
from domain.prospects import Captured, Prospect, StageMoved, prospects
from projections.audit import Change, audit, changes

AT = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)


def recorded(fact, stream="audit/" + str(ONE)):
    meta = Meta(TWO, Actor("key", TWO), "prospects.capture", "role:Member")
    return Recorded(1, stream, 1, AT, meta, fact, fact.__struct_config__.tag)


def test_a_refusal_stands_with_what_was_refused():
    [entry] = audit.fold(
        [], [recorded(Denial("prospects.Capture", "prospects.capture", "access.denied", f"prospects/{TWO}"))]
    )
    assert (entry.outcome, entry.code, entry.capability, entry.resource) == (
        "refused",
        "access.denied",
        "prospects",
        TWO,
    )
    assert (entry.version, entry.command, entry.rule) == (0, "prospects.Capture", "role:Member")


def test_a_refusal_of_nothing_in_particular_is_about_the_permissions_capability():
    [entry] = audit.fold([], [recorded(Denial("audit.Trail", "audit.read", "access.denied"))])
    assert (entry.capability, entry.resource) == ("audit", ONE)


def test_what_was_done_stands_with_its_stream():
    [entry] = audit.fold([], [recorded(StageMoved("new", "met"), f"prospects/{TWO}")])
    assert (entry.outcome, entry.capability, entry.resource, entry.version) == ("accepted", "prospects", TWO, 1)


def test_changes_are_told_field_by_field():
    captured = Captured("Ada", "ada@example.org", "engines")
    before = prospects.fold([captured])
    assert changes(before, prospects.fold([captured, StageMoved("new", "met")])) == [Change("stage", "new", "met")]


def test_what_came_is_told_in_each_of_its_fields():
    captured = Captured("Ada", Sealed(ONE, "b", b"box"), "engines")
    assert changes(Prospect(), prospects.fold([captured])) == [
        Change("captured.name", None, "Ada"),
        Change("captured.email", None, Sealed(ONE, "b", b"box")),
        Change("captured.industry", None, "engines"),
        Change("captured.attributes", None, ()),
    ]


def test_nothing_changed_is_nothing():
    assert changes(Prospect(), Prospect()) == []
