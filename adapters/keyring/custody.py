"""What an operator does with a tenant's keys: taking them from one key service to another."""

from uuid import UUID

from adapters.keyring.brought import Services
from adapters.keyring.ring import Ring
from adapters.postgres.database import Database
from tenants.keys import Destroyed, name, over_tenant_key

_HELD = "select purpose, epoch, kms_key, wrapped from everlog.tenant_keys where tenant_id = %s order by purpose, epoch"
_MOVE = """
    update everlog.tenant_keys set kms_key = %s, wrapped = %s
    where tenant_id = %s and purpose = %s and epoch = %s and kms_key = %s and wrapped = %s"""


class Custody:
    """One tenant's. The database's role is the worker's."""

    def __init__(self, database: Database, services: Services, ring: Ring) -> None:
        self._database = database
        self._services = services
        self._ring = ring
        self.tenant: UUID = ring.tenant

    def bring(self, setting: str) -> int:
        """Wrap the tenant's keys by another key service and destroy what they lay under; how many those were.

        New keys lie there from now on. Cut short, it is finished when it is done again. Raises what both services do,
        and whatever a setting that names no service raises.
        """
        self._services.bring(self.tenant, setting)
        moved = 0
        for purpose, number, lies, wrapped in self._database.query(self.tenant, _HELD, [self.tenant]):
            goes, place = name(self.tenant, purpose, number), over_tenant_key(self.tenant, purpose, number)
            to = self._services.mark(self.tenant, goes)
            if to == lies:
                continue
            (old, was), (new, called) = (self._services.at(self.tenant, each) for each in (lies, to))
            try:
                secret = old.unwrap(was, wrapped, place)
            except Destroyed:
                continue
            new.create(called)
            fresh = new.wrap(called, secret, place)
            self._database.query(self.tenant, _MOVE, [to, fresh, self.tenant, purpose, number, lies, wrapped])
            # Only now: whoever has read the old wrapping and finds it closed looks again.
            old.destroy(was)
            moved += 1
        self._ring.keys.forget()
        return moved
