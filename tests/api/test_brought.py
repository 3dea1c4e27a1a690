"""Who was erased while their organisation moved here: what was folded of them here already is cleared as well."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from adapters.erasures import Erasures
from adapters.ledger import Erased, Ledger
from adapters.parcel.content import Subject
from adapters.parcel.unpack import _adopt
from tests.api.erasures import erasing
from tests.api.test_privacy import capture, found
from tests.waiting import until


class Behind:
    """The relay is not there yet; then it is."""

    def __init__(self):
        self.there = False

    def reached(self, tenant, generation, position):
        return self.there

    def purge(self, tenant, subject, generation, position):
        return 0


@pytest.fixture
def brought(world, acme, tmp_path):
    """As a second parcel does: the subject's key is gone, and the certificate is in the log already."""

    def bring(subject):
        erased = Subject(subject, None, round(datetime.now(UTC).timestamp() * 1_000_000))
        _adopt(world.keeper, world.logs.rings.of(acme.id), Ledger(tmp_path), [erased])

    return bring


def test_no_token_of_somebody_erased_on_the_way_stays(world, acme, brought, tmp_path):
    key, other = acme.keys["Admin"], capture(world, acme.keys["Admin"])[1]
    id, person = capture(world, key)
    assert until(lambda: found(world, key, person["email"]) == 1)
    brought(UUID(id))
    assert found(world, key, person["email"]) == 1, (
        "the control: the key is gone, and what they are looked up by is not"
    )
    messages = Behind()
    work = erasing(world, acme.id, tmp_path, messages)
    work.advance()
    assert found(world, key, person["email"]) == 1, "what is not level yet may still be writing"
    messages.there = True
    assert until(lambda: [work.advance()] and found(world, key, person["email"]) == 0)
    assert found(world, key, other["email"]) == 1
    assert marked(world, acme) == 0


def test_no_token_of_somebody_stays_whom_a_restore_brought_back(world, acme, tmp_path):
    """The backup is of before the erasure: the ledger alone knows of it, and the read models hold what it cleared."""
    key, other = acme.keys["Admin"], capture(world, acme.keys["Admin"])[1]
    id, person = capture(world, key)
    assert until(lambda: found(world, key, person["email"]) == 1)
    ledger = Ledger(tmp_path)
    ledger.add([Erased(acme.id, UUID(id), datetime.now(UTC))])
    Erasures(world.keeper, ledger, world).settle()
    assert found(world, key, person["email"]) == 1, (
        "the control: the key is gone, and what they are looked up by is not"
    )
    work = erasing(world, acme.id, tmp_path)
    assert until(lambda: [work.advance()] and found(world, key, person["email"]) == 0)
    assert (found(world, key, other["email"]), marked(world, acme)) == (1, 0)


def test_somebody_of_whom_nothing_was_folded_here_leaves_nothing_to_do(world, acme, brought, tmp_path):
    brought(UUID(int=77))
    assert marked(world, acme) == 0


def marked(world, tenant):
    sql = "select count(*) from everlog.subject_keys where tenant_id = %s and epoch = -1"
    return world.keeper.query(tenant.id, sql, [tenant.id])[0][0]
