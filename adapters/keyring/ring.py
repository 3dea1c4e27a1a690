"""One tenant's subject keys: fetched many at a time, minted for new subjects."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from adapters import crypto
from adapters.crypto import SubjectKey
from adapters.keyring.cache import Cache, Held
from adapters.keyring.tenants import Keys
from adapters.postgres.atom import Minted
from adapters.postgres.database import Database
from domain.kernel import Erased
from tenants.keys import Missing, over_subject_key

_AT_ONCE = 5_000
_HELD = "select subject, epoch, wrapped from everlog.subject_keys where tenant_id = %s and subject = any(%s)"
_ADD = """
    insert into everlog.subject_keys (tenant_id, subject, epoch, wrapped)
    select %s, new.* from unnest(%s::uuid[], %s::integer[], %s::bytea[]) as new on conflict do nothing"""


class Ring:
    def __init__(self, keys: Keys, database: Database, cache: Cache) -> None:
        self.keys = keys
        self.tenant = keys.tenant
        self._database = database
        self._cache = cache

    def get(self, subject: UUID) -> Held | None:
        """The subject's key where it is at hand, `Erased` where it is known to be gone. Asks nobody."""
        return self._cache.get(self.tenant, subject)

    def lacks(self, subjects: Iterable[UUID]) -> list[UUID]:
        return [subject for subject in subjects if self.get(subject) is None]

    def fetch(self, subjects: Iterable[UUID]) -> dict[UUID, Held]:
        """The keys of subjects, as far as there are any; they are at hand from now on."""
        wanted, found = list(dict.fromkeys(subjects)), dict[UUID, Held]()
        for start in range(0, len(wanted), _AT_ONCE):
            found |= self._asked(wanted[start : start + _AT_ONCE])
        self._cache.put(self.tenant, found.items())
        return found

    def _asked(self, wanted: Sequence[UUID]) -> dict[UUID, Held]:
        rows = self._database.query(self.tenant, _HELD, [self.tenant, wanted])
        found = {subject: self._unwrap(subject, number, wrapped) for subject, number, wrapped in rows}
        under = {subject: number for subject, number, wrapped in rows if wrapped and isinstance(found[subject], Erased)}
        if under:
            # Their epoch is destroyed. It may have been so since they were read, once they were wrapped under the next.
            again = self._database.query(self.tenant, _HELD, [self.tenant, [*under]])
            moved = [each for each in again if each[1] != under[each[0]]]
            found |= {subject: self._unwrap(subject, number, wrapped) for subject, number, wrapped in moved}
        return found

    def ensure(self, subjects: Sequence[UUID]) -> None:
        """Have the keys of subjects at hand, with new ones for those that never had any."""
        found = self.fetch(subjects)
        if new := [subject for subject in subjects if subject not in found]:
            self.keys.provision()
            minted = [self.mint(subject)[0] for subject in new]
            columns = [[each.subject for each in minted], [each.epoch for each in minted]]
            self._database.query(self.tenant, _ADD, [self.tenant, *columns, [each.wrapped for each in minted]])
            # Another process may have been first; what stands in the database is what counts.
            self.fetch(new)

    def mint(self, subject: UUID) -> tuple[Minted, SubjectKey]:
        """A key that counts once an append has written it. Asks nobody where `keys.ready`."""
        if not self.keys.ready:
            self.keys.provision()
        key, number = crypto.mint(), self.keys.epoch
        over = self.keys.cipher(number)
        if over is None:
            raise Missing(f"The key of epoch {number} of tenant {self.tenant} was destroyed before its time.")
        wrapped = over.seal(key, over_subject_key(self.tenant, number, subject))
        return Minted(subject, number, wrapped), SubjectKey(key, self.tenant, subject)

    def keep(self, held: Iterable[tuple[UUID, Held]]) -> None:
        """Have these at hand: an append has written them."""
        self._cache.put(self.tenant, held)

    def forget(self, subjects: Iterable[UUID]) -> None:
        """Whatever is at hand of these may have changed."""
        self._cache.forget(self.tenant, subjects)

    def token(self, scope: str, value: str) -> bytes:
        return self.keys.mac("tokens").of(b"token", scope.encode(), crypto.normal(value).encode())

    def stamp(self, credential: UUID, key: str, request: bytes) -> tuple[bytes, bytes]:
        """What is kept of an idempotency key and of the request under it."""
        mac = self.keys.mac("requests")
        return (
            mac.of(b"key", credential.bytes, key.encode()),
            mac.of(b"request", credential.bytes, request),
        )

    def _unwrap(self, subject: UUID, number: int, wrapped: bytes | None) -> Held:
        over = self.keys.cipher(number) if wrapped is not None else None
        if over is None or wrapped is None:
            return Erased()
        key = over.open(wrapped, over_subject_key(self.tenant, number, subject))
        return SubjectKey(key, self.tenant, subject)
