"""What its owner takes back is closed within a minute in every process, and nobody else notices."""

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic, sleep
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from adapters.keyring import Cache, Custody, Keys, Ring, Services
from adapters.kms import OWN_SECONDS, FileKMS, named
from adapters.postgres.database import Database, found
from tenants.keys import OWN, SUBJECTS, Denied, Revoked, Unserved
from tests.adapters.kms.transit import Transit, certified, serving
from tests.waiting import until

SUBJECT, MINUTE = UUID(int=7), 60.0
FAST = 40
"""By how much the clocks of the short tests run faster."""


class Line:
    """A key service of a test's own: it serves, refuses, or lets whoever asks wait."""

    def __init__(self, folder):
        self.kms, self.refuses, self.away, self.asked = FileKMS(folder), False, False, 0
        self.hangs = Event()
        self.hangs.set()

    def _look(self):
        self.asked += 1
        self.hangs.wait(60)
        if self.refuses:
            raise Denied("No.")
        if self.away:
            raise Unserved("Away.")

    def create(self, name):
        self.kms.create(name)

    def wrap(self, name, plaintext, ad):
        return self.kms.wrap(name, plaintext, ad)

    def unwrap(self, name, wrapped, ad):
        self._look()
        return self.kms.unwrap(name, wrapped, ad)

    def destroy(self, name):
        self.kms.destroy(name)


class Process:
    """With a memory of its own."""

    def __init__(self, tenant, database, services, fast=1):
        def clock():
            return monotonic() * fast

        self.cache = Cache(clock=clock)
        keys = Keys(tenant, database, services, lost=lambda: self.cache.drop(tenant), beat=clock)
        self.ring = Ring(keys, database, self.cache)

    def reads(self):
        """Whether somebody's data open here."""
        try:
            return bool(self.ring.get(SUBJECT) or self.ring.fetch([SUBJECT]))
        except (Revoked, Unserved):
            return False


def closed(process, seconds, pause=0.01):
    """Seconds until nothing opens; what is in use all the time is asked for all the time."""
    began = monotonic()
    while process.reads():
        assert monotonic() - began < seconds, "It is still open."
        sleep(pause)
    return monotonic() - began


@pytest.fixture
def line(tmp_path):
    made = Line(tmp_path / "own")
    yield made
    made.hangs.set()


@pytest.fixture
def services(line, tmp_path):
    return Services(FileKMS(tmp_path / "here"), tmp_path, lambda _: line)


@pytest.fixture
def owner(migrated, database, tenant, services):
    """A tenant under its own service."""
    with Database(migrated.addresses.worker) as worker:
        ring = Ring(Keys(tenant, worker, services), worker, Cache())
        ring.ensure([SUBJECT])
        Custody(worker, services, ring).bring("own")
    return tenant


def test_the_bounds_come_to_less_than_a_minute():
    assert OWN.dead + SUBJECTS + OWN_SECONDS < MINUTE


@pytest.mark.parametrize("how", ["refuses", "away"])
def test_what_is_taken_back_is_closed_within_a_minute_of_its_clock(line, owner, database, services, how):
    process = Process(owner, database, services, FAST)
    assert process.reads()
    setattr(line, how, True)
    # A loaded machine is late, the bounds are not: three times the minute is far from what was there before them.
    assert closed(process, 3 * MINUTE / FAST) < 3 * MINUTE / FAST
    setattr(line, how, False)
    until(process.reads)


def test_without_bounds_it_would_stay_open(line, owner, database, services, monkeypatch):
    monkeypatch.setattr("tenants.keys.OWN", replace(OWN, renew=1e9, dead=1e9))
    process = Process(owner, database, services, FAST)
    assert process.reads()
    line.refuses = True
    with pytest.raises(AssertionError, match="still open"):
        closed(process, 3 * MINUTE / FAST)


def test_a_service_that_is_briefly_away_is_not_noticed(line, owner, database, services):
    """Renewal goes on beside the reads, and what is at hand serves meanwhile."""
    process = Process(owner, database, services, FAST)
    assert process.reads()
    asked, began = line.asked, monotonic()
    line.hangs.clear()
    while monotonic() - began < (OWN.dead - OWN.renew) / 2 / FAST:
        before = monotonic()
        assert process.reads()
        assert monotonic() - before < 5
    line.hangs.set()
    process.ring.forget([SUBJECT])
    until(lambda: process.reads() and line.asked > asked)


def test_other_tenants_go_on_while_one_s_service_lets_everybody_wait(line, owner, database, services):
    others = []
    for other in [uuid4() for _ in range(3)]:
        found(database, other)
        others.append(Process(other, database, services, FAST))
        others[-1].ring.ensure([SUBJECT])
    stuck = Process(owner, database, services, FAST)
    assert stuck.reads()
    line.hangs.clear()
    # As many ask for what is closed as there are threads for it, and all others have to be served meanwhile.
    with ThreadPoolExecutor(8) as threads:
        for _ in range(64):
            threads.submit(stuck.reads)
        for _ in range(50):
            for process in others:
                process.ring.keys.forget()
                process.ring.forget([SUBJECT])
                assert process.reads()
        line.hangs.set()


def test_whoever_asks_after_a_failure_is_told_at_once(line, owner, database, services):
    process = Process(owner, database, services)
    line.away = True
    assert not process.reads()
    line.hangs.clear()
    began = monotonic()
    for _ in range(20):
        assert not process.reads()
    # Waiting for it each time would have been twenty times `OWN.wait`.
    assert monotonic() - began < 10 * OWN.wait


@pytest.mark.long
@pytest.mark.parametrize("how", ["refused", "cut off"])
def test_in_real_time_under_a_vault_it_is_closed_within_a_minute(migrated, database, tenant, tmp_path, how):
    """Read without a pause, by a process that has everything at hand; the figures are printed."""
    transit = Transit()
    certificate, private = certified(tmp_path)
    (tmp_path / "token").write_text(transit.token)
    services = Services(FileKMS(tmp_path / "here"), tmp_path, lambda each: named(each, tmp_path, OWN_SECONDS))
    found(database, other := uuid4())
    beside = Process(other, database, services)
    beside.ring.ensure([SUBJECT])
    with serving(transit, certificate, private) as url, Database(migrated.addresses.worker) as worker:
        ring = Ring(Keys(tenant, worker, services), worker, Cache())
        ring.ensure([SUBJECT])
        Custody(worker, services, ring).bring(f"vault:{url}?token={tmp_path}/token&ca={certificate}")
        process = Process(tenant, database, services)
        assert process.reads()
        # As late as can be: everything was asked for again just now.
        process.ring.fetch([SUBJECT])
        if how == "refused":
            transit.token = "another"
        else:
            transit.states = [503] * 10**6
        seconds = closed(process, MINUTE, 0.05)
        assert beside.reads()
        transit.token, transit.states = "first", []
        began = monotonic()
        until(process.reads)
        granted = monotonic() - began
        sys.stdout.write(f"{how}: closed after {seconds:.1f} s, open again {granted:.1f} s after it was granted\n")
