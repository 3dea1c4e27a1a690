"""The pipeline: authorise, idempotency, load, decide, append, answer; also when others get in between."""

import asyncio
from uuid import UUID, uuid4

import pytest

from application.kernel import Once
from application.pipeline import Asked, Done, Rejected
from application.prospects import Capture, Lose, Move, Note, Observe, Win
from application.turn import ATTEMPTS
from domain.audit import Denial
from domain.kernel import Actor, Meta
from domain.prospects import Captured, Noted, SignalObserved
from tests.application.piped import ADA, KEY, TENANT, Permits, caller, piped
from tests.memory import MemoryLogs

ada = Capture(name="Ada", email="ada@example.org")


@pytest.fixture
def logs():
    return MemoryLogs()


@pytest.fixture
def log(logs):
    return logs.of(TENANT)


@pytest.fixture
def pipeline(logs):
    return piped(logs)


def run(pipeline, command, id=ADA, **named):
    return asyncio.run(pipeline.run(caller, Asked(command, id, **named)))


def run_all(pipeline, *asked):
    return asyncio.run(pipeline.run_all(caller, [Asked(*each) if isinstance(each, tuple) else each for each in asked]))


def rejected(pipeline, command, id=ADA, **named):
    with pytest.raises(Rejected) as rejection:
        run(pipeline, command, id, **named)
    return rejection.value


def once(request=b"a", key="k"):
    return Once(KEY, key, request)


def stranger(log, *facts, id=ADA):
    """Somebody else appends these facts."""
    version = sum(each.stream == f"prospects/{id}" for each in log.facts)
    meta = Meta(uuid4(), Actor("user", UUID(int=9)), "prospects.note")
    return lambda: log._append(f"prospects/{id}", version, facts, meta, None)


def facts(log):
    return [each.fact for each in log.facts]


def test_a_command_is_answered_with_its_position(pipeline, log):
    assert run(pipeline, ada) == Done(f"prospects/{ADA}", 1, 1, ("prospects.captured",))
    assert run(pipeline, Move(stage="met")).position == 2
    assert [each.version for each in log.facts] == [1, 2]


def test_what_is_recorded_says_who_may_and_why(pipeline, log):
    run(pipeline, ada, causation=UUID(int=5))
    meta = log.facts[0].meta
    assert (meta.actor, meta.permission, meta.rule) == (caller.actor, "prospects.capture", "rule for prospects.capture")
    assert meta.causation == UUID(int=5)


def test_doing_nothing_is_answered_with_where_things_stand(pipeline, log):
    run(pipeline, ada)
    run(pipeline, Capture(name="Bob", email="bob@example.org"), UUID(int=4))
    assert run(pipeline, ada) == Done(f"prospects/{ADA}", 1, 1)
    assert len(log.facts) == 2


def test_a_first_command_loads_nothing(pipeline, log):
    run(pipeline, ada)
    assert log.loads == 0


def test_a_first_command_that_was_not_the_first_is_decided_anew(pipeline, log):
    run(pipeline, ada)
    assert rejected(pipeline, Capture(name="Bob", email="bob@example.org")).code == "prospects.exists"
    assert log.loads == 1


def test_who_may_not_changes_nothing_and_is_audited(logs, log):
    pipeline = piped(logs, Permits("prospects.win"))
    run(pipeline, ada)
    refusal = rejected(pipeline, Win(value=1, currency="EUR"))
    assert refusal.code == "access.denied"
    assert refusal.position == 2
    assert facts(log)[1:] == [Denial("prospects.win", "prospects.win", "access.denied", f"prospects/{ADA}")]
    assert log.facts[1].stream == f"audit/{log.facts[1].meta.event}"


def test_a_refusal_of_the_domain_is_audited(pipeline, log):
    assert rejected(pipeline, Move(stage="met")).code == "prospects.unknown"
    assert facts(log) == [Denial("prospects.move", "prospects.move", "prospects.unknown", f"prospects/{ADA}")]


def test_a_version_or_a_key_of_idempotency_that_does_not_fit_is_audited(pipeline, log):
    run(pipeline, ada, once=once())
    assert rejected(pipeline, Move(stage="met"), expected=9).position == 2
    assert rejected(pipeline, Note(text="hm"), once=once(b"b")).position == 3
    assert [each.code for each in facts(log)[1:]] == ["precondition.failed", "idempotency.reused"]


def test_a_command_that_lost_to_another_is_decided_anew(pipeline, log):
    run(pipeline, ada)
    log.before_submit = [stranger(log, Noted("called"))]
    assert run(pipeline, Move(stage="met")).version == 3


def test_it_gives_way_in_the_end(pipeline, log):
    run(pipeline, ada)
    log.before_submit = [lambda: stranger(log, Noted("again"))()] * ATTEMPTS  # noqa: PLW0108 - each time anew
    refusal = rejected(pipeline, Move(stage="met"))
    assert refusal.code == "contended"
    assert not any(isinstance(fact, Denial) for fact in facts(log))


