"""What models keep in the database: from there predictions behind a long log are made again, until an erasure."""

from uuid import uuid4

import msgspec
import psycopg
import pytest

from api.bootstrap import learner
from api.learning import Model, Models
from domain.predictions import Made
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
    return tenant, log, ids, models


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


def test_a_worker_that_starts_again_goes_on_with_what_was_kept(world, lived):
    tenant, log, *_ = lived
    before = notes(world, tenant)
    again = Model(log, fresh := learner(), world.kept(tenant.id).begin(fresh.name, fresh.build))
    assert until(lambda: again.advance() == 0)
    assert notes(world, tenant) == before > 0
    assert notes(world, tenant, "select count(*) from everlog.model_folds where tenant_id = %s") == 1


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
    assert notes(world, tenant) == 0
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
