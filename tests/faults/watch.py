"""What must never go back, looked at all the time while things are broken: heads of logs, and what readers read."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from uuid import UUID

import psycopg
from msgspec import Struct, field

from api.settings import Settings, Unset

PAUSE = 0.05
"""Seconds between two looks."""
_LOOK = """
    select '', generation, position from everlog.heads where tenant_id = %(tenant)s
    union all
    select c.view || '-' || c.version, c.generation, c.position
    from everlog.checkpoints c join everlog.pointers p using (tenant_id, view, version, slot)
    where c.tenant_id = %(tenant)s"""

Row = tuple[str, int, int]
"""A view with its version, or "" for the log's head; generation and position."""


class Marks(Struct):
    """The judge: whatever was once reached is never left, and no view is ahead of its log."""

    looks: int = 0
    wrong: list[str] = field(default_factory=list)
    reached: dict[tuple[UUID, str], tuple[int, int]] = field(default_factory=dict)

    def see(self, tenant: UUID, rows: Sequence[Row]) -> None:
        """One look at a tenant: the rows of one snapshot of the database."""
        self.looks += 1
        heads = [(generation, position) for what, generation, position in rows if not what]
        for what, *place in rows:
            at = (place[0], place[1])
            if at < self.reached.get((tenant, what), at):
                self.wrong.append(f"{what or 'the head'} went back from {self.reached[tenant, what]} to {at}")
            if what and heads and at > heads[0]:
                self.wrong.append(f"{what} is at {at}, ahead of its log at {heads[0]}")
            self.reached[tenant, what] = at

    def judged(self) -> list[str]:
        """What was wrong; a watch that has seen nothing shows nothing."""
        return self.wrong if self.looks else ["nobody looked at the checkpoints"]


@contextmanager
def watching(settings: Callable[[], Settings], tenants: Sequence[UUID]) -> Iterator[Marks]:
    """Look at these tenants until the block ends; `settings` is asked anew whenever the database was away."""
    marks, stop = Marks(), threading.Event()
    thread = threading.Thread(target=_watch, args=(settings, tenants, marks, stop), name="watch")
    thread.start()
    try:
        yield marks
    finally:
        stop.set()
        thread.join()


def _watch(settings: Callable[[], Settings], tenants: Sequence[UUID], marks: Marks, stop: threading.Event) -> None:
    while not stop.wait(PAUSE):
        with suppress(psycopg.Error, Unset, OSError), _connected(settings().worker) as connection:
            while not stop.wait(PAUSE):
                for tenant in tenants:
                    marks.see(tenant, look(connection, tenant))


def look(connection: psycopg.Connection[Row], tenant: UUID) -> list[Row]:
    with connection.transaction():
        connection.execute("select set_config('app.tenant', %s, true)", [str(tenant)])
        return connection.execute(_LOOK, {"tenant": tenant}).fetchall()


def _connected(url: str) -> psycopg.Connection[Row]:
    return psycopg.connect(url, autocommit=True, connect_timeout=2, application_name="watch")
