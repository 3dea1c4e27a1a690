"""Which worker works for which tenant. Two that believe they hold the same lease do no harm, only work twice."""

from collections.abc import Callable, Collection
from threading import Lock
from time import monotonic
from uuid import UUID

from adapters.postgres.database import Database
from tenants.context import SYSTEM

VIEWS = "views"
# A lease holds until its time is over, unless that is further away than any is given for: then it was
# written before the clock went back, and would keep a dead worker's tenants from the others until it is there again.
_HERE = """
    insert into everlog.leases (tenant_id, job, leased, worker, until)
    values (%(system)s, %(crew)s, %(worker)s, %(worker)s, clock_timestamp() + %(seconds)s * interval '1 second')
    on conflict (tenant_id, job, leased) do update set until = excluded.until"""
_GONE = """
    delete from everlog.leases where tenant_id = %(system)s and job = %(crew)s
        and not (until between clock_timestamp() and clock_timestamp() + %(longest)s * interval '1 second')"""
_RENEW = """
    update everlog.leases set until = clock_timestamp() + %(seconds)s * interval '1 second'
    where tenant_id = %(system)s and job = %(job)s and worker = %(worker)s returning leased"""
_SHARE = """
    select ceil((select count(*) from everlog.heads where tenant_id <> all(%(gone)s))::numeric
        / greatest(count(*), 1))::bigint
    from everlog.leases where tenant_id = %(system)s and job = %(crew)s
        and until between clock_timestamp() and clock_timestamp() + %(longest)s * interval '1 second'"""
_SHED = """
    delete from everlog.leases
    where tenant_id = %(system)s and job = %(job)s and worker = %(worker)s and leased = any(%(shed)s)"""
_TAKE = """
    insert into everlog.leases as stands (tenant_id, job, leased, worker, until)
    select %(system)s, %(job)s, h.tenant_id, %(worker)s, clock_timestamp() + %(seconds)s * interval '1 second'
    from everlog.heads h
    left join everlog.leases l on l.tenant_id = %(system)s and l.job = %(job)s and l.leased = h.tenant_id
    where h.tenant_id <> all(%(gone)s) and (l.leased is null
        or not (l.until between clock_timestamp() and clock_timestamp() + %(longest)s * interval '1 second'))
    order by h.tenant_id limit %(more)s
    on conflict (tenant_id, job, leased) do update set worker = excluded.worker, until = excluded.until
    where not (stands.until between clock_timestamp() and clock_timestamp() + %(longest)s * interval '1 second')
    returning leased"""
_RELEASE = "delete from everlog.leases where tenant_id = %(system)s and worker = %(worker)s"


SECONDS = 6.0
"""With a renewal in every third of it, a dead worker's tenants are another's within eight seconds."""
_LONGEST = 60.0
"""Seconds that no lease is given for by any release."""
_EAGER = 0.5
"""Seconds between two looks for a tenant that this worker does not hold."""


class Leases:
    """One worker's leases, each for `seconds` by the database's clock. The database's role is the worker's.

    `job` is what they are for where none is named. Nothing is done for the tenants that `gone` answers with.
    """

    def __init__(
        self,
        database: Database,
        worker: UUID,
        seconds: float = SECONDS,
        job: str = VIEWS,
        gone: Callable[[], Collection[UUID]] = frozenset,
    ) -> None:
        self.worker = worker
        self._gone = gone
        self._job = job
        self.seconds = seconds
        self._database = database
        self._held: dict[str, tuple[set[UUID], float]] = {}
        self._lock = Lock()

    def renew(self, job: str = "") -> set[UUID]:
        """Say that this worker does the job, keep its fair share of all tenants, and take what is free up to that."""
        job = job or self._job
        gone = list(self._gone())
        known = {
            "system": SYSTEM,
            "job": job,
            "crew": f"{job} crew",
            "worker": self.worker,
            "seconds": self.seconds,
            "longest": max(_LONGEST, self.seconds),
            "gone": gone,
        }
        with self._database.transaction(SYSTEM) as connection:
            connection.execute(_HERE, known)
            connection.execute(_GONE, known)
            held = {tenant for (tenant,) in connection.execute(_RENEW, known)}
            [(share,)] = connection.execute(_SHARE, known).fetchall()
            if shed := [*held.intersection(gone), *sorted(held.difference(gone))[share:]]:
                connection.execute(_SHED, known | {"shed": shed})
            held.difference_update(shed)
            if share > len(held):
                held |= {tenant for (tenant,) in connection.execute(_TAKE, known | {"more": share - len(held)})}
        return held

    def hold(self, job: str, tenant: UUID) -> bool:
        """Whether a tenant is among this worker's share; any thread may ask, and one of them renews when it is time."""
        with self._lock:
            held, renewed = self._held.get(job, (set[UUID](), float("-inf")))
            age = monotonic() - renewed
            if age >= self.seconds / 3 or (tenant not in held and age >= _EAGER):
                began = monotonic()
                held = self.renew(job)
                self._held[job] = held, began
        return tenant in held

    def release(self) -> None:
        """Give everything back, for others to take at once."""
        with self._lock:
            self._held.clear()
        known = {"system": SYSTEM, "worker": self.worker}
        self._database.query(SYSTEM, _RELEASE, known)
