"""Who is erased is unlearned: the models are those of a log in which nothing of them can be read."""

from uuid import uuid4

import msgspec
import pytest
from msgspec.structs import replace

from api.bootstrap import learner
from api.learning import Asked, Model, Models
from api.taught import opened
from application.ports import Unanswered
from application.predictions import recompute
from domain.kernel import Actor, Erased, Meta
from domain.predictions import Made
from domain.privacy import ErasureCertified
from domain.prospects import Captured, SignalObserved
from tests.api.erasures import approved, erasing, finished
from tests.grants import LAG, applications, outcome
from tests.waiting import until

COUNT = 230
WHO = 20
"""Which of the applications is erased: its outcome is learned long before the end, and refits lean on it."""
META = Meta(event=uuid4(), actor=Actor("key", uuid4()), permission="prospects.capture")


def taught(world):
    """A tenant with applications in its log, and their prospects."""
    tenant = world.tenant()
    log, rows, ids = world.logs.of(tenant.id), applications(COUNT), [uuid4() for _ in range(COUNT)]

    def record(id, version, *facts):
        return log.submit(f"prospects/{id}", version, facts, replace(META, event=uuid4()))

    due = []
    for number, (id, row) in enumerate(zip(ids, rows, strict=True)):
        if number >= LAG:
            due.append(record(ids[number - LAG], 2, outcome(rows[number - LAG].won)))
        captured = Captured("Ada", f"{id}@example.org", "research", tuple(sorted(row.attributes.items())))
        due.append(record(id, 0, captured, SignalObserved("codes", 1.0, row.codes)))
        if number % 50 == 49 or number == COUNT - 1:
            for each in due:
                each.result(60)
            due = []
    return tenant, log, ids


def blind(recorded, subject):
    """The same fact, if it was never known who it was about: written by hand, not by destroying a key."""
    if recorded.id != subject:
        return recorded
    gone = Erased()
    match recorded.fact:
        case Captured() as fact:
            return replace(recorded, fact=replace(fact, name=gone, email=gone, attributes=gone))
        case SignalObserved() as fact:
            return replace(recorded, fact=replace(fact, codes=gone))
    return recorded


def digest(facts):
    fresh = learner()
    for each in facts:
        fresh.step(each)
    return fresh.digest()


def certificates(log, id):
    return [each.fact for each in log.stream(f"privacy/{id}") if isinstance(each.fact, ErasureCertified)]


def predictions(log):
    return {each.fact.prospect: each.fact for each in log.read(0, 10**6) if isinstance(each.fact, Made)}


def test_the_models_are_those_of_a_log_without_them(world, tmp_path):
    tenant, log, ids = taught(world)
    gone, asked = ids[WHO], msgspec.json.encode(Asked(ids[-1]))
    models = Models(lambda tenant: Model(world.logs.of(tenant), learner()), world.forget)
    assert until(lambda: models.advance(tenant.id) == 0 and len(predictions(log)) == COUNT)
    made = predictions(log)
    earlier, later = made[ids[0]], made[ids[-1]]
    facts = list(opened(log, log.head()[1]))

    approved(world, tenant, gone)
    assert until(erasing(world, tenant.id, tmp_path).advance)
    [certified] = [each.fact for each in log.stream(f"privacy/{gone}") if isinstance(each.fact, ErasureCertified)]
    known = [each for each in facts if each.position <= certified.learned]
    assert [each.digest for each in certified.before] == [digest(known)]
    assert [each.digest for each in certified.after] == [digest(blind(each, gone) for each in known)]
    assert certified.before != certified.after, "the control: the model had leant on them"

    def again(made):
        return recompute(log.open(made), opened(log, made.position), learner())

    assert again(earlier).verdict == "equal", "it was made before the first fact of the erased"
    [captured] = [each.position for each in facts if each.id == gone and isinstance(each.fact, Captured)]
    assert (again(later).verdict, again(later).superseded_at) == ("superseded", captured)

    models.advance(tenant.id)
    with pytest.raises(Unanswered):
        models.score(tenant.id, asked)
    assert until(lambda: models.advance(tenant.id) == 0)
    scored = models.score(tenant.id, asked)
    known = [each for each in facts if each.position <= scored.position]
    assert scored.digest == digest(blind(each, gone) for each in known), "what scores by now has unlearned too"
    assert scored.digest != digest(known)


def test_what_is_on_record_is_not_held_until_it_is_met(world, monkeypatch):
    """Far behind in a long log, a model's predictions stand behind all that it has still to fold."""
    monkeypatch.setattr("api.learning.BATCH", 20)
    tenant, log, _ = taught(world)
    model, held = Model(log, learner()), []
    # As one that was opened when the log began.
    model._replayed = 0
    while model.advance():
        assert until(lambda: all(future.done() for _, future in model._underway.values()))
        held.append(len(model._reaction.due()))
    assert len(predictions(world.logs.of(tenant.id))) == COUNT
    assert 0 < max(held) <= 2 * 20


def test_of_whom_nothing_is_learned_there_is_nothing_to_unlearn(world, acme, tmp_path):
    nobody = uuid4()
    approved(world, acme, nobody)
    log, work = world.logs.of(acme.id), erasing(world, acme.id, tmp_path)
    # Another test's may be due as well.
    assert until(lambda: finished(world, acme.id, work, nobody))
    *_, begun, certified = (each.fact for each in log.stream(f"privacy/{nobody}"))
    assert (begun.models, certified.learned, certified.before, certified.after) == ((), 0, (), ())
