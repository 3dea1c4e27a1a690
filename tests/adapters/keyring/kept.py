"""A tenant's keys in a folder, as a worker keeps them."""

from collections.abc import Callable
from pathlib import Path
from time import time
from uuid import UUID

from adapters.keyring import Cache, Custody, Keys, Ring, Services
from adapters.kms import FileKMS
from adapters.postgres.database import Database

HELD = "select subject, epoch, wrapped from everlog.subject_keys where tenant_id = %s order by subject"


def custody_of(tenant: UUID, database: Database, folder: Path, clock: Callable[[], float] = time) -> Custody:
    services = Services(FileKMS(folder))
    return Custody(database, services, Ring(Keys(tenant, database, services, clock), database, Cache()))
