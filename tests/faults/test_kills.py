"""kill -9 of every part while two organisations stream: no acknowledged event is lost, none stands twice."""

import asyncio
import os
import random
from uuid import UUID

import pytest
from msgspec.structs import replace

from api import settings as configuration
from tests.faults.aftermath import aftermath, carried, settled
from tests.faults.evidence import Ledger, wrong
from tests.faults.kills import Feed, spree
from tests.served import answered, served

FEW = ["api", "views", "postgres"]
MANY = [*FEW, "learning", "nats", "backend", "serve"] * 2 + ["api", "views", "postgres", "learning", "nats", "backend"]


def organisation(product):
    made = answered(["tenants", "create", "Acme"], product.environment)
    return product.url, UUID(made["tenant"]), made["key"]


def endure(home, targets, least):
    """Kill these, and have everything as it should be afterwards; the account and the log of the first organisation."""
    seed = int(os.environ.get("EVERLOG_SEED") or random.SystemRandom().getrandbits(32))
    print(f"seed {seed}")  # noqa: T201 - it is needed to run this again
    with served(home) as product:
        feeds = [Feed(*organisation(product), least=least) for _ in range(2)]
        killed = spree(product, feeds, targets, seed)
        for feed in feeds:
            feed.enough()
        told = f"seed {seed}: {'; '.join(killed)}"
        print(told)  # noqa: T201 - the kills are the result, with the counts below
        lags, streams = [], []
        for feed in feeds:
            lags.append(settled(product.settings, feed.client.tenant, feed.captures))
            streams.append(asyncio.run(carried(product.settings.nats, feed.client.tenant)))
        product.stop()
        found = [aftermath(configuration.read(product.environment), feed.client.tenant) for feed in feeds]
    for feed, after, stream, lag in zip(feeds, found, streams, lags, strict=True):
        print(  # noqa: T201 - the counts are the result
            f"{len(feed.ledger.acknowledged)} commands acknowledged, {len(after.log)} events, {feed.captures} captures,"
            f" {stream.again} messages carried again, settled in {lag:.1f} s"
        )
        assert wrong(feed.ledger, after.log) == [], told
        assert len(feed.ledger.acknowledged) == len(feed.ledger.attempted)
        assert (after.differing, after.parked) == ({}, 0), told
        assert stream.digests == after.digests, told
    return feeds[0].ledger, found[0].log


def test_three_kills_lose_and_repeat_nothing(tmp_path):
    ledger, log = endure(tmp_path / "home", FEW, 120)
    the_account_sees_what_is_wrong(ledger, log)


@pytest.mark.faults
def test_twenty_kills_lose_and_repeat_nothing(tmp_path):
    assert len(MANY) == 20
    endure(tmp_path / "home", MANY, 300)


def the_account_sees_what_is_wrong(ledger, log):
    """The control: each thing that may go wrong, done to the very log that was found right."""
    which = next(number for number, each in enumerate(log) if each.type == "prospects.signal-observed")
    made = next(number for number, each in enumerate(log) if each.type == "predictions.made")
    last = log[-1]
    stranger = replace(log[which], stream=f"prospects/{UUID(int=0)}", version=1, position=last.position + 1, at=last.at)
    again = replace(log[which], version=log[which].version + 1, position=last.position + 1, at=last.at)
    more = replace(log[made], stream=f"predictions/{UUID(int=0)}", position=last.position + 1, at=last.at)
    renumbered = [replace(each, position=n) for n, each in enumerate([*log[:which], *log[which + 1 :]], 1)]
    for seen, what in (
        ([*log[:which], *log[which + 1 :]], "positions"),
        (renumbered, "acknowledged at"),
        ([*log, stranger], "never attempted"),
        ([*log, again], "repeated"),
        ([*log, more], "predictions of"),
        ([*log[:which], log[which + 1], log[which], *log[which + 2 :]], "positions"),
    ):
        assert any(what in each for each in wrong(ledger, seen)), what
    assert wrong(Ledger(ledger.attempted, [(last.position + 1, *ledger.attempted[0])]), log)
