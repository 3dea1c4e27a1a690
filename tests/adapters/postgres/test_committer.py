from contextlib import contextmanager
from threading import Barrier, Thread
from uuid import uuid4

import psycopg
import pytest

from adapters.postgres.atom import (
    Atom,
    Behind,
    Busy,
    Gone,
    Minted,
    Minting,
    Reservation,
    Reserved,
    Restamped,
    Stamp,
    Tracked,
    Unfounded,
    Unsettled,
)
from adapters.postgres.committer import Committer
from adapters.postgres.database import found
from adapters.postgres.lane import Drained
from adapters.postgres.link import Broken, Link
from adapters.postgres.queue import Limits
from tests.adapters.postgres.atoms import atom, entry, flaws, log, stream


@contextmanager
def held(servers, tenant):
    """The tenant's head in another writer's hands, so that what is submitted meanwhile gathers."""
    with psycopg.connect(servers.addresses.app) as other:
        other.execute("select set_config('app.tenant', %s, true)", [str(tenant)])
        other.execute("select from everlog.heads where tenant_id = %s for update", [tenant])
        yield


def test_positions_go_on_over_streams(append, database, tenant):
    one, two = stream(), stream()
    first = append(Atom([entry(one, 1), entry(two, 1), entry(one, 2)]))
    then = append(atom(two, 2))
    assert (first.first, first.last, then.first, then.last) == (1, 3, 4, 4)
    assert [(name, version) for _, name, version, _, _ in log(database, tenant)] == [
        (one, 1),
        (two, 1),
        (one, 2),
        (two, 2),
    ]


@pytest.mark.parametrize("version", [1, 2, 4, 9])
def test_only_the_next_version_fits(append, version):
    name = stream()
    append(atom(name, 1, 2))
    with pytest.raises(Behind) as refusal:
        append(atom(name, version))
    assert refusal.value.actual == 2
    assert append(atom(name, 3)).last == 3


def test_a_gap_within_an_atom_is_refused_at_once(committer, tenant):
    name = stream()
    with pytest.raises(Behind):
        committer.submit(tenant, Atom([entry(name, 1), entry(name, 3)]))


def test_a_tenant_without_a_head_is_told_so(committer):
    with pytest.raises(Unfounded):
        committer.submit(uuid4(), atom(stream(), 1)).result(30)


def test_a_stamp_answers_with_what_was_written(append):
    stamp, name = Stamp(uuid4(), b"key", b"request"), stream()
    first = append(atom(name, 1, 2, stamp=stamp))
    again = append(atom(name, 1, 2, stamp=stamp))
    assert (again.first, again.last, again.at, again.repeated) == (first.first, first.last, first.at, True)
    with pytest.raises(Restamped):
        append(atom(name, 3, stamp=Stamp(stamp.credential, b"key", b"other")))
    assert append(atom(name, 3, stamp=Stamp(uuid4(), b"key", b"other"))).first == 3


def test_a_stamp_without_events(append):
    stamp = Stamp(uuid4(), b"key", b"request")
    append(atom(stream(), 1))
    first, again = append(Atom([], stamp=stamp)), append(Atom([], stamp=stamp))
    assert (first.first, first.last) == (again.first, again.last) == (2, 1)
    assert again.repeated


def test_a_reservation_belongs_to_one_stream(append):
    one, two = stream(), stream()
    append(atom(one, 1, reservations=(Reservation("mail", b"ada", one),)))
    append(atom(one, 2, reservations=(Reservation("mail", b"ada", one),)))
    with pytest.raises(Reserved) as refusal:
        append(atom(two, 1, reservations=(Reservation("mail", b"ada", two),)))
    assert refusal.value.scope == "mail"
    assert append(atom(two, 1, reservations=(Reservation("phone", b"ada", two),))).last == 3
    # What is refused reserves nothing, not even what nobody had.
    both = (Reservation("mail", b"bob", two), Reservation("mail", b"ada", two))
    with pytest.raises(Reserved):
        append(atom(two, 2, reservations=both))
    assert append(atom(one, 3, reservations=(Reservation("mail", b"bob", one),))).last == 4