def test_the_version_asked_for_must_be_the_stream_s(pipeline, log):
    run(pipeline, ada)
    assert run(pipeline, Move(stage="met"), expected=1).version == 2
    refusal = rejected(pipeline, Move(stage="offer"), expected=1)
    assert (refusal.code, refusal.details) == ("precondition.failed", {"version": 2})
    assert [type(each) for each in facts(log)[2:]] == [Denial]


def test_the_version_asked_for_must_also_hold_at_the_append(pipeline, log):
    run(pipeline, ada)
    log.before_submit = [stranger(log, Noted("called"))]
    assert rejected(pipeline, Move(stage="met"), expected=1).code == "precondition.failed"


def test_a_repeat_answers_what_the_first_did(pipeline, log):
    first = run(pipeline, ada, once=once())
    run(pipeline, Note(text="hm"))
    repeat = run(pipeline, ada, once=once())
    assert (repeat.position, repeat.version, repeat.facts) == (first.position, first.version, first.facts)
    assert repeat.repeated
    assert len(log.facts) == 2


def test_a_repeat_answers_with_the_identifier_that_was_made_up_first(pipeline):
    run(pipeline, ada, once=once())
    assert run(pipeline, ada, UUID(int=77), once=once()).id == ADA


def test_a_repeat_is_answered_though_it_would_be_refused_by_now(pipeline):
    run(pipeline, ada)
    first = run(pipeline, Note(text="hm"), once=once(key="n"), expected=1)
    run(pipeline, Win(value=1, currency="EUR"))
    assert run(pipeline, Note(text="hm"), once=once(key="n"), expected=1).position == first.position


def test_a_repeat_with_another_request_is_refused(pipeline, log):
    run(pipeline, ada, once=once(b"a"))
    assert rejected(pipeline, Note(text="hm"), once=once(b"b")).code == "idempotency.reused"
    assert rejected(pipeline, Move(stage="won"), once=once(b"b")).code == "idempotency.reused"
    assert {type(each) for each in facts(log)[1:]} == {Denial}


def test_a_repeat_is_authorised_before_it_is_answered(logs, pipeline):
    run(pipeline, ada, once=once())
    assert rejected(piped(logs, Permits("prospects.capture")), ada, once=once()).code == "access.denied"


def test_doing_nothing_once_keeps_the_key_from_another_request(pipeline):
    run(pipeline, ada)
    run(pipeline, Move(stage="new"), once=once(b"a"))
    assert rejected(pipeline, Move(stage="met"), once=once(b"b")).code == "idempotency.reused"


def test_a_value_that_is_taken_says_whose(pipeline):
    run(pipeline, ada)
    assert rejected(pipeline, ada, UUID(int=4)).code == "prospects.email-taken"


def test_a_bulk_keeps_its_order_and_goes_on_past_what_is_wrong(pipeline, log):
    bob = Capture(name="Bob", email="bob@example.org")
    outcomes = run_all(
        pipeline,
        (ada, ADA),
        (Observe(kind="visit", strength=0.5), ADA),
        (Move(stage="won"), ADA),
        (bob, UUID(int=4)),
        (Lose(reason="price"), UUID(int=5)),
        (Observe(kind="visit", strength=0.7), UUID(int=4)),
        (Note(text="x"), ADA),
    )
    codes = [each.code if isinstance(each, Rejected) else each.position for each in outcomes]
    assert codes == [1, 2, "prospects.stage-closes", 3, "prospects.unknown", 4, 5]
    done = [type(fact) for fact in facts(log)[:5]]
    assert done == [Captured, SignalObserved, Captured, SignalObserved, Noted]
    assert len(log.facts) == 7


def test_a_bulk_whose_stream_is_written_by_another_is_decided_on_what_is_there(pipeline, log):
    """Were both commands in flight at once, the second would fit the stranger's version."""
    run(pipeline, ada)
    log.before_submit = [stranger(log, Noted("called"))]
    outcomes = run_all(pipeline, (Move(stage="met"), ADA), (Win(value=1, currency="EUR"), ADA))
    assert [each.version for each in outcomes] == [3, 4]
    assert log.facts[-1].fact.left == "met"


def test_a_large_bulk_loads_each_stream_once(pipeline, log):
    ids = [UUID(int=100 + n) for n in range(50)]
    run_all(pipeline, *((Capture(name="A", email=f"{id}@example.org"), id) for id in ids))
    run_all(pipeline, *((Note(text="x"), id) for id in ids), *((Note(text="y"), id) for id in ids))
    assert log.loads == 50
    assert [each.stream for each in log.facts[50:100]] == [f"prospects/{id}" for id in ids]
