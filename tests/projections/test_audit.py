import asyncio
from datetime import UTC, datetime
from uuid import UUID

from msgspec.structs import replace

from domain.audit import Denial, SignedIn
from domain.kernel import Actor, Meta, Recorded, Sealed
from domain.orgs import Founded, Joined, Removed, RoleChanged, orgs
from domain.predictions import Promoted, Refitted
from domain.prospects import Captured, Prospect, StageMoved, prospects
from projections.audit import Causes, Change, Effects, Entry, audit, changes
from projections.kernel import Page

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


def test_a_sign_in_stands_with_the_credential():
    [entry] = audit.fold([], [recorded(SignedIn(f"api_keys/{TWO}"))])
    assert (entry.outcome, entry.capability, entry.resource, entry.version) == ("accepted", "api_keys", TWO, 0)


def test_what_was_done_stands_with_its_stream():
    [entry] = audit.fold([], [recorded(StageMoved("new", "met"), f"prospects/{TWO}")])
    assert (entry.outcome, entry.capability, entry.resource, entry.version) == ("accepted", "prospects", TWO, 1)


def test_an_event_is_about_the_person_that_it_names_or_that_its_stream_is():
    named = recorded(StageMoved("new", "met"), f"orgs/{ONE}")
    named = replace(named, told=replace(named.meta, subjects=(TWO,)))
    refused = Denial("prospects.win", "prospects.win", "access.denied", f"prospects/{TWO}")
    of_none = recorded(StageMoved("new", "met"), f"orgs/{TWO}")
    told = [named, recorded(StageMoved("new", "met"), f"prospects/{TWO}"), recorded(refused), of_none]
    assert [audit.fold([], [each])[0].subject for each in told] == [TWO, TWO, TWO, None]


def test_a_model_s_decision_names_the_model_and_its_state():
    fitted = Refitted("conversion", 1, "boosting", 3, 4, 7, "state", "build")
    promoted = Promoted("conversion", 1, 4, "online", "pair", ())
    entries = [audit.fold([], [recorded(fact, f"predictions/{ONE}")])[0] for fact in (fitted, promoted)]
    assert [(each.model, each.model_version) for each in entries] == [("conversion", "state"), ("conversion", None)]
    [other] = audit.fold([], [recorded(StageMoved("new", "met"), f"prospects/{TWO}")])
    assert (other.model, other.model_version) == (None, None)


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


def test_of_a_mapping_what_differs_is_told_by_key():
    before = orgs.fold([Founded("Acme"), Joined(ONE, "Admin"), Joined(TWO, "Viewer")])
    for fact, after in ((RoleChanged(TWO, "Viewer", "Manager"), "Manager"), (Removed(TWO, "Viewer"), None)):
        assert changes(before, orgs.evolve(before, fact)) == [Change(f"roles.{TWO}", "Viewer", after)]
    assert changes(orgs.initial, orgs.evolve(orgs.initial, Joined(ONE, "Admin"))) == [
        Change(f"roles.{ONE}", None, "Admin")
    ]


def test_nothing_changed_is_nothing():
    assert changes(Prospect(), Prospect()) == []


class Told:
    """The trail's rows by key and by one exact value, as `Reads` answers them."""

    def __init__(self, causes):
        """`causes` holds, by position, the position of what caused it; 0 for none, -1 for something not in the log."""
        self.rows: list[Entry] = []
        for position, cause in causes.items():
            meta = Meta(
                UUID(int=position), Actor("key", TWO), "p", causation=UUID(int=cause % 10**9) if cause else None
            )
            said = Recorded(
                position, f"prospects/{TWO}", 1, AT, meta, StageMoved("new", "met"), "prospects.stage-moved"
            )
            self.rows = audit.fold(self.rows, [said])

    async def one(self, view, key):
        return next((row for row in self.rows if row.position == key), None)

    async def page(self, view, where, *, sort, limit):
        [is_] = where
        found = [row for row in self.rows if getattr(row, is_.column) == is_.value]
        return Page(found[:limit], "more" if len(found) > limit else "")


def chain(query, causes):
    found = asyncio.run(query.answer(Told(causes)))
    return found and ([each.position for each in found.entries], found.whole)


def test_a_chain_is_followed_both_ways():
    causes = {1: 0, 2: 1, 3: 2, 4: 2, 5: 0, 6: -1}
    assert chain(Causes(position=4), causes) == ([1, 2], True)
    assert chain(Effects(position=1), causes) == ([2, 3, 4], True)
    assert chain(Causes(position=6), causes) == ([], True)
    assert chain(Effects(position=6), causes) == ([], True)
    assert chain(Causes(position=7), causes) is None


def test_a_chain_that_closes_on_itself_ends():
    assert chain(Causes(position=1), {1: 2, 2: 1}) == ([2], True)
    assert chain(Effects(position=1), {1: 2, 2: 1}) == ([2], True)


def test_of_a_long_chain_the_nearest_are_told():
    line = {position: position - 1 for position in range(1, 204)}
    assert chain(Causes(position=201), line) == (list(range(1, 201)), True)
    assert chain(Causes(position=203), line) == (list(range(3, 203)), False)
    assert chain(Effects(position=1), {1: 0} | dict.fromkeys(range(2, 300), 1)) == (list(range(2, 202)), False)
