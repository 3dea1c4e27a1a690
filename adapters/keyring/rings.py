"""Every tenant's keys, as far as a process has them at hand."""

from functools import partial
from uuid import UUID

from adapters.keyring.brought import Services
from adapters.keyring.cache import Cache, bound
from adapters.keyring.custody import Custody
from adapters.keyring.ring import Ring
from adapters.keyring.tenants import Keys
from adapters.keyring.uses import Untold, Uses
from adapters.postgres.database import Database
from tenants.keys import KMS

_MOST = 20_000


class Rings:
    """Every tenant's keys, in one process. `program` is what `Uses` tell of it; nothing is told of one without."""

    def __init__(self, database: Database, kms: KMS | Services, cache: Cache | None = None, program: str = "") -> None:
        self.services = kms if isinstance(kms, Services) else Services(kms)
        self._database = database
        self._cache = cache or Cache()
        self._uses = Uses(database, program) if program else None
        self._rings: dict[UUID, Ring] = {}

    def of(self, tenant: UUID) -> Ring:
        """Asks nobody yet, so an event loop may call it."""
        ring = self._rings.get(tenant)
        if ring is None:
            lost = partial(self._cache.drop, tenant)
            keys = Keys(tenant, self._database, self.services, lost=lost, uses=self._uses)
            ring = self._rings.setdefault(tenant, Ring(keys, self._database, self._cache))
            bound(self._rings, _MOST)
        return ring

    def custody(self, tenant: UUID) -> Custody:
        """What an operator does with a tenant's keys. The database's role is the worker's."""
        return Custody(self._database, self.services, self.of(tenant))

    def untold(self, tenant: UUID) -> Untold:
        """The use of a tenant's keys that its trail does not tell of yet. The database's role is the worker's."""
        return Untold(tenant, self._database)

    def drop(self, tenant: UUID) -> None:
        """Let go of every key of one tenant's that is at hand."""
        if ring := self._rings.get(tenant):
            ring.keys.forget()
        self._cache.drop(tenant)

    def forget(self) -> None:
        """Let go of every key that is at hand."""
        for ring in list(self._rings.values()):
            ring.keys.forget()
        self._cache.clear()

    def forget_subjects(self) -> None:
        """Let go of the subject keys that are at hand: some may have been destroyed without our hearing of it."""
        self._cache.clear()

    def provision(self, tenant: UUID) -> None:
        """Make a new tenant's keys. Doing it again changes nothing."""
        self.of(tenant).keys.provision()
