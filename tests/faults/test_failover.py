"""The fault that `make faults` does with the whole product, in small: a committer, two servers, one of them killed."""

import threading
from uuid import uuid4

import psycopg
from eventsourcing.persistence import PersistenceError, StoredEvent

from adapters.ledger import Ledger
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database, found
from adapters.postgres.migrate import migrate
from adapters.postgres.recorder import Recorder
from adapters.promotion import promote
from tests.clusters import PASSWORD, cut_off, pair
from tests.faults.failover import REMOTE
from tests.waiting import until


class Writers:
    """Four threads that append for as long as the block lasts, and what was acknowledged to them."""

    def __init__(self, recorder):
        self.acknowledged = []
        self._recorder = recorder
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write) for _ in range(4)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def more(self):
        """Return when fifty more are acknowledged."""
        wanted = len(self.acknowledged) + 50
        until(lambda: len(self.acknowledged) > wanted)

    def _write(self):
        while not self._stop.is_set():
            stream = f"prospects/{uuid4()}"
            try:
                self._recorder.insert_events([StoredEvent(stream, 1, "prospects.noted", b"{}")])
                self.acknowledged.append(stream)
            except PersistenceError:
                continue


def failed_over(tmp_path, *, apart):
    """Streams that were acknowledged, and those that the promoted replica has; `apart`: nobody waited for it."""
    tenant = uuid4()
    with pair() as (primary, replica):
        migrate(primary.url("everlog_owner"), primary.url("everlog_app"), primary.url("everlog_worker"))
        if not apart:
            primary.ask(*REMOTE)
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{replica.port}"
        url = f"postgresql://everlog_app:{PASSWORD}@{hosts}/everlog?target_session_attrs=read-write"
        with Database(url) as database, Committer(url) as committer:
            found(database, tenant)
            with Writers(Recorder(tenant, database, committer)) as writers:
                writers.more()
                if apart:
                    cut_off(replica)
                    writers.more()
                primary.kill()
                said = promote(replica.url(), Ledger(tmp_path), [])
                writers.more()
        assert (said.replica, said.resumption.generation) == (True, 2)
        return writers.acknowledged, _stands(replica, tenant)


def _stands(replica, tenant):
    """The streams of the log, numbered without a gap, in generation 2 from the fact that begins it on."""
    with psycopg.connect(replica.url()) as connection:
        rows = connection.execute(
            "select position, stream, generation, type from everlog.events where tenant_id = %s order by position",
            [tenant],
        ).fetchall()
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    [begun] = [row[0] for row in rows if row[3] == "tenancy.resumed"]
    assert [row[2] for row in rows] == [1 if row[0] < begun else 2 for row in rows]
    return [row[1] for row in rows]


def test_nothing_acknowledged_is_lost_with_a_replica_that_is_waited_for(tmp_path):
    acknowledged, stands = failed_over(tmp_path, apart=False)
    assert set(acknowledged) <= set(stands)
    assert len(set(stands)) == len(stands)


def test_without_waiting_it_is(tmp_path):
    acknowledged, stands = failed_over(tmp_path, apart=True)
    assert set(acknowledged) - set(stands)
