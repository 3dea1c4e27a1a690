"""A tenant's own keys: made once, wrapped by the key service, kept in the database."""

from collections.abc import Callable
from threading import Lock
from time import time
from uuid import UUID

from adapters import crypto
from adapters.crypto import Cipher, Mac
from adapters.keyring.cache import Cache, bound
from adapters.keyring.ring import Ring
from adapters.postgres.database import Database
from tenants.keys import EPOCH, FIRST, KMS, Destroyed, Purpose, epoch, name, over_tenant_key

_MOST = 20_000
_HELD = "select purpose, epoch, kms_key, wrapped from everlog.tenant_keys where tenant_id = %s order by epoch"
_ADD = """
    insert into everlog.tenant_keys (tenant_id, purpose, epoch, kms_key, wrapped)
    values (%s, %s, %s, %s, %s) on conflict do nothing"""


class Keys:
    """The tenant keys of one tenant, unwrapped. Everything here may ask the database and the key service."""

    def __init__(self, tenant: UUID, database: Database, kms: KMS, clock: Callable[[], float] = time) -> None:
        self.tenant = tenant
        self._database = database
        self._kms = kms
        self._clock = clock
        self._keys: dict[tuple[str, int], bytes | None] = {}
        """By purpose and epoch; None where the key service has destroyed what it lay under."""
        self._subjects: dict[int, Cipher] = {}
        self._macs: dict[Purpose, Mac] = {}
        self._until = 0.0
        """The time at which more keys are needed than are at hand, in seconds since 1970."""
        self._lock = Lock()

    @property
    def epoch(self) -> int:
        """The one of now; where its key is destroyed before its time, the first one after that has not lost its own."""
        number = epoch(self._clock())
        while self._keys.get(("subjects", number), b"") is None:
            number += 1
        return number

    @property
    def ready(self) -> bool:
        """Whether all that an append needs is at hand."""
        return self._clock() < self._until

    def provision(self) -> None:
        """Make the keys that the tenant needs now, unless it has them; others may be doing the same."""
        with self._lock:
            self._load()
            current = self.epoch
            wanted: tuple[tuple[Purpose, int], ...] = (
                ("subjects", current),
                ("tokens", FIRST),
                ("requests", FIRST),
            )
            missing = [each for each in wanted if each not in self._keys]
            for purpose, number in missing:
                self._add(purpose, number)
            if missing:
                # Another process may have been first; what stands in the database is what counts.
                self._load()
            self._until = (epoch(self._clock()) + 1) * EPOCH

    def cipher(self, number: int) -> Cipher | None:
        """What wraps the subject keys of an epoch; None where that epoch is destroyed.

        Raises:
            tenants.keys.Missing: the key service is not the one that the tenant's keys were made with.
            LookupError: the tenant never had a key of that epoch.
        """
        if known := self._subjects.get(number):
            return known
        with self._lock:
            if ("subjects", number) not in self._keys:
                self._load()
            key = self._keys["subjects", number]
            if key is None:
                return None
            made = self._subjects[number] = Cipher(key)
            return made

    def mac(self, purpose: Purpose) -> Mac:
        """The key for tokens or for requests."""
        made = self._macs.get(purpose)
        if made is None:
            made = self._macs[purpose] = Mac(self.secret(purpose))
        return made

    def secret(self, purpose: Purpose) -> bytes:
        """The key itself, for whoever takes it elsewhere."""
        key = self._keys.get((purpose, FIRST))
        if key is None:
            self.provision()
            key = self._keys.get((purpose, FIRST))
        if key is None:
            raise Destroyed(name(self.tenant, purpose, FIRST))
        return key

    def adopt(self, purpose: Purpose, secret: bytes) -> None:
        """Go on with a key that was made elsewhere. Where the tenant has one already, that one stands."""
        self._add(purpose, FIRST, secret)

    def forget(self) -> None:
        """Nothing is at hand any more: what counts is read from the database again."""
        with self._lock:
            self._until = 0.0
            self._keys.clear()
            self._subjects.clear()
            self._macs.clear()

    def _load(self) -> None:
        for purpose, number, kms_key, wrapped in self._database.query(self.tenant, _HELD, [self.tenant]):
            if (purpose, number) not in self._keys:
                self._keys[purpose, number] = self._unwrap(purpose, number, kms_key, wrapped)

    def _unwrap(self, purpose: Purpose, number: int, kms_key: str, wrapped: bytes) -> bytes | None:
        try:
            return self._kms.unwrap(kms_key, wrapped, over_tenant_key(self.tenant, purpose, number))
        except Destroyed:
            return None

    def _add(self, purpose: Purpose, number: int, secret: bytes | None = None) -> None:
        over = name(self.tenant, purpose, number)
        self._kms.create(over)
        wrapped = self._kms.wrap(over, secret or crypto.mint(), over_tenant_key(self.tenant, purpose, number))
        self._database.query(self.tenant, _ADD, [self.tenant, purpose, number, over, wrapped])


class Rings:
    """Every tenant's keys, in one process."""

    def __init__(self, database: Database, kms: KMS, cache: Cache | None = None) -> None:
        self._database = database
        self._kms = kms
        self._cache = cache or Cache()
        self._rings: dict[UUID, Ring] = {}

    def of(self, tenant: UUID) -> Ring:
        """Asks nobody yet, so an event loop may call it."""
        ring = self._rings.get(tenant)
        if ring is None:
            keys = Keys(tenant, self._database, self._kms)
            ring = self._rings.setdefault(tenant, Ring(keys, self._database, self._cache))
            bound(self._rings, _MOST)
        return ring

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
