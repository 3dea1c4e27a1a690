"""What the superuser can do so that nobody looks at a record that they edited, and what a worker does all the same."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from msgspec import Struct
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from adapters.postgres.leases import Leases
from adapters.telemetry.checks import Checks
from api import bootstrap
from api.checking import Checker, Look
from application.proofs import Looked, Looks
from tests.attacks.deeds import PLACE
from tests.attacks.stage import Org, Stage

Connection = psycopg.Connection[Any]
JOB = "check once more"
"""What the worker of this file holds leases for: the product's own holds the others."""
HOURS = 24.0


class Silence(Struct, frozen=True):
    """An event is edited, and this keeps a worker from looking; both days after the last look."""

    do: Callable[[Connection, UUID], object]
    alarm: str = "proofs.not-sound"
    """The line by which a worker that begins then tells of it."""


def append_look(connection: Connection, tenant: UUID, at: str) -> None:
    """Append that a look found everything sound at this time, with the head moved: nobody looked."""
    event = f"{uuid4()}"
    actor = {"kind": "system", "id": f"{UUID(int=0)}"}
    body: dict[str, object] = {"seconds": 1.0, "sound": True, "generation": 1, "events": 2, "sealed": 2, "subjects": 1}
    body |= {"type": "proofs.checked", "at": at, "views": [], "folded": True, "predictions": 0, "faults": []}
    meta = {"event": event, "actor": actor, "permission": "proofs.check"}
    connection.execute(
        """insert into everlog.events
            (tenant_id, position, stream, version, type, event_id, recorded_at, meta, body, salt, generation)
        select tenant_id, position + 1, 'proofs/' || tenant_id, (select count(*) + 1 from everlog.events e
            where e.tenant_id = h.tenant_id and e.stream = 'proofs/' || h.tenant_id), 'proofs.checked',
            %s, now(), %s, %s, sha256('salt')::bytea, generation
        from everlog.heads h where tenant_id = %s""",
        [event, msgspec.json.encode(meta), msgspec.json.encode(body), tenant],
    )
    connection.execute("update everlog.heads set position = position + 1 where tenant_id = %s", [tenant])


def _looked(at: str) -> Silence:
    return Silence(lambda connection, tenant: append_look(connection, tenant, at or f"{datetime.now(UTC):%FT%TZ}"))


def _run(sql: str) -> Silence:
    """With the tenant as its only parameter."""
    return Silence(lambda connection, tenant: connection.execute(sql.encode(), [tenant]), "proofs.overdue")


SILENCES = {
    "append-a-look": _looked(""),
    "append-a-look-of-2500": _looked("2500-01-01T00:00:00Z"),
    "append-a-look-at-the-end-of-time": _looked("9999-12-31T23:59:59Z"),
    "hide-from-the-worker": _run("delete from everlog.heads where tenant_id = %s"),
    "lease-to-nobody": _run(
        "insert into everlog.leases (tenant_id, job, leased, worker, until)"
        f" select '{UUID(int=0)}', '{JOB}', %s, gen_random_uuid(), clock_timestamp() + interval '50 seconds'"
    ),
}


def told(stage: Stage, silence: Silence, org: Org, other: Org, looks: Looks | None = None) -> dict[str, object]:
    """What a worker tells that begins after it, and whether it has looked at another organisation as well."""
    looks, then = looks or bootstrap.looks(stage.settings), datetime.now(UTC) - timedelta(hours=3 * HOURS)
    for each in (org, other):
        looks.put(each.id, Looked(then, sound=True))
    with stage.attacker() as connection:
        edit = "update everlog.events set body = body || ' ' where tenant_id = %s and position = %s"
        connection.execute(edit, [org.id, PLACE])
        silence.do(connection, org.id)
    lines = _lines(stage, looks)
    known = [each for each in lines if (each["event"], each.get("tenant")) == (silence.alarm, f"{org.id}")]
    also = looks.last(other.id)
    looked = also is not None and also.at > then
    place = known[0].get("position") if known else None
    found = bool(known) and looked and place in (None, PLACE)
    return {"detected": found, "position": place, "others_looked_at": looked, "alarm": silence.alarm}


def _lines(stage: Stage, looks: Looks) -> list[Any]:
    with bootstrap.product(stage.settings, worker=True) as product:
        leases, checks = Leases(product.database, uuid4(), job=JOB), Checks(CollectorRegistry())
        checker = Checker(leases.renew, 1.0, HOURS, product.logs.of, Look(stage.settings), looks, checks)
        # As if it had given the others their time.
        checker._warned -= timedelta(hours=HOURS)
        with capture_logs() as lines:
            checker.advance(threading.Event())
        leases.release()
    return lines