def test_a_subject_must_be_live(append, database, tenant):
    subject = uuid4()
    with pytest.raises(Gone):
        append(atom(stream(), 1, subjects=(subject,)))
    append(atom(stream(), 1, minted=(Minted(subject, 1, b"key"),)))
    append(atom(stream(), 1, subjects=(subject,)))
    with pytest.raises(Minting):
        append(atom(stream(), 1, minted=(Minted(subject, 1, b"other"),)))
    with database.transaction(tenant) as connection:
        connection.execute("update everlog.subject_keys set wrapped = null, erased_at = now()")
    for claims in ({"subjects": (subject,)}, {"minted": (Minted(subject, 2, b"new"),)}):
        with pytest.raises(Gone):
            append(atom(stream(), 1, **claims))


def test_an_erased_subject_stays_erased_and_a_head_never_moves_back(append, database, tenant):
    append(atom(stream(), 1, minted=(Minted(uuid4(), 1, b"key"),)))
    with database.transaction(tenant) as connection:
        connection.execute("update everlog.subject_keys set wrapped = null, erased_at = now()")
    for statement in (
        "update everlog.subject_keys set wrapped = 'key', erased_at = null",
        "update everlog.heads set position = 0",
        "update everlog.heads set recorded_at = '2000-01-01'",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            database.query(tenant, statement)


def test_tracking_only_goes_on(append):
    append(atom(stream(), 1, tracking=("upstream", 3)))
    for notification in (3, 2):
        with pytest.raises(Tracked):
            append(atom(stream(), 1, tracking=("upstream", notification)))
    append(Atom([], tracking=("upstream", 5)))
    append(Atom([], tracking=("elsewhere", 1)))


@pytest.mark.parametrize("text", ["nul \0", "surrogate \ud800"])
def test_what_no_text_can_hold_is_refused_at_once(committer, tenant, text):
    with pytest.raises(ValueError):  # noqa: PT011 - of two kinds, one of them the encoder's own
        committer.submit(tenant, atom(text, 1))


def test_one_bad_atom_fails_alone(migrated, database, tenant):
    other = uuid4()
    found(database, other)
    good = [(owner, atom(stream(), 1)) for owner in (tenant, other) * 4]
    bad = (tenant, atom(stream(), -7))
    with Committer(migrated.addresses.app) as committer:
        with held(migrated, tenant):
            first = committer.submit(tenant, atom(stream(), 1))
            futures = [committer.submit(*each) for each in (*good[:5], bad, *good[5:])]
        failures = [future.exception(30) for future in (first, *futures)]
    assert [bool(failure) for failure in failures] == [False] * 6 + [True] + [False] * 3
    assert "check constraint" in str(failures[6])
    assert not flaws(log(database, tenant), [], [bad[1]])
    assert len(log(database, tenant)) == len(log(database, other)) + 1 == 5


def test_what_gathers_shares_a_commit(migrated, database, tenant):
    drains: list[Drained] = []
    with Committer(migrated.addresses.app, on_drain=drains.append) as committer:
        with held(migrated, tenant):
            futures = [committer.submit(tenant, atom(stream(), 1, 2)) for _ in range(20)]
        last = max(future.result(30).last for future in futures)
    assert last == 40
    assert max(drain.atoms for drain in drains) >= 10
    assert sum(drain.entries for drain in drains) == 40


def test_one_streams_appends_keep_their_order_without_waiting(committer, database, tenant):
    name = stream()
    futures = [committer.submit(tenant, atom(name, version)) for version in range(1, 30)]
    assert [future.result(30).last for future in futures] == list(range(1, 30))


def test_too_much_is_refused_and_nothing_of_it_taken(migrated, database, tenant):
    with Committer(migrated.addresses.app, limits=Limits(room=4, share=3)) as committer:
        with held(migrated, tenant):
            futures = [committer.submit(tenant, atom(stream(), 1)) for _ in range(3)]
            with pytest.raises(Busy):
                committer.submit(tenant, atom(stream(), 1))
            other = uuid4()
            found(database, other)
            futures.append(committer.submit(other, atom(stream(), 1)))
        for future in futures:
            future.result(30)
    assert len(log(database, tenant)) == 3


def test_a_held_tenant_does_not_hold_the_others(migrated, committer, database, tenant):
    other = uuid4()
    found(database, other)
    with held(migrated, tenant):
        waits = committer.submit(tenant, atom(stream(), 1))
        for _ in range(5):
            committer.submit(other, atom(stream(), 1)).result(30)
        assert not waits.done()
    assert waits.result(30).last == 1


def test_a_tenant_held_for_too_long_is_given_up(migrated, tenant):
    with (
        Committer(migrated.addresses.app, limits=Limits(patience=0.3)) as committer,
        held(migrated, tenant),
        pytest.raises(Busy),
    ):
        committer.submit(tenant, atom(stream(), 1)).result(30)


def test_commits_are_told(migrated, tenant):
    told = []
    with Committer(migrated.addresses.app, lambda *commit: told.append(commit)) as committer:
        committer.submit(tenant, atom(stream(), 1, 3)).result(30)
        with pytest.raises(Behind):
            committer.submit(tenant, atom(stream(), 5)).result(30)
    assert told == [(tenant, 1, 3)]


def test_closing_writes_what_waits_and_takes_no_more(migrated, database, tenant):
    committer = Committer(migrated.addresses.app)
    committer.open()
    futures = [committer.submit(tenant, atom(stream(), 1)) for _ in range(50)]
    committer.close()
    assert sorted(future.result(0).last for future in futures) == list(range(1, 51))
    with pytest.raises(Busy):
        committer.submit(tenant, atom(stream(), 1))


def lost(link, before, monkeypatch):
    """The connection breaks once, before or after the server has done its work."""
    step = "send" if before else "receive"
    whole, broken = getattr(Link, step), list[bool]()

    def breaking(self, *given):
        if broken:
            return whole(self, *given)
        broken.append(True)
        if not before:
            whole(self, *given)
        self.close()
        raise Broken

    monkeypatch.setattr(Link, step, breaking)


@pytest.mark.parametrize("before", [True, False])
def test_an_answer_that_was_lost_is_found_again(migrated, database, tenant, monkeypatch, before):
    lost(Link, before, monkeypatch)
    stamp = Stamp(uuid4(), b"key", b"request")
    with Committer(migrated.addresses.app) as committer:
        atoms = [atom(stream(), 1, 2), atom(stream(), 1, stamp=stamp), atom(stream(), 2)]
        futures = [committer.submit(tenant, each) for each in atoms]
        answers = [future.result(30) for future in futures[:2]]
        with pytest.raises(Behind):
            futures[2].result(30)
    assert not any(answer.repeated for answer in answers)
    assert flaws(log(database, tenant), list(zip(atoms, answers, strict=False)), [atoms[2]]) == []
    assert len(log(database, tenant)) == 3


def test_an_answer_that_cannot_be_known_says_so(migrated, tenant, monkeypatch):
    lost(Link, False, monkeypatch)
    with Committer(migrated.addresses.app) as committer, pytest.raises(Unsettled):
        committer.submit(tenant, Atom([], tracking=("upstream", 1))).result(30)


def test_a_server_that_stays_away_is_given_up(tenant):
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    with Committer(nowhere, limits=Limits(patience=0.2)) as committer, pytest.raises(Busy):
        committer.submit(tenant, atom(stream(), 1)).result(30)


def test_many_threads_open_with_one_another(migrated, database, tenant):
    """All race for the same version; one wins each time."""
    name, wins, barrier = stream(), [], Barrier(8)

    def race(committer):
        for version in range(1, 21):
            barrier.wait()
            try:
                wins.append(committer.submit(tenant, atom(name, version)).result(30).last)
            except Behind:
                continue

    with Committer(migrated.addresses.app) as one, Committer(migrated.addresses.app) as two:
        threads = [Thread(target=race, args=((one, two)[n % 2],)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(wins) == list(range(1, 21))
    assert flaws(log(database, tenant), [], []) == []
