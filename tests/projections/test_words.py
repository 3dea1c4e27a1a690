"""What an event is found by: whole words, in the clear where they are about nobody, and never else."""

from typing import get_args
from uuid import UUID, uuid4

import pytest
from msgspec.structs import fields, replace

from domain.audit import Denial, Look, Read
from domain.exports import Begun
from domain.kernel import Actor, Circumstances, Meta, Recorded
from domain.privacy import HoldPlaced
from domain.prospects import Captured, Noted
from projections.audit.said import ABOUT, BECAUSE, said
from projections.words import LONGEST, carried, named, words
from tests.deciders import DECIDERS
from tests.projections.test_audit import AT, ONE, TWO
from tests.story import box, story


def recorded(fact, circumstances=None):
    meta = Meta(TWO, Actor("key", TWO), "prospects.capture", circumstances=circumstances)
    return Recorded(1, f"prospects/{ONE}", 1, AT, meta, fact, fact.__struct_config__.tag)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ada Lovelace", {"ada", "lovelace"}),
        ("ada@Example.org, DSR-2026/17", {"ada", "example", "org", "dsr", "2026", "17"}),
        ("ﬁne STRASSE straße", {"fine", "strasse"}),
        ("e\u0301clair Éclair", {"éclair"}),
        (f"see {TWO!s}.", {"see", str(TWO)}),
        ("  -- _ ", set()),
        ("a" * 100, {"a" * LONGEST}),
    ],
)
def test_a_text_is_divided_into_words(text, found):
    assert words(text) == found


def test_what_is_about_nobody_is_found_in_the_clear():
    denial = said(recorded(Denial("prospects.Move", "prospects.move", "access.denied", f"prospects/{TWO}")))
    assert denial.plain == {"audit", "refused", "prospects", "move", "access", "denied", str(TWO), named(TWO)}
    held = said(recorded(HoldPlaced(TWO, "Miller v. Acme")))
    assert held.plain == {"privacy", "hold", "placed", str(TWO), "miller", "v", "acme", named(ONE)}
    taken = said(recorded(Begun("csv", (("actor", "x1"),), 1, 2, circumstances=False)))
    assert {"actor", "x1", "csv"} <= taken.plain


def test_what_is_about_a_person_is_never_in_the_clear():
    event = story(1)[0]
    assert isinstance(event.fact, Captured)
    found = said(event)
    assert [(each.scope, each.value) for each in found.hidden[:2]] == [
        (ABOUT, event.fact.name),
        (ABOUT, event.fact.email),
    ]
    assert found.plain <= {"prospects", "captured", event.fact.industry, named(event.id)}
    unsealed = said(recorded(Captured("Ada", "ada@example.org", "engines"), Circumstances(reason="whispered")))
    assert unsealed == (frozenset({"prospects", "captured", "engines", named(ONE)}), ())


def test_a_reason_is_looked_for_apart_from_what_was_recorded():
    event = recorded(Noted("maps"))
    why = box(event, ONE, "meta", Circumstances(reason="whispered"))
    text = box(event, TWO, "text", "maps")
    event = replace(event, fact=Noted(text), told=replace(event.meta, circumstances=why))
    assert [(each.scope, each.part) for each in said(event).hidden] == [(ABOUT, ""), (BECAUSE, "reason")]


def test_every_word_of_an_event_finds_it_however_many_there_are():
    many = frozenset(str(uuid4()) for _ in range(5000))
    found = said(recorded(Begun("csv", tuple((each, "x") for each in many), 1, 2, circumstances=False)))
    assert found.plain == many | {"exports", "begun", "csv", "x", str(UUID(int=0)), named(ONE)}


def test_an_event_about_several_is_found_by_each_and_by_no_text():
    event = recorded(Read("prospects.list", TWO, ("name",), ()))
    event = replace(event, stream=f"audit/{TWO}", told=replace(event.meta, subjects=(ONE, TWO)))
    assert {named(ONE), named(TWO)} <= said(event).plain
    told = recorded(Begun("csv", (("reason", named(ONE)),), 1, 2, circumstances=False))
    assert named(ONE) not in said(replace(told, stream=f"exports/{TWO}")).plain


def test_a_read_is_found_by_each_request_that_it_tells_of_and_by_no_text():
    looks = (Look(AT, 1, (ONE,), ONE, "00-a"), Look(AT, 0, (), TWO, "00-a"), Look(AT, 0, ()))
    found = said(recorded(Read("prospects.list", TWO, ("name",), looks))).plain
    assert {each for each in found if " " in each} == {
        named(ONE),
        carried("correlation", ONE),
        carried("correlation", TWO),
        carried("trace", "00-a"),
    }
    assert str(ONE) not in found, "identifiers of requests are asked for by their own filter"


def test_every_fact_of_the_house_has_words():
    """Nothing that the house records makes the fold stop; and an identifier in a fact is a word."""
    for kind in [kind for each in DECIDERS for kind in get_args(each.facts)]:
        values = {each.name: uuid4() if each.type is UUID else "" if each.type is str else () for each in fields(kind)}
        found = said(recorded(kind(**values)))
        assert {str(each) for each in values.values() if each} <= found.plain
        assert set(kind.__struct_config__.tag.partition(".")[0].split("_")) <= found.plain
