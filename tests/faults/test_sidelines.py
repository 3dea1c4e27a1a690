"""What is committed beside events, harmed by the superuser row by row: each has to be seen."""

from uuid import UUID, uuid4

import psycopg
import pytest

from adapters.erasures import Erasures
from adapters.ledger import Ledger
from benchmarks.load import captured, meta, once, signal
from tests.faults.evidence import Ledger as Account
from tests.faults.sidelines import astray, beside, unseen, unstamped

ONE = "(select {0} from everlog.{1} where tenant_id = $1 order by {0} limit 1)"
STAMP = f"first = {ONE.format('first', 'stamps')}"
TOKEN = f"token = {ONE.format('token', 'reservations')}"
SUBJECT = f"subject = {ONE.format('subject', 'subject_keys')}"
HARMS = {
    "a stamp is gone": (f"delete from everlog.stamps where tenant_id = $1 and {STAMP}", "have no stamp"),
    "a stamp points beyond": (
        f"update everlog.stamps set last = 100 where tenant_id = $1 and {STAMP}",
        "a stamp points to 1 to 100 of 6",
    ),
    "a stamp points to two appends": (
        f"update everlog.stamps set last = last + 1 where tenant_id = $1 and {STAMP}",
        "not what one append recorded",
    ),
    "two stamps point to one append": (
        f"""insert into everlog.stamps
            select tenant_id, credential, sha256(key), request, first, last, stream, recorded_at, generation
            from everlog.stamps where tenant_id = $1 and {STAMP}""",
        "two stamps point to 1",
    ),
    "a reservation is gone": (
        f"delete from everlog.reservations where tenant_id = $1 and {TOKEN}",
        "does not hold its reservation",
    ),
    "a reservation is another stream's": (
        f"update everlog.reservations set stream = 'prospects/' || gen_random_uuid() where tenant_id = $1 and {TOKEN}",
        "that no event of it makes",
    ),
    "a reservation too many": (
        f"""insert into everlog.reservations
            select tenant_id, scope, sha256(token), stream
            from everlog.reservations where tenant_id = $1 and {TOKEN}""",
        "that no event of it makes",
    ),
    "a key is gone": (f"delete from everlog.subject_keys where tenant_id = $1 and {SUBJECT}", "of which there is none"),
    "a key is destroyed": (
        f"update everlog.subject_keys set wrapped = null, erased_at = now() where tenant_id = $1 and {SUBJECT}",
        "who was not erased",
    ),
    "a key is another": (
        f"update everlog.subject_keys set wrapped = sha256(wrapped) where tenant_id = $1 and {SUBJECT}",
        "does not open",
    ),
}


@pytest.fixture
def account(logs, tenant):
    """Of a log of three appends with a key, and a request that came to nothing."""
    account, log = Account(), logs.of(tenant)
    for id in (first := str(uuid4()), str(uuid4()), str(uuid4())):
        account.attempt({"command": "prospects.capture", "id": id, "key": id})
        account.attempt({"command": "prospects.observe", "id": id, "key": id})
        log.submit(f"prospects/{id}", 0, [captured(), signal()], meta(), once()).result(60)
    log.submit(f"prospects/{first}", 2, [], meta(), once(signal())).result(60)
    return account


@pytest.fixture
def look(logs, database, tenant, account, tmp_path):
    def look():
        log = logs.of(tenant).read(0)
        logs.rings.forget_subjects()
        found = beside(logs, database, tenant, log, Ledger(tmp_path))
        return found, log

    return look


@pytest.fixture
def wrong(look, account):
    def wrong():
        found, log = look()
        return [*astray(found, log), *unstamped(account, found, log)]

    return wrong


def test_what_stands_beside_events_fits_them_and_whatever_else_is_seen(look, wrong, account):
    assert wrong() == []
    assert unseen(account, *look()) == []


@pytest.mark.parametrize("harm", HARMS)
def test_a_row_that_is_harmed_is_seen(wrong, migrated, tenant, harm):
    statement, seen = HARMS[harm]
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as connection:
        literal = psycopg.sql.Literal(tenant).as_string(connection)
        assert connection.execute(statement.replace("$1", literal)).rowcount == 1
    found = wrong()
    assert any(seen in each for each in found), found


def test_what_somebody_erased_had_reserved_may_stand_and_may_be_gone(wrong, logs, database, migrated, tenant, tmp_path):
    stream = logs.of(tenant).read(0)[0].stream
    Erasures(database, Ledger(tmp_path)).erase(tenant, [UUID(stream[-36:])])
    assert wrong() == []
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as connection:
        gone = "delete from everlog.reservations where tenant_id = %s and stream = %s"
        assert connection.execute(gone, [tenant, stream]).rowcount == 1
    assert wrong() == []
