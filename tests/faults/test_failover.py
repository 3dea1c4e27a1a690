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


def failed_over(tmp_path, *, apart):
    """Streams that were acknowledged, and those that the promoted replica has; `apart`: nobody waited for it."""
    acknowledged, stop = [], threading.Event()
    with pair() as (primary, replica):
        migrate(primary.url("everlog_owner"), primary.url("everlog_app"), primary.url("everlog_worker"))
        if not apart:
            primary.ask(*REMOTE)
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{replica.port}"
        url = f"postgresql://everlog_app:{PASSWORD}@{hosts}/everlog?target_session_attrs=read-write"
        tenant = uuid4()
        with Database(url) as database, Committer(url) as committer:
            found(database, tenant)
            recorder = Recorder(tenant, database, committer)

            def write():
                while not stop.is_set():
                    stream = f"prospects/{uuid4()}"
                    try:
                        recorder.insert_events([StoredEvent(stream, 1, "prospects.noted", b"{}")])
                        acknowledged.append(stream)
                    except PersistenceError:
                        continue

            until(lambda: replica.ask("select 1 from pg_database where datname = 'everlog'"))
            threads = [threading.Thread(target=write) for _ in range(4)]
            try:
                for thread in threads:
                    thread.start()
                until(lambda: len(acknowledged) > 50)
                if apart:
                    cut_off(replica)
                    more = len(acknowledged) + 50
                    until(lambda: len(acknowledged) > more)
                primary.kill()
                said = promote(replica.url(), Ledger(tmp_path), [])
                more = len(acknowledged) + 50
                until(lambda: len(acknowledged) > more)
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
        assert said.replica
        assert said.resumption.generation == 2
        with psycopg.connect(replica.url()) as connection:
            rows = connection.execute(
                "select position, stream, generation, type from everlog.events where tenant_id = %s order by position",
                [tenant],
            ).fetchall()
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    [begun] = [row for row in rows if row[3] == "tenancy.resumed"]
    assert [row[2] for row in rows] == [1 if row[0] < begun[0] else 2 for row in rows]
    return acknowledged, [row[1] for row in rows]


def test_nothing_acknowledged_is_lost_with_a_replica_that_is_waited_for(tmp_path):
    acknowledged, stands = failed_over(tmp_path, apart=False)
    assert set(acknowledged) <= set(stands)
    assert len(set(stands)) == len(stands)


def test_without_waiting_it_is(tmp_path):
    acknowledged, stands = failed_over(tmp_path, apart=True)
    assert set(acknowledged) - set(stands)
