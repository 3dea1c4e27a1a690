"""Every fact survives its bytes, erased too; a ciphertext opens in its own place and nowhere else."""

from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.codec import Illegal
from adapters.crypto import SubjectKey
from domain.kernel import NOBODY, Circumstances, Erased, Meta, Sealed, Unreadable
from domain.prospects import Captured, Lost
from tenants.keys import Misplaced
from tests.adapters.codec.facts import (
    ACTOR,
    AT,
    CODEC,
    OPENER,
    STREAM,
    TENANT,
    decoded,
    gone,
    keys,
    recorded,
    structs,
    values,
)

SHAPES = list(CODEC.shapes.values())
PERSONAL = [shape for shape in SHAPES if shape.personal]
ADA = Captured("Ada", "ada@example.org", "engines", (("age", 36.0),))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.tag)
def test_every_fact_survives_its_bytes(shape):
    @given(structs(shape.fact))
    def survives(fact):
        read = decoded(recorded(fact))
        assert type(read.fact) is shape.fact
        assert all(isinstance(getattr(read.fact, field.name), Sealed) for field in shape.personal)
        assert OPENER.open(read.fact, keys()) == (fact, set())

    survives()


@pytest.mark.parametrize("shape", PERSONAL, ids=lambda shape: shape.tag)
def test_every_fact_survives_its_subjects(shape):
    @given(structs(shape.fact))
    def survives(fact):
        erased, missing = OPENER.open(decoded(recorded(fact)).fact, gone)
        assert erased == replace(fact, **{field.name: Erased() for field in shape.personal})
        assert not missing

    survives()


@given(structs(Meta), structs(Circumstances))
def test_metadata_survive_their_bytes(meta, circumstances):
    meta = replace(meta, circumstances=circumstances)
    raw = list(recorded(ADA))
    raw[5] = CODEC.encode_meta(meta, STREAM, 1, keys())
    read = decoded(raw).meta
    assert read.circumstances.subject == meta.actor.id
    assert OPENER.open(read, keys())[0] == meta
    assert OPENER.open(read, gone)[0] == replace(meta, circumstances=Erased())


@given(values(str))
def test_what_is_personal_is_not_in_the_bytes(text):
    text = "Plänted-" + text
    lost = Lost("new", text)
    raw = recorded(lost, circumstances=Circumstances(reason=text))
    for bytes_ in (raw[5], raw[6]):
        assert "Plänted" not in bytes_.decode()
        assert "Pl\\u00e4nted" not in bytes_.decode()


def test_an_empty_value_cannot_be_told_from_a_short_one():
    boxes = [decoded(recorded(Lost("new", text))).fact.reason.box for text in ("", "no", "no budget now")]
    assert len({len(box) for box in boxes}) == 1


def opens(fact) -> bool:
    try:
        OPENER.open(fact, keys())
    except Misplaced:
        return False
    return True


def test_a_ciphertext_opens_in_its_place_alone():
    here = decoded(recorded(ADA)).fact
    assert opens(here)
    assert not opens(replace(here, name=replace(here.name, binding=here.email.binding)))
    swapped = (replace(here.name, box=here.email.box), replace(here.email, box=here.name.box))
    assert not opens(replace(here, name=swapped[0], email=swapped[1]))
    assert not opens(replace(here, name=replace(here.name, subject=UUID(int=9))))
    other = STREAM[:-1] + "9"
    for elsewhere in (recorded(ADA, version=2), recorded(ADA, stream=other), recorded(ADA, tenant=UUID(int=5))):
        there = decoded(elsewhere).fact
        assert not opens(replace(here, name=replace(here.name, box=there.name.box)))


def test_a_body_moved_to_another_event_does_not_open():
    raw, later = list(recorded(ADA)), list(recorded(ADA, version=2))
    assert opens(decoded(later).fact)
    later[6] = raw[6]
    assert not opens(decoded(later).fact)


def test_the_control_of_the_above_a_ciphertext_bound_to_nothing_opens_anywhere():
    class Unbound(SubjectKey):
        def seal(self, plaintext, binding):
            return super().seal(plaintext, "")

        def open(self, box, binding):
            return super().open(box, "")

    unbound = Unbound(bytes(32), TENANT, UUID(int=3))

    first, second = (
        decoded((1, STREAM, version, "prospects.captured", AT, recorded(ADA)[5], body, 1)).fact
        for version in (1, 2)
        for body in [CODEC.encode(ADA, STREAM, version, lambda _: unbound)]
    )
    moved = replace(first, name=second.name, email=replace(first.email, box=second.name.box))
    assert OPENER.open(moved, lambda _: unbound)[0].email == "Ada"


@given(st.binary(max_size=100))
def test_any_altered_body_is_refused_or_unreadable(noise):
    raw = list(recorded(ADA))
    raw[6] = noise
    assert isinstance(decoded(raw).fact, Unreadable)
    raw[5] = noise
    assert isinstance(decoded(raw).fact, Unreadable)


@given(st.binary(max_size=100))
@example(b'{"":""}')
def test_altered_metadata_are_nobodys(noise):
    """And the fact cannot be read, unless they are an object all the same."""
    raw = list(recorded(ADA))
    raw[5] = noise
    try:
        schema = msgspec.json.decode(noise, type=dict).get("schema", 1)
    except (msgspec.DecodeError, UnicodeDecodeError):
        schema = None
    assert isinstance(decoded(raw).fact, Captured if schema == 1 else Unreadable)
    assert decoded(raw).meta == NOBODY


def test_metadata_that_are_json_and_no_metadata_leave_the_fact():
    raw = list(recorded(ADA))
    raw[5] = b'{"event":"nobody knows","schema":1}'
    assert isinstance(decoded(raw).fact, Captured)
    assert decoded(raw).meta == NOBODY


def test_a_flipped_bit_of_a_ciphertext_is_noticed():
    sealed = decoded(recorded(ADA)).fact.name
    for index in range(len(sealed.box)):
        box = bytearray(sealed.box)
        box[index] ^= 1
        assert not opens(replace(sealed, box=bytes(box)))


def test_an_unknown_tag_is_unreadable_and_keeps_its_metadata():
    raw = list(recorded(ADA))
    raw[3] = "prospects.beamed-up"
    read = decoded(raw)
    assert read.fact == Unreadable("prospects.beamed-up", "no fact of this program has this tag")
    assert read.meta.actor == ACTOR


def test_why_an_event_is_unreadable_tells_no_value():
    raw = list(recorded(ADA))
    raw[6] = b'{"type":"prospects.captured","*name":12,"industry":"Planted"}'
    read = decoded(raw)
    assert isinstance(read.fact, Unreadable)
    assert "Planted" not in read.fact.why


def test_a_value_without_its_key_at_hand_stays_sealed_and_is_named():
    fact = decoded(recorded(ADA)).fact
    assert OPENER.open(fact, lambda _: None) == (fact, {fact.name.subject})


@pytest.mark.parametrize("hidden", [Erased(), Sealed(UUID(int=1), "x", b"")])
def test_what_is_hidden_cannot_be_recorded_anew(hidden):
    with pytest.raises(Illegal):
        recorded(replace(ADA, name=hidden))


def test_a_fact_of_no_decider_cannot_be_recorded():
    with pytest.raises(Illegal):
        recorded(Unreadable("x", "y"))


def test_json_is_what_is_stored():
    assert msgspec.json.decode(recorded(ADA)[6]).keys() == {"type", "*name", "*email", "industry", "*attributes"}
