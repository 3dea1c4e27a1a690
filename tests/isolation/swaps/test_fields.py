"""No field of the log opens in another's place, and no message under another's headers.

The keys are made as weak as the claim allows: where one key could serve two places, it does, so that it is the place
alone that a box is refused for. The controls leave the associated data out, and see it open.
"""

from uuid import UUID, uuid4

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.codec.shape import MARK
from adapters.crypto import SubjectKey
from adapters.nats import message
from domain.kernel import Actor, Circumstances, Meta, Unreadable
from domain.prospects import Noted
from tenants.keys import Misplaced
from tests.adapters.codec.facts import AT, CODEC, OPENER, structs

MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
KEY = bytes(range(32))
SHAPES = [each for each in CODEC.shapes.values() if each.personal]
NOTE = Noted("met")
IDS = [UUID(int=n) for n in (1, 2)]


def told():
    return Meta(uuid4(), Actor("user", IDS[0]), "test", circumstances=Circumstances("192.0.2.1", reason="because"))


@st.composite
def places(draw):
    """Tenant, stream, version and a fact with something personal in it."""
    shape = draw(st.sampled_from(SHAPES))
    stream = f"{draw(st.sampled_from(['prospects', 'privacy']))}/{draw(st.sampled_from(IDS))}"
    return draw(st.sampled_from(IDS)), stream, draw(st.integers(1, 2)), draw(structs(shape.fact))


def recorded(place):
    """An event's row, every key of it the same."""
    tenant, stream, version, fact = place
    meta = replace(told(), schema=CODEC.of(fact).schema)

    def key_of(subject):
        return SubjectKey(KEY, tenant, subject)

    body, metas = (encode(key_of) for encode in (
        lambda key_of: CODEC.encode(fact, stream, version, key_of),
        lambda key_of: CODEC.encode_meta(meta, stream, version, key_of),
    ))  # fmt: skip
    return 1, stream, version, fact.__struct_config__.tag, AT, metas, body, 1


def sealed(place, row):
    """Every box in a row: which part, which member, and what it is bound to."""
    for part in (5, 6):
        for name, value in msgspec.json.decode(row[part]).items():
            if name.startswith(MARK):
                yield part, name, value


def bound_to(place, name, part):
    tenant, stream, version, fact = place
    field = name.removeprefix(MARK).partition("@")[0]
    about = name.partition("@")[2]
    subject = getattr(fact, about) if about else stream[-36:]
    return tenant, stream, version, field, str(subject), "meta" if part == 5 else str(fact.__struct_config__.tag)


def opens(place, row):
    tenant = place[0]
    event = CODEC.decode(row)
    try:
        _, missing = OPENER.open(event, lambda subject: SubjectKey(KEY, tenant, subject))
    except (Misplaced, msgspec.DecodeError):
        return False
    return not missing and not isinstance(event.fact, Unreadable)


def exchanged(one, other, choose):
    """Each event with one of its boxes taken from the other; None where they are of the very same place."""
    rows = [recorded(one), recorded(other)]
    boxes = [choose(sorted(sealed(place, row))) for place, row in zip((one, other), rows, strict=True)]
    if bound_to(one, boxes[0][1], boxes[0][0]) == bound_to(other, boxes[1][1], boxes[1][0]):
        return None
    for row, (part, name, _), (_, _, box) in zip(list(rows), boxes, reversed(boxes), strict=True):
        members = msgspec.json.decode(row[part]) | {name: box}
        rows[rows.index(row)] = (*row[:part], msgspec.json.encode(members), *row[part + 1 :])
    return rows


@MANY
@given(places(), places(), st.data())
def test_no_field_of_the_log_opens_in_the_place_of_another(one, other, data):
    rows = exchanged(one, other, lambda boxes: data.draw(st.sampled_from(boxes)))
    if rows:
        assert not any(opens(place, row) for place, row in zip((one, other), rows, strict=True))
    assert opens(one, recorded(one))


def test_without_associated_data_a_field_of_the_log_would(unbound):
    one, other = ((IDS[0], f"prospects/{IDS[0]}", version, NOTE) for version in (1, 2))
    rows = exchanged(one, other, lambda boxes: boxes[-1])
    assert all(opens(place, row) for place, row in zip((one, other), rows, strict=True))


def carried(place, row):
    event = message.Event(*row)
    return message.headers(place[0], event), message.payload(event)


def arrived(place, headers, payload):
    got = message.read(place[0], headers, payload)
    event = message.Event(got.position, got.stream, got.version, got.type, got.recorded_at, got.meta, got.body, 1)
    return message.digest(event) == got.digest, opens(place, event)


@MANY
@given(places(), places())
def test_no_message_opens_under_the_headers_of_another(one, other):
    messages = [carried(place, recorded(place)) for place in (one, other)]
    (first, _), (_, second) = messages
    assert arrived(one, *messages[0]) == (True, True)
    if bound_to(one, "", 5) != bound_to(other, "", 5) or CODEC.of(one[3]) != CODEC.of(other[3]):
        assert arrived(one, first, second) == (False, False)


def test_without_associated_data_a_message_would(unbound):
    one, other = ((IDS[0], f"prospects/{IDS[0]}", version, NOTE) for version in (1, 2))
    (headers, _), (_, payload) = (carried(place, recorded(place)) for place in (one, other))
    assert arrived(one, headers, payload) == (False, True)
