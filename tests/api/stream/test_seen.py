"""What a follower is told of persons is written down before it is sent."""

import pytest

from domain.audit import Read
from tests.api.stream.conftest import sealed
from tests.api.stream.followers import KINDS, facts, follow

both = pytest.mark.parametrize("kind", KINDS)


@both
def test_each_person_who_is_told_of_is_written_down_first(kind, house):
    key = house.key("Member")
    house.capture(3)
    house.win()
    with follow(kind, house, key.text, after="1:0", capabilities="prospects") as messages:
        assert len(facts(messages, 4)) == 4
    [seen] = house.journal.seen
    assert (seen.query, seen.actor.id, seen.permission) == ("stream.follow", key.id, "prospects.read-personal")
    assert (seen.look.rows, set(seen.fields)) == (4, {"name", "email"})
    assert dict(seen.filter)["capabilities"] == "prospects"
    assert seen.circumstances.session.startswith("stream:")


@both
def test_what_is_followed_for_somebody_is_on_record_for_them(kind, house):
    house.capture(1)
    told = {"Everlog-On-Behalf-Of": "user:0199c0de-0000-7000-8000-000000000001"}
    with follow(kind, house, house.key("Member").text, after="1:0", capabilities="prospects", told=told) as messages:
        assert len(facts(messages, 1)) == 1
    [seen] = house.journal.seen
    assert (seen.actor.kind, str(seen.on_behalf_of)) == ("key", told["Everlog-On-Behalf-Of"])


@both
def test_who_is_told_of_nobody_leaves_no_note(kind, house):
    house.capture(2)
    with follow(kind, house, house.key("Viewer").text, after="1:0", capabilities="prospects") as messages:
        assert [fact["data"]["name"] for fact in facts(messages, 2)] == [None, None]
    assert house.journal.seen == []


@both
def test_a_stream_whose_notes_nobody_takes_tells_of_nobody_and_ends(kind, house):
    house.journal.full = True
    house.capture(2)
    with follow(kind, house, house.key("Member").text, after="1:0") as messages:
        told = list(messages)
    assert told[-1] == {"kind": "end", "code": "audit.unrecorded"}
    assert not any("Ada" in str(each) for each in told)


@both
def test_a_reader_s_filter_is_not_told_or_following_the_trail_would_feed_it(kind, house):
    house.append(Read("prospects.list", house.tenant, ("name",), (), sealed((("id", "7"),))), "audit")
    with follow(kind, house, house.key().text, after="1:0", capabilities="audit") as messages:
        [fact] = facts(messages, 1)
    assert (fact["data"]["filter"], fact["withheld"]) == (None, ["filter"])
    assert house.journal.seen == []
