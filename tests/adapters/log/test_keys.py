"""Keys under the log: fetched together, minted once whoever is first, gone for good when erased."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.keyring import Cache, Keys, Ring
from adapters.kms import FileKMS
from adapters.log import Logs
from application.ports import SubjectErased
from domain.kernel import Actor, Circumstances, Erased, Meta, Sealed
from domain.predictions import Features, Made
from domain.prospects import Captured, Noted, SignalObserved, prospects
from tenants.keys import EPOCH, Misplaced, Missing
from tests.deciders import DECIDERS


def meta(actor: UUID | None = None) -> Meta:
    return Meta(uuid4(), Actor("user", actor or uuid4()), "test", circumstances=Circumstances("192.0.2.1"))


def captured(name: str = "Ada") -> Captured:
    return Captured(name, f"{uuid4()}@example.org", "engines")


def made(prospect: UUID) -> Made:
    return Made("m", 1, prospect, 1, 0, "c", (), 0.5, (), (), "", "", (), Features((("age", 3.0),)))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kms"


@pytest.fixture
def processes(database, committer, folder):
    """Two processes, each with a memory of its own, on one database and one key folder."""
    with (
        Logs(database, committer, FileKMS(folder), DECIDERS) as one,
        Logs(database, committer, FileKMS(folder), DECIDERS) as other,
    ):
        yield one, other


def erase(database, tenant, *subjects):
    """As the issue on audit will do it: the wrapped key goes, the row stays."""
    database.query(
        tenant,
        "update everlog.subject_keys set wrapped = null, erased_at = now() where tenant_id = %s and subject = any(%s)",
        [tenant, list(subjects)],
    )


def named(log) -> Any:
    return log.open(log.read(0))


def keys_of(database, tenant) -> dict[UUID, bool]:
    rows = database.query(tenant, "select subject, wrapped from everlog.subject_keys where tenant_id = %s", [tenant])
    return {subject: wrapped is not None for subject, wrapped in rows}


def test_the_first_use_of_a_tenant_makes_its_keys(processes, tenant, database, folder):
    one, other = processes
    id = uuid4()
    one.of(tenant).submit(f"prospects/{id}", 0, [captured()], meta()).result(10)
    held = database.query(tenant, "select purpose, kms_key from everlog.tenant_keys where tenant_id = %s", [tenant])
    assert sorted(purpose for purpose, _ in held) == ["requests", "subjects", "tokens"]
    assert {name for _, name in held} == {each.name for each in folder.iterdir()}
    other.provision(tenant)
    assert len(database.query(tenant, "select 1 from everlog.tenant_keys where tenant_id = %s", [tenant])) == 3
    assert other.of(tenant).open(other.of(tenant).read(0)[0].fact).name == "Ada"


def test_many_at_once_in_a_cold_process_share_one_key_per_subject_and_stay_in_order(processes, tenant, database):
    actor, one = uuid4(), processes[0].of(tenant)
    ids = [uuid4() for _ in range(50)]
    futures = [one.submit(f"prospects/{id}", 0, [captured()], meta(actor)) for id in ids]
    assert [future.result(10).first for future in futures] == list(range(1, 51))
    assert [event.id for event in one.read(0)] == ids
    assert keys_of(database, tenant) == dict.fromkeys([actor, *ids], True)
    assert len(one.open(one.read(0))) == 50


def test_two_processes_that_meet_a_new_actor_agree_on_one_key(processes, tenant):
    actor = uuid4()
    futures = [
        logs.of(tenant).submit(f"prospects/{uuid4()}", 0, [captured()], meta(actor))
        for _ in range(20)
        for logs in processes
    ]
    for future in futures:
        future.result(10)
    for logs in processes:
        opened = logs.of(tenant).open(logs.of(tenant).read(0))
        assert {event.meta.circumstances for event in opened} == {Circumstances("192.0.2.1")}


def test_a_key_that_another_minted_first_is_used(processes, tenant):
    one, other = (each.of(tenant) for each in processes)
    id = uuid4()
    processes[0].rings.of(tenant).ensure([id])
    # To the other process the subject is new, so it mints one on the off chance; the append says no.
    other.submit(f"prospects/{id}", 0, [captured()], meta()).result(10)
    assert one.open(one.read(0)[0].fact).name == "Ada"


def test_a_key_is_not_minted_for_an_append_that_fails(processes, tenant, database):
    one, other = (each.of(tenant) for each in processes)
    name = f"prospects/{uuid4()}"
    one.submit(name, 0, [captured()], meta()).result(10)
    known = keys_of(database, tenant)
    with pytest.raises(Exception, match="version 1"):
        other.submit(name, 0, [captured("Bob")], meta(one.read(0)[0].meta.actor.id)).result(10)
    assert keys_of(database, tenant) == known
    assert other.open(other.read(0)[0].fact).name == "Ada"


def test_nothing_personal_is_recorded_about_the_erased(processes, tenant, database):
    log, id = processes[0].of(tenant), uuid4()
    log.submit(f"prospects/{id}", 0, [captured()], meta()).result(10)
    erase(database, tenant, id)
    # The key is still at hand here: it is the append that knows better.
    for _ in range(2):
        with pytest.raises(SubjectErased):
            log.submit(f"prospects/{id}", 1, [Noted("again")], meta()).result(10)
    with pytest.raises(SubjectErased):
        processes[1].of(tenant).submit(f"predictions/{uuid4()}", 0, [made(id)], meta()).result(10)
    assert log.head() == (1, 1)
    assert keys_of(database, tenant)[id] is False


def test_an_erased_stream_is_never_given_a_new_key(processes, tenant, database):
    other = processes[1].of(tenant)
    id = uuid4()
    processes[0].rings.of(tenant).ensure([id])
    erase(database, tenant, id)
    with pytest.raises(SubjectErased):
        other.submit(f"prospects/{id}", 0, [captured()], meta()).result(10)
    assert keys_of(database, tenant)[id] is False


def test_what_was_about_the_erased_reads_as_erased_and_folds(processes, tenant, database):
    log, id, actor = processes[0].of(tenant), uuid4(), uuid4()
    log.submit(f"prospects/{id}", 0, [captured(), SignalObserved("visit", 0.5, ("a",))], meta(actor)).result(10)
    log.submit(f"predictions/{uuid4()}", 0, [made(id)], meta(actor)).result(10)
    erase(database, tenant, id, actor)
    processes[0].rings.of(tenant).forget([id, actor])
    first, second, third = log.open(log.read(0))
    assert (first.fact.name, first.fact.email, first.fact.industry) == (Erased(), Erased(), "engines")
    assert (second.fact.codes, third.fact.features, third.fact.probability) == (Erased(), Erased(), 0.5)
    assert first.meta.circumstances == Erased()

    async def load():
        await database.start()
        try:
            return await log.load(f"prospects/{id}", prospects)
        finally:
            await database.stop()

    assert asyncio.run(load()).state.captured.name == Erased()


def test_one_tenant_cannot_open_what_is_another_s(processes, tenant, database, logs):
    one, stranger = processes[0].of(tenant), processes[0].of(other := uuid4())
    processes[0].provision(other)
    id = uuid4()
    one.submit(f"prospects/{id}", 0, [captured()], meta()).result(10)
    stranger.submit(f"prospects/{id}", 0, [captured()], meta()).result(10)
    with pytest.raises(Misplaced):
        stranger.open(one.read(0)[0].fact)
    with pytest.raises(Missing):
        stranger.open(Sealed(uuid4(), "x", b""))
    assert one.token("s", "v") != stranger.token("s", "v")


def test_a_token_is_of_the_normalised_value_and_its_scope(processes, tenant):
    one, other = (each.of(tenant) for each in processes)
    assert one.token("email", "  Ada@Example.org") == other.token("email", "ada@example.ORG ")
    assert one.token("email", "ﬁne") == one.token("email", "FINE")
    assert one.token("email", "ada") != one.token("name", "ada")
    assert len(one.token("email", "ada")) == 32


def test_another_key_folder_is_not_taken_for_an_erasure(processes, tenant, database, committer, tmp_path):
    log = processes[0].of(tenant)
    log.submit(f"prospects/{uuid4()}", 0, [captured()], meta()).result(10)
    with Logs(database, committer, FileKMS(tmp_path / "another"), DECIDERS) as stray:
        with pytest.raises(Missing, match="holds no key"):
            stray.of(tenant).open(log.read(0)[0].fact)
        with pytest.raises(Missing, match="holds no key"):
            stray.of(tenant).submit(f"prospects/{uuid4()}", 0, [captured()], meta()).result(10)


def test_destroying_an_epoch_erases_all_that_lay_under_it(processes, tenant, database, folder):
    one, other = processes
    log = one.of(tenant)
    log.submit(f"prospects/{uuid4()}", 0, [captured()], meta()).result(10)
    [name] = [each.name for each in folder.iterdir() if ".subjects." in each.name]
    FileKMS(folder).destroy(name)
    assert other.of(tenant).open(log.read(0)[0].fact).name == Erased()


def test_many_subjects_are_fetched_by_one_query_and_then_at_hand(processes, tenant, database, monkeypatch):
    one, other = (each.of(tenant) for each in processes)
    for future in [one.submit(f"prospects/{uuid4()}", 0, [captured()], meta()) for _ in range(30)]:
        future.result(10)
    other.token("any", "value")
    asked = []
    query = type(database).query

    def counting(self, whose, sql, params=()):
        # Threads of other tests may be asking for other tenants.
        if whose == tenant:
            asked.append(sql)
        return query(self, whose, sql, params)

    monkeypatch.setattr(type(database), "query", counting)
    facts = [event.fact for event in other.read(0)]
    assert len(other.open(facts)) == 30
    assert len(asked) == 1
    other.open(facts)
    assert len(asked) == 1


def test_the_cache_is_bounded_and_forgets_in_time():
    now = [0.0]
    cache = Cache(size=3, lifetime=10, clock=lambda: now[0])
    tenant = uuid4()
    subjects = [uuid4() for _ in range(4)]
    cache.put(tenant, [(subject, Erased()) for subject in subjects])
    assert len(cache) == 3
    assert [cache.get(tenant, subject) is None for subject in subjects] == [True, False, False, False]
    assert cache.get(uuid4(), subjects[3]) is None
    now[0] = 11
    assert cache.get(tenant, subjects[3]) is None


def test_in_a_new_epoch_new_subjects_lie_under_a_new_key_and_old_ones_still_open(database, tenant, folder):
    now, kms = [EPOCH * 100.0], FileKMS(folder)

    def ring():
        return Ring(Keys(tenant, database, kms, lambda: now[0]), database, Cache())

    one, (early, late) = ring(), (uuid4(), uuid4())
    one.ensure([early])
    box = one.get(early).seal(b"secret", "here")
    assert one.keys.ready
    now[0] = EPOCH * 101.0
    assert not one.keys.ready
    one.ensure([late])
    rows = database.query(tenant, "select subject, epoch from everlog.subject_keys where tenant_id = %s", [tenant])
    assert dict(rows) == {early: 100, late: 101}
    assert sorted(each.name.partition(".")[2] for each in folder.iterdir()) == [
        "requests.1",
        "subjects.100",
        "subjects.101",
        "tokens.1",
    ]
    for process in (one, ring()):
        process.fetch([early, late])
        assert process.get(early).open(box, "here") == b"secret"
    assert one.token("s", "v") == ring().token("s", "v")


def test_made_up_tenants_and_streams_are_not_remembered_for_ever(database, tenant, processes, monkeypatch):
    monkeypatch.setattr("adapters.log.logs.MOST", 10)
    monkeypatch.setattr("adapters.keyring.rings._MOST", 10)
    logs = processes[0]
    for _ in range(30):
        logs.of(uuid4())
    assert len(logs._logs) == len(logs.rings._rings) == 10

    async def load():
        await database.start()
        try:
            await logs.of(tenant).load(f"prospects/{uuid4()}", prospects)
        finally:
            await database.stop()

    asyncio.run(load())
    assert not logs._memory._states


def test_more_subjects_than_the_cache_holds_are_opened_nevertheless(database, committer, folder, tenant):
    with Logs(database, committer, FileKMS(folder), DECIDERS, Cache(size=5)) as logs:
        log = logs.of(tenant)
        for future in [log.submit(f"prospects/{uuid4()}", 0, [captured(str(n))], meta()) for n in range(20)]:
            future.result(10)
        assert [event.fact.name for event in named(log)] == list(map(str, range(20)))
