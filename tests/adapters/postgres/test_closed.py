"""A closed log is read and not written to: whoever appends is told so, and nobody else is held up."""

from uuid import uuid4

import pytest

from adapters.log.draft import told
from adapters.postgres import atom as atoms
from adapters.postgres.committer import Committer
from adapters.postgres.database import found
from application.ports import Closed
from tests.adapters.postgres.atoms import atom, log, stream
from tests.adapters.postgres.test_committer import held

CLOSE = "update everlog.heads set closed = 'left' where tenant_id = %s"
OPEN = "update everlog.heads set closed = null where tenant_id = %s"


@pytest.fixture
def another(database):
    tenant = uuid4()
    found(database, tenant)
    return tenant


def test_an_append_to_a_closed_log_is_refused_and_other_tenants_go_on(migrated, database, tenant, another):
    with Committer(migrated.addresses.app) as committer:
        committer.submit(tenant, atom(stream(), 1)).result(30)
        database.query(tenant, CLOSE, [tenant])
        with held(migrated, tenant):
            refused = [committer.submit(tenant, atom(stream(), 1)) for _ in range(3)]
            free = committer.submit(another, atom(stream(), 1))
        problems = [each.exception(30) for each in refused]
        assert [type(each) for each in problems] == [atoms.Closed] * 3
        assert [type(told(each)) for each in problems if each] == [Closed] * 3
        assert free.result(30).first == 1
        assert len(log(database, tenant)) == 1
        database.query(tenant, OPEN, [tenant])
        assert committer.submit(tenant, atom(stream(), 1)).result(30).first == 2


def test_a_head_that_moves_in_a_closed_log_is_seen_by_the_trigger_alone(database, tenant, owner):
    database.query(tenant, CLOSE, [tenant])
    owner.execute("alter table everlog.heads disable trigger guard")
    try:
        database.query(tenant, "update everlog.heads set position = 1 where tenant_id = %s", [tenant])
    finally:
        owner.execute("alter table everlog.heads enable trigger guard")
    with pytest.raises(Exception, match="the log is closed"):
        database.query(tenant, "update everlog.heads set position = 2 where tenant_id = %s", [tenant])
