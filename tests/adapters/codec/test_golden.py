"""Nothing that was ever written becomes unreadable: tags and fields only grow, and recorded events still fold.

After adding a fact or a field, write the files anew: EVERLOG_GOLDEN=1 pytest tests/adapters/codec/test_golden.py.
That only adds: what stands in them already is kept, and the tests go on comparing with it.
"""

import copy
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from msgspec.structs import replace

from adapters.codec.golden import describe, shrunk
from adapters.codec.shape import MARK
from domain.kernel import Actor, Circumstances, Erased, Meta, Unreadable
from tests.adapters.codec.facts import CODEC, OPENER, keys, structs

FOLDER = Path(__file__).parents[2] / "golden"
FACTS, EVENTS = FOLDER / "facts.json", FOLDER / "events.json"
WRITING = bool(os.environ.get("EVERLOG_GOLDEN"))
AT = datetime(2026, 11, 22, tzinfo=UTC)
ACTOR = Actor("user", UUID("0199f0aa-0000-7000-8000-000000000007"))
STREAM = "0199f0aa-0000-7000-8000-000000000002"


def known(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def example(shape):
    """A fact with something in every field."""
    found: list = []

    @seed(20261122)
    @settings(max_examples=60, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(structs(shape.fact))
    def draw(fact):
        found.append(fact)

    draw()
    return max(found, key=lambda fact: (sum(bool(getattr(fact, name)) for name in shape.names), len(repr(fact))))


def record(shape) -> dict:
    """An event of a fact as the log would hold it, and the fact in the clear."""
    fact = example(shape)
    stream = f"{shape.tag.partition('.')[0]}/{STREAM}"
    meta = Meta(
        UUID("0199f0aa-0000-7000-8000-000000000001"),
        ACTOR,
        f"{shape.tag}.golden",
        schema=shape.schema,
        subjects=tuple(dict.fromkeys(CODEC.subjects(fact, UUID(STREAM)))),
        occurred_at=AT - timedelta(days=1),
        circumstances=Circumstances("192.0.2.1", "session", "agent", "reason"),
    )
    return {
        "stream": stream,
        "schema": shape.schema,
        "meta": CODEC.encode_meta(meta, stream, 1, keys()).decode(),
        "body": CODEC.encode(fact, stream, 1, keys()).decode(),
        "clear": plain(fact),
    }


@pytest.fixture(scope="module", autouse=True)
def written():
    if not WRITING:
        return
    before, now = known(FACTS), describe(CODEC)
    assert shrunk(before, now) == []
    write(FACTS, {**before, **now})
    events = known(EVENTS)
    for tag, shape in CODEC.shapes.items():
        events.setdefault(f"{tag}/{shape.schema}", record(shape))
    write(EVENTS, events)


def read(key: str):
    event = known(EVENTS)[key]
    tag = key.partition("/")[0]
    raw = (1, event["stream"], 1, tag, AT, event["meta"].encode(), event["body"].encode(), 1)
    return CODEC.decode(raw)


def test_what_was_written_can_still_be_read():
    assert shrunk(known(FACTS), describe(CODEC)) == []


def test_every_fact_is_on_file():
    # What is new has to be added to the files, or nobody would miss it later: see above.
    assert describe(CODEC) == {tag: known(FACTS)[tag] for tag in known(FACTS) if tag in CODEC.shapes}
    assert {f"{tag}/{shape.schema}" for tag, shape in CODEC.shapes.items()} <= known(EVENTS).keys()


@pytest.mark.parametrize("key", sorted(known(EVENTS)))
def test_a_recorded_event_still_decodes_opens_and_folds(key):
    event = read(key)
    assert not isinstance(event.fact, Unreadable), event.fact
    opened, _ = OPENER.open(event, keys())
    assert opened.meta.circumstances == Circumstances("192.0.2.1", "session", "agent", "reason")
    # A field that came later is in neither the body nor the clear text of it.
    told = known(EVENTS)[key]["clear"]
    assert {name: value for name, value in plain(opened.fact).items() if name in told} == told
    assert fold(event.type, opened.fact) is not None


@pytest.mark.parametrize("key", sorted(known(EVENTS)))
def test_an_event_whose_subjects_are_erased_still_decodes_and_folds(key):
    event = read(key)
    erased, _ = OPENER.open(event, lambda _: Erased())
    # A field that came later is not in the body.
    body = known(EVENTS)[key]["body"]
    personal = {field.name: Erased() for field in CODEC.shapes[event.type].personal if f'"{MARK}{field.name}' in body}
    assert erased.fact == replace(erased.fact, **personal)
    assert fold(event.type, erased.fact) is not None
    assert fold(event.type, event.fact) is not None


def plain(fact) -> dict:
    return json.loads(msgspec.json.encode(fact))


def fold(tag, fact):
    decider = next(each for each in CODEC.deciders if type(fact) in kinds(each))
    return decider.fold([fact])


def kinds(decider):
    return get_args(decider.facts) or (decider.facts,)


def mutated(change):
    before = describe(CODEC)
    now = copy.deepcopy(before)
    change(now)
    return shrunk(before, now)


CAPTURED = "prospects.captured"


def test_a_tag_that_disappears_is_found():
    assert mutated(lambda now: now.pop(CAPTURED)) == [f"{CAPTURED} has disappeared: a tag stays for ever"]


def test_a_field_that_changes_is_found():
    def change(now):
        now[CAPTURED]["fields"]["industry"]["type"] = {"type": "integer"}
        now[CAPTURED]["fields"]["name"]["personal"] = False
        now[CAPTURED]["fields"]["attributes"]["required"] = True
        del now["prospects.noted"]["fields"]["text"]

    assert mutated(change) == [
        f"{CAPTURED}.attributes has lost its default",
        f"{CAPTURED}.industry has changed its type",
        f"{CAPTURED}.name has changed its personal",
        "prospects.noted.text has disappeared: it stands in bodies that are recorded",
    ]


def test_the_parts_of_a_value_may_only_grow_too():
    def part(now):
        return now["predictions.made"]["fields"]["features"]["type"]["$defs"]["Features"]

    grow = {"mood": {"type": "string", "default": ""}}
    assert mutated(lambda now: part(now)["properties"].update(grow)) == []
    changed = ["predictions.made.features has changed its type"]
    assert mutated(lambda now: part(now)["properties"].pop("codes")) == changed
    assert mutated(lambda now: part(now)["properties"]["codes"].update(type="string")) == changed
    assert mutated(lambda now: part(now)["required"].append("codes")) == changed


def test_a_new_field_needs_a_default():
    field = describe(CODEC)[CAPTURED]["fields"]["name"]
    assert mutated(lambda now: now[CAPTURED]["fields"].update(age=field)) == [
        f"{CAPTURED}.age is new and has no default"
    ]
    assert mutated(lambda now: now[CAPTURED]["fields"].update(age={**field, "required": False})) == []


def test_a_schema_never_goes_back():
    before = {"a.b": {"schema": 2, "fields": {}}}
    assert shrunk(before, {"a.b": {"schema": 1, "fields": {}}}) == ["a.b has gone back from schema 2 to 1"]
    assert shrunk(before, {"a.b": {"schema": 3, "fields": {}}}) == []
