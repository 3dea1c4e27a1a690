"""A drain that is not looked at first: all of it stands, or nothing does and the committer looks."""

from uuid import uuid4

import pytest

from adapters.postgres import drain, put
from adapters.postgres.atom import Behind, Committed, Minted, Reservation, Stamp
from adapters.postgres.committer import Committer
from adapters.postgres.database import found
from adapters.postgres.drain import outcomes
from adapters.postgres.link import Link, Rejected
from tests.adapters.postgres.atoms import atom, flaws, log, stream, waiting

STANDING, SUBJECT, CREDENTIAL = stream(), uuid4(), uuid4()


def written(link, groups):
    """What a put of these groups (tenant, its atoms in `Waiting`) answers each."""
    link.send(put.NAME, put.parameters(groups))
    start, told = 0, []
    for row, (_, members) in zip(link.receive(), groups, strict=True):
        told.append([each for _, each in outcomes(drain.answer(row), start, members)])
        start += len(members)
    return told


@pytest.fixture
def begun(committer, tenant):
    """A stream at version 2 with a reservation, a stamp and a subject's key."""
    reservation, stamp = Reservation("mail", b"ada", STANDING), Stamp(CREDENTIAL, b"key", b"request")
    first = atom(STANDING, 1, 2, minted=(Minted(SUBJECT, 1, b"key"),), reservations=(reservation,), stamp=stamp)
    committer.submit(tenant, first).result(30)


WRONG = {
    "the version stands": lambda: atom(STANDING, 2),
    "the version before it does not": lambda: atom(STANDING, 4),
    "there is no such stream": lambda: atom(stream(), 2),
    "the key was used": lambda: atom(stream(), 1, stamp=Stamp(CREDENTIAL, b"key", b"request")),
    "the value is reserved": lambda: atom(stream(), 1, reservations=(Reservation("mail", b"ada", "other"),)),
    "the subject has a key": lambda: atom(stream(), 1, minted=(Minted(SUBJECT, 1, b"new"),)),
    "the subject has none": lambda: atom(stream(), 1, subjects=(uuid4(),)),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused_with_all_of_its_drain(link, database, tenant, begun, wrong):
    other = uuid4()
    found(database, other)
    good, more = atom(stream(), 1), atom(stream(), 1)
    with pytest.raises(Rejected):
        written(link, [(tenant, waiting(tenant, good, wrong())), (other, waiting(other, more))])
    assert len(log(database, tenant)) == 2
    assert log(database, other) == []
    # The control: without it, all the others stand.
    written(link, [(tenant, waiting(tenant, good)), (other, waiting(other, more))])
    assert len(log(database, tenant)) == 3
    assert len(log(database, other)) == 1


def test_each_row_of_a_drain_stands_in_its_own_tenant(link, database):
    tenants = sorted((uuid4() for _ in range(3)), key=lambda tenant: tenant.int)
    for each in tenants:
        found(database, each)
    name, subject = stream(), uuid4()
    groups = []
    for number, each in enumerate(tenants):
        claims = {
            "minted": (Minted(subject, 1, bytes([number])),),
            "reservations": (Reservation("mail", b"ada", name),),
            "stamp": Stamp(CREDENTIAL, b"key", bytes([number])),
        }
        groups.append((each, waiting(each, atom(stream(), 1), atom(name, 1, 2, **claims))))
    told = written(link, groups)
    for number, (each, [first, second]) in enumerate(zip(tenants, told, strict=True)):
        assert (first.first, first.last, second.first, second.last) == (1, 1, 2, 3)
        assert [row[0] for row in log(database, each)] == [1, 2, 3]
        [kept] = database.query(each, "select request, first, last, stream from everlog.stamps")
        assert kept == (bytes([number]), 2, 3, name)
        assert database.query(each, "select wrapped from everlog.subject_keys") == [(bytes([number]),)]
        assert database.query(each, "select stream from everlog.reservations") == [(name,)]


def test_a_tenant_that_another_writer_holds_is_left_out_with_all_its_rows(link, migrated, database, tenant):
    other = uuid4()
    found(database, other)
    stamp = Stamp(CREDENTIAL, b"key", b"request")
    groups = [(each, waiting(each, atom(stream(), 1, stamp=stamp))) for each in sorted((tenant, other))]
    with database.transaction(tenant) as connection:
        connection.execute("select from everlog.heads for update")
        told = dict(zip([each for each, _ in groups], written(link, groups), strict=True))
    assert told[tenant] == []
    assert isinstance(told[other][0], Committed)
    assert log(database, tenant) == database.query(tenant, "select from everlog.stamps") == []
    assert len(log(database, other)) == 1


def test_after_a_refusal_the_committer_looks(migrated, database, tenant, begun, monkeypatch):
    """One atom that is behind spoils nothing for the others of its drain."""
    ways, send = [], Link.send

    def seen(self, name, parameters):
        ways.append(name)
        return send(self, name, parameters)

    monkeypatch.setattr(Link, "send", seen)
    atoms = [atom(stream(), 1), atom(STANDING, 2), atom(stream(), 1, 2)]
    with Committer(migrated.addresses.app) as committer:
        with database.transaction(tenant) as connection:
            connection.execute("select from everlog.heads for update")
            first = committer.submit(tenant, atom(stream(), 1))
            futures = [committer.submit(tenant, each) for each in atoms]
        answers = [future.exception(30) or future.result() for future in (first, *futures)]
    assert isinstance(answers[2], Behind)
    kept = [(atoms[0], answers[1]), (atoms[2], answers[3])]
    assert flaws(log(database, tenant), kept, [atoms[1]]) == []
    assert ways[-2:] == [put.NAME, drain.NAME]
