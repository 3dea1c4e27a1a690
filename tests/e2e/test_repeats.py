"""A client that lost the answer sends again: with idempotency keys nothing stands twice, without them it does."""

from itertools import count
from uuid import UUID

import pytest

from api.bootstrap import product
from api.demo import figures
from api.demo.applications import applications, commands
from api.demo.client import Client
from tests.faults.evidence import Ledger, wrong

FEW = 5


@pytest.mark.parametrize("keyed", [True, False])
def test_what_is_sent_again(house, ask, keyed):
    made = ask("tenants", "create", "Forgetful")
    client, ledger = Client(house.url, UUID(made["tenant"]), made["key"]), Ledger()
    # Signals alone: to capture or to win once more is nothing new even without a key.
    kept = [each for each in commands(client.tenant, applications()[:FEW]) if each["command"][10:] in WANTED]
    bulk = [ledger.attempt(each if keyed else unkeyed(each)) for each in kept]
    [(_, first)] = client.acknowledged(bulk)
    ledger.acknowledge(bulk, first)
    [(_, second)] = client.acknowledged(bulk)
    figures.predicted(client, FEW)
    found = wrong(ledger, whole(house.settings, client.tenant))
    if keyed:
        assert [each | {"repeated": False} for each in second] == first
        assert found == []
    else:
        assert [each.partition(":")[0] for each in found] == ["repeated"]


WANTED = ("capture", "observe")


def unkeyed(command):
    return {name: value for name, value in command.items() if name != "key"}


def whole(settings, tenant):
    with product(settings, worker=True) as mine:
        log = mine.logs.of(tenant)
        pages = (log.read(1000 * page) for page in count())
        return [each for page in iter(lambda: next(pages), []) for each in page]
