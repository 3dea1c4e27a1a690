"""A word over NATS: every process lets go of what was erased, and of all keys of a tenant that was forgotten."""

from contextlib import contextmanager
from uuid import uuid4

import pytest

from adapters.keyring import Rings
from adapters.kms import FileKMS
from adapters.nats.forget import Forgetting
from adapters.nats.link import Link
from tests.waiting import until


class Process:
    def __init__(self, database, folder, url):
        self.link, self.rings = Link(url), Rings(database, FileKMS(folder))
        self.word = Forgetting(self.link, self.rings)

    def holds(self, tenant):
        return self.rings.of(tenant).keys.at_hand, any(each[0] == tenant.int for each in self.rings._cache._held)


@contextmanager
def linked(process):
    process.link.start()
    assert process.link.wait(20)
    try:
        yield process
    finally:
        process.link.stop()


@pytest.fixture
def two(database, tmp_path, broker):
    one, other = (Process(database, tmp_path / "kms", broker.url) for _ in range(2))
    with linked(one), linked(other):
        yield one, other


def test_all_keys_of_a_tenant_are_let_go_of_everywhere_and_nobody_elses(two, tenant):
    one, other = two
    neighbour, subject = uuid4(), uuid4()
    for each in (one, other):
        each.rings.of(tenant).ensure([subject])
        each.rings.of(neighbour).ensure([subject])
    # Whoever was connected just now lets go of all persons' keys once more.
    assert until(lambda: [other.rings.of(tenant).ensure([subject])] and other.holds(tenant) == (True, True))
    one.word.drop(tenant)
    assert one.holds(tenant) == (False, False)
    assert until(lambda: other.holds(tenant) == (False, False))
    assert other.holds(neighbour)[0]
