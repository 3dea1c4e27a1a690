"""What models keep in the database: from there predictions behind a long log are made again, until an erasure."""

import threading
from uuid import uuid4

import msgspec
import psycopg
import pytest

from api.bootstrap import learner
from api.learning import Model, Models, Unlearn
from api.taught import opened
from application.predictions import recompute
from domain.predictions import Made
from projections.predictions.definition import conversion
from tests.api.erasures import approved, erasing
from tests.api.test_unlearning import COUNT, WHO, predictions, taught
from tests.waiting import until


@pytest.fixture
def lived(world):
    """A tenant whose worker has learned and kept everything; its log, its prospects, and the worker."""
    tenant, log, ids = taught(world)

    def opened(tenant):
        fresh = learner()
        return Model(world.logs.of(tenant), fresh, world.kept(tenant).begin(fresh.name, fresh.build))

    models = Models(opened, world.forget)
    assert until(lambda: models.advance(tenant.id) == 0 and len(predictions(log)) == COUNT)
    models.run(lambda: {tenant.id}, 1.0, lambda _: None, ended(), 0.1)
    return tenant, log, ids, models


def ended():
    stop = threading.Event()
    stop.set()
    return stop


def asked(world, tenant, log, id):
    [stream] = [each.stream for each in log.read(0, 10**6) if isinstance(each.fact, Made) and each.fact.prospect == id]
    return world.ask("GET", f"/v1/{stream}/recomputation", tenant.keys["Auditor"]).json()


def notes(world, tenant, sql="select count(*) from everlog.model_notes where tenant_id = %s"):
    return world.keeper.query(tenant.id, sql, [tenant.id])[0][0]


def test_a_prediction_behind_a_long_log_is_made_again(world, lived, monkeypatch):
    tenant, log, ids, _ = lived
    monkeypatch.setattr("api.again.MOST", 1)
    for id in (ids[0], ids[150], ids[-1]):
        answer = asked(world, tenant, log, id)
        assert (answer["verdict"], answer["differing"], answer["stood"]) == ("equal", [], 0)
        assert answer["again"] == answer["digest"]


def test_one_that_the_model_did_not_make_is_found_there_too(world, lived, monkeypatch):
    """The control."""
    tenant, _, ids, models = lived
    monkeypatch.setattr("api.again.MOST", 1)
    made = models.score(tenant.id, msgspec.json.encode({"prospect": ids[-1]}))
    assert until(lambda: models.advance(tenant.id) == 0 and world.again(tenant.id, made))
    assert world.again(tenant.id, made).verdict == "equal"
    for altered in ({"probability": 0.5}, {"digest": "0" * 64}, {"learned": made.learned - 1}, {"champion": "plain"}):
        answer = world.again(tenant.id, msgspec.structs.replace(made, **altered))
        assert (answer.verdict, answer.differing) == ("differs", tuple(altered))


def started(world, tenant, log):
    """A worker that starts: its model, and how many facts it folds until there are no more."""
    fresh = learner()
    model = Model(log, fresh, world.kept(tenant.id).begin(fresh.name, fresh.build))
    begun = model.position
    assert until(lambda: model.advance() == 0)
    return model, model.position - begun


def test_a_worker_that_starts_again_goes_on_where_the_last_one_was(world, lived):
    tenant, log, *_ = lived
    before = notes(world, tenant)
    _, folded = started(world, tenant, log)
    assert folded == 0
    assert notes(world, tenant) == before > 0
    assert notes(world, tenant, "select count(*) from everlog.model_folds where tenant_id = %s") == 1


def test_it_comes_to_what_one_comes_to_that_folds_the_whole_log(world, lived):
    tenant, log, ids, _ = lived
    resumed, _ = started(world, tenant, log)
    whole = learner()
    for each in opened(log, log.head()[1]):
        whole.step(each)
    assert resumed._reaction.learner.digest() == whole.digest()
    made = resumed.score(ids[-1])
    again = recompute(made, opened(log, made.position), learner())
    assert (again.verdict, made.learned) == ("equal", COUNT - conversion.horizon)


def test_an_erasure_that_is_certified_as_a_worker_starts_is_unlearned(world, lived, tmp_path):
    """What was left is read already, with the person in it, and the certificate stands before the log's end by then."""
    tenant, log, ids, _ = lived
    fresh = learner()
    keeping = world.kept(tenant.id).begin(fresh.name, fresh.build)
    left = keeping.left

    def overtaken():
        found = left()
        approved(world, tenant, ids[WHO])
        assert until(erasing(world, tenant.id, tmp_path).advance)
        return found

    keeping.left = overtaken
    model = Model(log, fresh, keeping)
    assert 0 < model.position < log.head()[1]
    with pytest.raises(Unlearn):
        until(lambda: model.advance() == 0)


