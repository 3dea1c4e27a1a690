"""Which worker works for which tenant. Two that believe they hold the same lease do no harm, only work twice."""

from time import monotonic
from uuid import UUID

from adapters.postgres.database import Database
from tenants.context import SYSTEM

VIEWS = "views"
# A lease holds until its time is over, unless that is more than a minute away, which none is given for: then it was
# written before the clock went back, and would keep a dead worker's tenants from the others until it is there again.
_HERE = """
    insert into everlog.leases (tenant_id, job, leased, worker, until)
    values (%(system)s, %(crew)s, %(worker)s, %(worker)s, clock_timestamp() + %(seconds)s * interval '1 second')
    on conflict (tenant_id, job, leased) do update set until = excluded.until"""
_GONE = """
    delete from everlog.leases where tenant_id = %(system)s and job = %(crew)s
        and not (until between clock_timestamp() and clock_timestamp() + interval '1 minute')"""
_RENEW = """
    update everlog.leases set until = clock_timestamp() + %(seconds)s * interval '1 second'
    where tenant_id = %(system)s and job = %(job)s and worker = %(worker)s returning leased"""
_SHARE = """
    select ceil((select count(*) from everlog.heads)::numeric / greatest(count(*), 1))::bigint
    from everlog.leases where tenant_id = %(system)s and job = %(crew)s
        and until between clock_timestamp() and clock_timestamp() + interval '1 minute'"""
_SHED = """
    delete from everlog.leases
    where tenant_id = %(system)s and job = %(job)s and worker = %(worker)s and leased = any(%(shed)s)"""
_TAKE = """
    insert into everlog.leases as stands (tenant_id, job, leased, worker, until)
    select %(system)s, %(job)s, h.tenant_id, %(worker)s, clock_timestamp() + %(seconds)s * interval '1 second'
    from everlog.heads h
    left join everlog.leases l on l.tenant_id = %(system)s and l.job = %(job)s and l.leased = h.tenant_id
    where l.leased is null
        or not (l.until between clock_timestamp() and clock_timestamp() + interval '1 minute')
    order by h.tenant_id limit %(more)s
    on conflict (tenant_id, job, leased) do update set worker = excluded.worker, until = excluded.until
    where not (stands.until between clock_timestamp() and clock_timestamp() + interval '1 minute')
    returning leased"""
_HOLD = """
    insert into everlog.leases as stands (tenant_id, job, leased, worker, until)
    values (%(system)s, %(job)s, %(leased)s, %(worker)s, clock_timestamp() + %(seconds)s * interval '1 second')
    on conflict (tenant_id, job, leased) do update set worker = excluded.worker, until = excluded.until
    where stands.worker = excluded.worker
        or not (stands.until between clock_timestamp() and clock_timestamp() + interval '1 minute')
    returning leased"""
_RELEASE = "delete from everlog.leases where tenant_id = %(system)s and worker = %(worker)s"


class Leases:
    """One worker's leases, each for `seconds` by the database's clock. The database's role is the worker's."""

    def __init__(self, database: Database, worker: UUID, seconds: float = 15.0) -> None:
        self.worker = worker
        self.seconds = seconds
        self._database = database
        self._held: dict[tuple[str, UUID], float] = {}

    def renew(self, job: str = VIEWS) -> set[UUID]:
        """Say that this worker does the job, keep its fair share of all tenants, and take what is free up to that."""
        known = {"system": SYSTEM, "job": job, "crew": f"{job} crew", "worker": self.worker, "seconds": self.seconds}
        with self._database.transaction(SYSTEM) as connection:
            connection.execute(_HERE, known)
            connection.execute(_GONE, known)
            held = {tenant for (tenant,) in connection.execute(_RENEW, known)}
            [(share,)] = connection.execute(_SHARE, known).fetchall()
            if shed := sorted(held)[share:]:
                connection.execute(_SHED, known | {"shed": shed})
            if share > len(held):
                held |= {tenant for (tenant,) in connection.execute(_TAKE, known | {"more": share - len(held)})}
        return held - set(shed)

    def hold(self, job: str, tenant: UUID) -> bool:
        """Take one tenant's lease for a job, or keep it; False while another worker has it.

        The database is asked once in a third of the lease's time.
        """
        now = monotonic()
        if now < self._held.get((job, tenant), 0.0):
            return True
        known = {"system": SYSTEM, "job": job, "leased": tenant, "worker": self.worker, "seconds": self.seconds}
        self._held.pop((job, tenant), None)
        if not self._database.query(SYSTEM, _HOLD, known):
            return False
        self._held[job, tenant] = now + self.seconds / 3
        return True

    def release(self) -> None:
        """Give everything back, for others to take at once."""
        self._held.clear()
        known = {"system": SYSTEM, "worker": self.worker}
        self._database.query(SYSTEM, _RELEASE, known)
