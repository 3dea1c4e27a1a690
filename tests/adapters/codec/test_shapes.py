"""Facts about others than the stream's subject, facts of earlier schemas, and facts that could not be stored."""

from typing import Annotated, ClassVar
from uuid import UUID

import pytest
from msgspec import Meta as Note
from msgspec import Struct
from msgspec.structs import replace

from adapters.codec import Codec, Opener
from domain.kernel import Decider, Erased, Fact, Personal, Sealed, Unreadable
from tests.adapters.codec.facts import STREAM, decoded, gone, keys, recorded


class Met(Fact, frozen=True, tag="people.met"):
    guest: UUID
    words: Annotated[Personal[str], Note(extra={"subject": "guest"})]
    where: Personal[str] | None = None


class Row(Struct, frozen=True):
    words: Personal[str]
    seen: tuple[Met, ...] = ()


class Old(Fact, frozen=True, tag="people.moved"):
    town: Personal[str]
    street: str


class New(Fact, frozen=True, tag="people.moved"):
    schema: ClassVar[int] = 3
    place: Personal[str]
    street: str
    country: str


def decider(facts, **upcasts):
    return Decider("people", facts, None, lambda state, fact: state, **upcasts)


PEOPLE = Codec([decider(Met)])


def test_a_field_may_be_about_somebody_else():
    met = Met(UUID(int=8), "hello")
    read = decoded(recorded(met, PEOPLE), PEOPLE).fact
    assert (read.words.subject, read.where.subject) == (UUID(int=8), UUID(STREAM[-36:]))
    assert list(PEOPLE.subjects(met, UUID(int=5))) == [UUID(int=8), UUID(int=5)]
    opener = Opener(PEOPLE)
    assert opener.open(read, keys())[0] == met
    assert opener.open(Row(read.words, (read,)), keys())[0] == Row("hello", (met,))
    one = opener.open(read, lambda subject: Erased() if subject == UUID(int=8) else keys()(subject))[0]
    assert one == replace(met, words=Erased())


CHAIN = {
    ("people.moved", 1): lambda body: {**body, "country": "?"},
    ("people.moved", 2): lambda body: {"place": body.pop("town"), **body},
}


def test_an_old_schema_is_led_to_the_new_one_without_a_key():
    old, new = Codec([decider(Old)]), Codec([decider(New, upcasts=CHAIN)])
    read = decoded(recorded(Old("Turin", "Via Po"), old), new)
    assert isinstance(read.fact.place, Sealed)
    assert Opener(new).open(read.fact, keys())[0] == New("Turin", "Via Po", "?")
    assert Opener(new).open(read.fact, gone)[0] == New(Erased(), "Via Po", "?")


def test_a_schema_of_a_later_program_is_unreadable():
    new, old = Codec([decider(New, upcasts=CHAIN)]), Codec([decider(Old)])
    read = decoded(recorded(New("Turin", "Via Po", "it"), new), old)
    assert read.fact == Unreadable("people.moved", "schema 3 is of a later program; this one knows 1")


def test_an_upcaster_that_fails_makes_an_event_unreadable():
    broken = {**CHAIN, ("people.moved", 2): lambda body: {"place": body["city"]}}
    new = Codec([decider(New, upcasts=broken)])
    read = decoded(recorded(Old("Turin", "Via Po"), Codec([decider(Old)])), new)
    assert read.fact == Unreadable("people.moved", "cannot be read (KeyError)")


def test_a_missing_upcaster_is_refused_at_the_start():
    with pytest.raises(TypeError, match="upcaster"):
        Codec([decider(New, upcasts={("people.moved", 2): CHAIN["people.moved", 2]})])


class Later(Fact, frozen=True, tag="people.met"):
    guest: UUID
    words: Annotated[Personal[str], Note(extra={"subject": "guest"})]
    where: Personal[str] | None = None
    mood: Personal[str] = "unknown"
    tags: tuple[str, ...] = ()


def test_a_field_that_came_later_has_its_default():
    read = decoded(recorded(Met(UUID(int=8), "hello"), PEOPLE), Codec([decider(Later)]))
    assert (read.fact.mood, read.fact.tags) == ("unknown", ())


class Nested(Fact, frozen=True, tag="people.nested"):
    rows: tuple[Row, ...]


class Lost_(Fact, frozen=True, tag="people.lost"):
    words: Annotated[Personal[str], Note(extra={"subject": "nobody"})]


class Twice(Fact, frozen=True, tag="people.met"):
    pass


@pytest.mark.parametrize(
    ("facts", "why"), [(Nested, "Personal"), (Lost_, "nobody"), (Met | Twice, "twice"), (Fact, "tag")]
)
def test_facts_that_could_not_be_stored_are_refused_at_the_start(facts, why):
    with pytest.raises(TypeError, match=why):
        Codec([decider(facts)])
