"""Seeded crowds of writers against what must be true of every log, while their connections are killed."""

import os
import random
from collections import Counter
from threading import Event, Thread
from time import sleep
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from adapters.postgres.atom import (
    Atom,
    Behind,
    Busy,
    Committed,
    Minted,
    Minting,
    Reservation,
    Reserved,
    Stamp,
    Unsettled,
)
from adapters.postgres.committer import Committer
from adapters.postgres.database import found
from tests.adapters.postgres.atoms import entry, flaws, log, stream

KILL = """
    select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'everlog committer'"""
KILLS = 100
SEED = int(os.environ.get("EVERLOG_SEED") or random.randrange(2**32))


class Crowd:
    """Threads that append at random to a few streams of a few tenants, and remember what they were told."""

    def __init__(self, committers, tenants, rounds, seed):
        self.committers, self.rounds, self.seed = committers, rounds, seed
        self.streams = {tenant: [stream() for _ in range(4)] for tenant in tenants}
        self.stamps = {tenant: [Stamp(uuid4(), bytes([n]), b"request") for n in range(5)] for tenant in tenants}
        self.subjects = {tenant: [uuid4() for _ in range(3)] for tenant in tenants}
        self.known: Counter[str] = Counter()
        self.written: dict[UUID, list[Any]] = {tenant: [] for tenant in tenants}
        self.repeated: dict[UUID, list[Any]] = {tenant: [] for tenant in tenants}
        self.refused: dict[UUID, list[Any]] = {tenant: [] for tenant in tenants}
        self.unsettled: dict[UUID, list[Any]] = {tenant: [] for tenant in tenants}

    def run(self, writers):
        threads = [Thread(target=self._write, args=(number,)) for number in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _write(self, number):
        dice = random.Random(f"{self.seed} {number}")
        for _ in range(self.rounds):
            tenant = dice.choice(list(self.streams))
            atom = self._atom(dice, tenant)
            try:
                answer = dice.choice(self.committers).submit(tenant, atom).result(60)
            except Behind as refusal:
                self.known[refusal.stream] = refusal.actual
                self.refused[tenant].append(atom)
            except (Reserved, Minting, Busy):
                self.refused[tenant].append(atom)
            except Unsettled:
                self.unsettled[tenant].append(atom)
            else:
                (self.repeated if answer.repeated else self.written)[tenant].append((atom, answer))
                self.known.update({entry.stream: 1 for entry in atom.entries if not answer.repeated})

    def _atom(self, dice, tenant):
        entries = []
        for name in dice.sample(self.streams[tenant], dice.choice((1, 1, 2))):
            after = self.known[name]
            entries += [entry(name, after + n) for n in range(1, dice.choice((2, 2, 3, 7)))]
        name = entries[0].stream
        return Atom(
            entries,
            stamp=dice.choice(self.stamps[tenant]) if dice.random() < 0.1 else None,
            minted=(Minted(dice.choice(self.subjects[tenant]), 1, b"key"),) if dice.random() < 0.05 else (),
            reservations=(Reservation("mail", bytes([dice.randrange(3)]), name),) if dice.random() < 0.1 else (),
        )

    def flaws(self, database):
        found = []
        for tenant, written in self.written.items():
            rows = log(database, tenant)
            found += flaws(rows, written, self.refused[tenant] + [atom for atom, _ in self.repeated[tenant]])
            stamped = {(a.stamp.credential, a.stamp.key): (c.first, c.last) for a, c in written if a.stamp}
            found += [
                "a repeat was answered otherwise than the first time"
                for atom, answer in self.repeated[tenant]
                if stamped.get((atom.stamp.credential, atom.stamp.key), (answer.first, answer.last))
                != (answer.first, answer.last)
            ]
            minted = Counter(minted.subject for atom, _ in written for minted in atom.minted)
            found += ["a subject was minted twice" for count in minted.values() if count > 1]
        return found


@pytest.fixture
def tenants(database):
    made = [uuid4() for _ in range(3)]
    for tenant in made:
        found(database, tenant)
    return made


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_crowd(migrated, database, tenants, lanes):
    url = migrated.addresses.app
    with Committer(url, lanes=lanes) as one, Committer(url) as two:
        crowd = Crowd([one, two], tenants, rounds=60, seed=SEED)
        crowd.run(writers=12)
    assert crowd.flaws(database) == [], f"EVERLOG_SEED={SEED}"
    assert all(crowd.written.values())
    assert any(crowd.refused.values())


def test_a_crowd_whose_connections_are_killed(migrated, database, tenants):
    url, over, killed = migrated.addresses.app, Event(), [0]

    def kill():
        with psycopg.connect(migrated.addresses.superuser, autocommit=True) as superuser:
            # Bounded, since on a slow machine nobody would get to write between two kills.
            while not over.is_set() and killed[0] < KILLS:
                killed[0] += superuser.execute(KILL).rowcount
                sleep(0.02)

    with Committer(url) as one, Committer(url) as two:
        killer = Thread(target=kill)
        killer.start()
        crowd = Crowd([one, two], tenants, rounds=60, seed=SEED)
        crowd.run(writers=12)
        over.set()
        killer.join()
    assert crowd.flaws(database) == [], f"EVERLOG_SEED={SEED}"
    assert killed[0]
    assert all(crowd.written.values())


@pytest.mark.parametrize("damage", ["lost", "doubled", "moved"])
def test_a_damaged_log_is_seen(database, committer, tenants, damage):
    tenant = tenants[0]
    atoms = [Atom([entry(stream(), 1)]) for _ in range(3)]
    answers = [committer.submit(tenant, atom).result(30) for atom in atoms]
    rows = log(database, tenant)
    assert flaws(rows, list(zip(atoms, answers, strict=True)), []) == []
    match damage:
        case "lost":
            rows = rows[:2]
        case "doubled":
            rows.append((4, *rows[0][1:]))
        case "moved":
            answers[0] = Committed(2, 2, answers[0].at, 1)
    assert flaws(rows, list(zip(atoms, answers, strict=True)), [])
