"""What the edge needs of deliveries: secrets are sealed before they are recorded, and progress is looked up."""

import ssl
from uuid import UUID

from adapters.crypto import SubjectKey
from adapters.deliveries.stand import MARKS, marks
from adapters.keyring import Rings
from adapters.postgres.database import Database
from adapters.trust import Untrusted, identified
from application.deliveries import Progress, Unfit, certified
from domain.kernel import Erased


class Deliveries:
    """`application.deliveries.Deliveries`. A destination's secret is under a key of its own, as a person's data are."""

    def __init__(self, database: Database, rings: Rings) -> None:
        self._database = database
        self._rings = rings

    def seal(self, tenant: UUID, destination: UUID, secret: str) -> bytes:
        if certified(secret):
            try:
                identified(ssl.create_default_context(), secret)
            except Untrusted as problem:
                raise Unfit from problem
        ring = self._rings.of(tenant)
        ring.ensure([destination])
        return _key(ring.get(destination), destination).seal(secret.encode(), _place(destination))

    def opened(self, tenant: UUID, destination: UUID, box: bytes) -> str:
        """Raises `LookupError` where its key is gone, and `tenants.keys.Misplaced` for another's."""
        ring = self._rings.of(tenant)
        held = ring.get(destination) or ring.fetch([destination]).get(destination)
        return _key(held, destination).open(box, _place(destination)).decode()

    def progress(self, tenant: UUID) -> dict[UUID, Progress]:
        return marks(self._database.query(tenant, MARKS, [tenant]))


def _key(held: SubjectKey | Erased | None, destination: UUID) -> SubjectKey:
    if held is None or isinstance(held, Erased):
        raise LookupError(f"The key of destination {destination} is gone.")
    return held


def _place(destination: UUID) -> str:
    return f"deliveries/{destination}#secret"
