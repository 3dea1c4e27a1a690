"""What the server cannot do for reasons of its own, such as a full disk, is told as what passes; nothing is written."""

import pytest

from adapters.log.draft import told
from adapters.postgres.atom import Failing, Full
from adapters.postgres.committer import Committer
from application.ports import NoRoom, Unanswered
from tests.adapters.postgres.atoms import atom, log, stream
from tests.adapters.postgres.test_committer import held


@pytest.fixture
def failing(owner, tenant):
    """Make the server fail at each of this tenant's events with a code; it does so no more when the test ends."""

    def fail(code):
        owner.execute(
            f"""
            create function everlog.failing() returns trigger language plpgsql as $$
            begin raise exception 'nothing goes' using errcode = '{code}'; end $$;
            create trigger failing before insert on everlog.events for each row
                when (new.tenant_id = '{tenant}') execute function everlog.failing()"""
        )

    yield fail
    owner.execute("drop trigger failing on everlog.events; drop function everlog.failing()")


@pytest.mark.parametrize(("code", "kind", "says"), [("53100", Full, NoRoom), ("58030", Failing, Unanswered)])
def test_it_is_told_to_all_of_the_drain_and_nothing_is_written(
    migrated, database, tenant, failing, owner, code, kind, says
):
    with Committer(migrated.addresses.app) as committer:
        failing(code)
        with held(migrated, tenant):
            futures = [committer.submit(tenant, atom(stream(), 1)) for _ in range(3)]
        problems = [future.exception(30) for future in futures]
        assert [type(problem) for problem in problems] == [kind] * 3
        assert [type(told(problem)) for problem in problems if problem] == [says] * 3
        assert log(database, tenant) == []
        owner.execute("alter table everlog.events disable trigger failing")
        assert committer.submit(tenant, atom(stream(), 1)).result(30).first == 1
