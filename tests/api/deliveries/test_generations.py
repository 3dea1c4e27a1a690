"""After a restore that lost the end of a log, what is recorded in the lost places is delivered like anything else."""

import psycopg
import pytest

from adapters.deliveries import Stand
from adapters.log.resume import resume
from adapters.proofs.signer import Signer
from tests.api.deliveries.house import to
from tests.waiting import until

LOST = 3


def restored(house, migrated):
    """Three events are gone, and the log goes on in another generation; the position of the first that was lost."""
    tenant = house.tenant.id
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as superuser:
        superuser.execute("set session_replication_role = replica")
        [[head]] = superuser.execute("select position from everlog.heads where tenant_id = %s", [tenant]).fetchall()
        cut = head - LOST
        superuser.execute("delete from everlog.events where tenant_id = %s and position > %s", [tenant, cut])
        superuser.execute("update everlog.heads set position = %s where tenant_id = %s", [cut, tenant])
        superuser.execute("set session_replication_role = origin")
        assert resume(superuser, [tenant], 2, "restore") == 1
    house.signer = Signer(house.world.secrets["keys"], lambda: 2)
    return cut + 1


@pytest.fixture
def afterwards(house, collector, migrated):
    """Delivers, loses an end and records more; then what is due, and what has left of it after another delivery."""

    def deliver():
        house.add("http", to(collector))
        # So many that the destination itself is not among what is lost.
        for _ in range(LOST + 1):
            house.work()
        house.deliver()
        first = restored(house, migrated)
        for _ in range(LOST):
            house.work()
        due = set(range(first, house.deliver() + 1))

        def left():
            # The view of destinations may be under construction: the log of before was another.
            house.deliver()
            return {each["unmapped"]["position"] for each in collector.records if each["unmapped"]["generation"] == 2}

        return due, left

    return deliver


def test_what_stands_in_the_place_of_what_was_lost_is_delivered(afterwards):
    due, left = afterwards()
    assert len(due) > LOST
    assert until(lambda: due <= left())


def test_control_a_courier_that_went_on_where_it_was_would_leave_it_out(afterwards, monkeypatch):
    monkeypatch.setattr(Stand, "began", lambda *_: 10**9)
    due, left = afterwards()
    assert not any(due <= left() for _ in range(5))