def test_what_fails_half_way_is_neither_gone_on_with_nor_left(world, lived, monkeypatch):
    """Folded again upon itself, a batch would be learned twice."""
    tenant, log, ids, _ = lived
    world.keeper.query(tenant.id, "delete from everlog.model_notes where tenant_id = %s", [tenant.id])
    failing: list[Model] = []

    def opening(_):
        fresh = learner()
        model = Model(log, fresh, world.kept(tenant.id).begin(fresh.name, fresh.build))
        if not failing:
            failing.append(model)
            step, steps = fresh.step, iter(range(10**6))
            monkeypatch.setattr(fresh, "step", lambda fact: step(fact) if next(steps) < COUNT else 1 / 0)
        return model

    models = Models(opening)
    with pytest.raises(ZeroDivisionError):
        until(lambda: models.advance(tenant.id) == 0)
    failing[0].leave()
    assert notes(world, tenant, "select count(*) from everlog.model_notes where tenant_id = %s") == 0
    assert until(lambda: models.advance(tenant.id) == 0)
    made = models.score(tenant.id, msgspec.json.encode({"prospect": ids[-1]}))
    assert recompute(made, opened(log, made.position), learner()).verdict == "equal"


@pytest.mark.parametrize(
    "damage",
    [
        "update everlog.model_notes set body = overlay(body placing '\\x00'::bytea from 20)",
        "update everlog.model_notes set position = position - 1",
        "delete from everlog.model_notes",
    ],
)
def test_what_was_left_is_not_believed_once_altered(world, lived, migrated, damage):
    """The control: the log is folded instead, and what it says is the same."""
    tenant, log, *_ = lived
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as superuser:
        superuser.execute(f"{damage} where tenant_id = %s and kind = 'whole'", [tenant.id])
    _, folded = started(world, tenant, log)
    assert folded == log.head()[1]


def test_what_was_left_is_of_one_past_alone(world, lived):
    """Of a fact that the log does not hold there."""
    tenant, log, *_ = lived
    fresh = learner()
    keeping = world.kept(tenant.id).begin(fresh.name, fresh.build)
    left = keeping.left()
    keeping.leave(msgspec.structs.replace(left, position=left.position + 1))
    _, folded = started(world, tenant, log)
    assert folded == log.head()[1]


def test_what_was_altered_in_the_database_is_not_believed(world, lived, migrated, monkeypatch):
    tenant, log, ids, _ = lived
    sql = "update everlog.model_notes set body = overlay(body placing '\\x00'::bytea from 20) where tenant_id = %s"
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as superuser:
        superuser.execute(sql, [tenant.id])
    answer = asked(world, tenant, log, ids[-1])
    assert (answer["verdict"], answer["stood"]) == ("equal", None), "the whole log was folded instead"
    monkeypatch.setattr("api.again.MOST", 1)
    assert asked(world, tenant, log, ids[-1])["code"] == "predictions.far"


def test_an_erasure_destroys_what_was_kept_and_supersedes(world, lived, tmp_path, monkeypatch):
    tenant, log, ids, models = lived
    monkeypatch.setattr("api.again.MOST", 1)
    earlier, later = ids[0], ids[-1]
    fold = notes(world, tenant, "select fold from everlog.model_folds where tenant_id = %s")
    approved(world, tenant, ids[WHO])
    assert until(erasing(world, tenant.id, tmp_path).advance)
    assert notes(world, tenant) == 0, "what was left of all of it as well"
    gone = "select wrapped is null from everlog.subject_keys where tenant_id = %s and subject = %s"
    assert world.keeper.query(tenant.id, gone, [tenant.id, fold]) == [(True,)], "copies elsewhere are closed as well"
    assert asked(world, tenant, log, later)["code"] == "predictions.far"

    assert until(lambda: models.advance(tenant.id) == 0)
    assert asked(world, tenant, log, earlier)["verdict"] == "equal"
    answer = asked(world, tenant, log, later)
    assert (answer["verdict"], bool(answer["superseded_at"])) == ("superseded", True)


def test_nothing_is_kept_that_leans_on_who_was_erased_elsewhere(world, lived, migrated, tmp_path):
    """Their key is gone with a parcel or after a restore, and no worker that learns has met the certificate yet."""
    tenant, _, ids, _ = lived
    nobody = uuid4()
    mark = "update everlog.subject_keys set wrapped = null, epoch = -1, erased_at = now() where subject = %s"
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as superuser:
        superuser.execute("insert into everlog.subject_keys values (%s, %s, 1, %s)", [tenant.id, nobody, b"x"])
        for subject, left in ((nobody, True), (ids[WHO], False)):
            superuser.execute(mark, [subject])
            work = erasing(world, tenant.id, tmp_path)
            assert until(lambda work=work: work.advance() == 0 and not work._remains.brought())
            assert bool(notes(world, tenant)) is left
