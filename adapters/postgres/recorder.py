"""One tenant's log as the `eventsourcing` library's process recorder, over opaque bytes."""

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.persistence import (
    Notification,
    ProcessRecorder,
    StoredEvent,
    Tracking,
)

from adapters.postgres.atom import Atom, Committed, Entry
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database
from adapters.postgres.subscription import Subscription

Raw = tuple[int, str, int, str, datetime, bytes, bytes, int]
"""position, stream, version, type, recorded at, meta, body, generation."""

EVER = 2**63 - 1
SALT = 16

_LOG = "select * from everlog.read_log(%s, %s, %s, %s)"
_STREAM = "select * from everlog.read_stream(%s, %s, %s, %s, %s)"
_FIRSTS = """
    select position, stream, version, type, recorded_at, meta, body, generation from everlog.events
    where tenant_id = %s and stream = any(%s) and version = 1"""
_AT = """
    select position, stream, version, type, recorded_at, meta, body, generation from everlog.events
    where tenant_id = %s and position = any(%s) order by position"""
_UP = """
    select version, type, body from everlog.events
    where tenant_id = %s and stream = %s and version > %s and version <= %s order by version limit %s"""
_DOWN = _UP.replace("order by version", "order by version desc")
_NOTIFICATIONS = """
    select position, stream, version, type, body from everlog.events
    where tenant_id = %s and position > %s and position <= %s and (%s or type = any(%s))
    order by position limit %s"""
_TRACKING = "select notification from everlog.tracking where tenant_id = %s and application = %s"
_HEAD = "select generation, position from everlog.heads where tenant_id = %s"


class Recorder(ProcessRecorder):
    """Appends to and reads one tenant's log; knows nothing of what the bytes mean."""

    def __init__(self, tenant: UUID, database: Database, committer: Committer) -> None:
        self.tenant = tenant
        self._database = database
        self._committer = committer

    def submit(self, atom: Atom) -> Future[Committed]:
        """Append; see `Committer.submit` for what is raised, at once and by the future."""
        return self._committer.submit(self.tenant, atom)

    def hand(self, atom: Atom, tell: Callable[[Committed | Exception], None]) -> None:
        """The same; see `Committer.hand`."""
        self._committer.hand(self.tenant, atom, tell)

    def rows(self, after: int, limit: int, upto: int | None = None) -> list[Raw]:
        """The events after a position up to another, in log order, at most `limit`."""
        return self._database.call(_LOG, [self.tenant, after, EVER if upto is None else upto, limit])

    async def tail(self, after: int, limit: int, upto: int | None = None) -> list[Raw]:
        """The same, for the event loop."""
        return await self._database.acall(_LOG, [self.tenant, after, EVER if upto is None else upto, limit])

    def stream_rows(self, stream: str, after: int = -1, upto: int | None = None, limit: int | None = None) -> list[Raw]:
        """One stream's events after a version up to another, at most `limit`."""
        return self._database.call(_STREAM, [self.tenant, stream, after, EVER if upto is None else upto, limit])

    async def history(
        self, stream: str, after: int = -1, upto: int | None = None, limit: int | None = None
    ) -> list[Raw]:
        """The same, for the event loop."""
        return await self._database.acall(_STREAM, [self.tenant, stream, after, EVER if upto is None else upto, limit])

    def firsts(self, streams: Sequence[str]) -> list[Raw]:
        """The first event of each of these streams that there is, in no order."""
        return self._database.query(self.tenant, _FIRSTS, [self.tenant, list(streams)])

    async def at(self, positions: Sequence[int]) -> list[Raw]:
        """The events at these positions, in log order, for the event loop."""
        return await self._database.fetch(self.tenant, _AT, [self.tenant, list(positions)])

    def head(self) -> tuple[int, int]:
        """Generation and last position of the log; (0, 0) where the tenant was never founded."""
        rows = self._database.query(self.tenant, _HEAD, [self.tenant])
        return rows[0] if rows else (0, 0)

    def insert_events(
        self, stored_events: Sequence[StoredEvent], *, tracking: Tracking | None = None, **_: Any
    ) -> Sequence[int] | None:
        followed = (tracking.application_name, tracking.notification_id) if tracking else None
        if not stored_events and not followed:
            return None
        atom = Atom([entry(event) for event in stored_events], tracking=followed)
        committed = self.submit(atom).result()
        return list(range(committed.first, committed.last + 1))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        rows = self._database.query(
            self.tenant,
            _DOWN if desc else _UP,
            [self.tenant, str(originator_id), -1 if gt is None else gt, EVER if lte is None else lte, limit],
        )
        return [StoredEvent(originator_id, version, topic, state) for version, topic, state in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = (start or 0) - (1 if inclusive_of_start and start else 0)
        rows = self._database.query(
            self.tenant,
            _NOTIFICATIONS,
            [self.tenant, after, EVER if stop is None else stop, not topics, list(topics), limit],
        )
        return [
            Notification(_named(stream), version, topic, state, position)
            for position, stream, version, topic, state in rows
        ]

    def max_notification_id(self) -> int | None:
        return self.head()[1] or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription:
        return Subscription(self, self._committer, gt, topics)

    def insert_tracking(self, tracking: Tracking) -> None:
        self.insert_events([], tracking=tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        rows = self._database.query(self.tenant, _TRACKING, [self.tenant, application_name])
        return rows[0][0] if rows else None


def entry(event: StoredEvent) -> Entry:
    """What the library hands over, with what our log wants besides."""
    return Entry(
        str(event.originator_id),
        event.originator_version,
        event.topic,
        event.state,
        event_id=uuid4(),
        meta=b"",
        salt=secrets.token_bytes(SALT),
    )


def _named(stream: str) -> UUID | str:
    """The library names its streams by a UUID or by a text; we keep text."""
    try:
        return UUID(stream)
    except ValueError:
        return stream
