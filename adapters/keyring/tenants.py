"""A tenant's own keys: made once, wrapped by a key service, kept in the database."""

from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic, time
from uuid import UUID

from msgspec import Struct, field

from adapters import crypto
from adapters.crypto import Cipher, Mac
from adapters.keyring.brought import Services
from adapters.keyring.renewal import Renewal
from adapters.keyring.uses import Uses
from adapters.postgres.database import Database
from tenants import keys as terms
from tenants.keys import FIRST, KMS, TURN, Denied, Destroyed, Left, Pace, Purpose, epoch, name, over_tenant_key

_HELD = """
    select purpose, epoch, kms_key, wrapped, extract(epoch from created_at)::float8 from everlog.tenant_keys
    where tenant_id = %s order by epoch"""
_ONE = """
    select kms_key, wrapped from everlog.tenant_keys where tenant_id = %s and purpose = %s and epoch = %s"""
_ADD = """
    insert into everlog.tenant_keys (tenant_id, purpose, epoch, kms_key, wrapped, created_at)
    values (%s, %s, %s, %s, %s, to_timestamp(%s)) on conflict do nothing"""


class Unwrapped(Struct):
    """A tenant's keys as they came from the key service, and what was made of them."""

    keys: dict[tuple[str, int], bytes | None]
    """By purpose and epoch; None where the key service has destroyed what it lay under."""
    made: dict[int, float]
    """When the key of an epoch of subjects was made, in seconds since 1970."""
    until: float = 0.0
    """The time at which more keys are needed than are at hand, in seconds since 1970."""
    ciphers: dict[int, Cipher] = field(default_factory=dict)
    macs: dict[Purpose, Mac] = field(default_factory=dict)

    def current(self, now: float) -> int:
        """The epoch that new subjects' keys lie under: the last, until its turn is over or its key is destroyed."""
        if not self.made:
            return epoch(now)
        last = max(self.made)
        over = now >= self.made[last] + TURN or self.keys["subjects", last] is None
        return max(epoch(now), last + 1) if over else last


class Keys:
    """The tenant keys of one tenant, unwrapped. Everything here may ask the database and the key service.

    What is at hand is asked for again in the background, and is not used once the key service refuses, or has not
    answered for too long: see `tenants.keys.Pace`. `lost` is called when it refuses, and `uses` is told of each time.
    """

    def __init__(
        self,
        tenant: UUID,
        database: Database,
        kms: KMS | Services,
        clock: Callable[[], float] = time,
        lost: Callable[[], None] = lambda: None,
        beat: Callable[[], float] = monotonic,
        uses: Uses | None = None,
    ) -> None:
        self.tenant = tenant
        self._uses = uses
        self._database = database
        self._services = kms if isinstance(kms, Services) else Services(kms)
        self._clock = clock
        self._renewal = Renewal(self._told, lost, self.pace, beat)
        self._lock = Lock()

    @property
    def epoch(self) -> int:
        """The one that new subjects' keys lie under."""
        return self._renewal.get().current(self._clock())

    @property
    def epochs(self) -> Mapping[int, float]:
        """Every epoch of subjects that there has been, and when its key was made, in seconds since 1970."""
        return self._renewal.again().made

    @property
    def now(self) -> float:
        return self._clock()

    @property
    def ready(self) -> bool:
        """Whether all that an append needs is at hand. Waits for nobody."""
        held = self._renewal.peek()
        return held is not None and self._clock() < held.until

    @property
    def at_hand(self) -> bool:
        """Whether they are unwrapped and may be used. Waits for nobody."""
        return self._renewal.peek() is not None

    @property
    def own(self) -> bool:
        """Whether they lie under a key service that the tenant brought."""
        return self._services.own(self.tenant)

    def pace(self) -> Pace:
        return terms.OWN if self.own else terms.SHARED

    def grant(self) -> None:
        """Raises `tenants.keys.Revoked` and `tenants.keys.Unserved` where the key service does not open them."""
        self._renewal.get()

    def provision(self) -> None:
        """Make the keys that the tenant needs now, unless it has them; others may be doing the same."""
        if self._missing(self._renewal.get()):
            with self._lock:
                # Another process may have been first; what stands in the database is what counts.
                for purpose, number in self._missing(self._renewal.again()):
                    self._add(purpose, number)
                self._renewal.again()

    def turn(self) -> int:
        """Begin a new epoch before its time, and answer which."""
        with self._lock:
            held = self._renewal.again()
            number = max([epoch(self._clock()), *(each + 1 for each in held.made)])
            self._add("subjects", number)
            self._renewal.again()
            return number

    def cipher(self, number: int) -> Cipher | None:
        """What wraps the subject keys of an epoch; None where that epoch is destroyed.

        Raises:
            tenants.keys.Missing: the key service is not the one that the tenant's keys were made with.
            LookupError: the tenant never had a key of that epoch.
        """
        held = self._renewal.get()
        if ("subjects", number) not in held.keys:
            held = self._renewal.again()
        if known := held.ciphers.get(number):
            return known
        key = held.keys["subjects", number]
        if key is None:
            return None
        made = held.ciphers[number] = Cipher(key)
        return made

    def mac(self, purpose: Purpose) -> Mac:
        """The key for tokens or for requests."""
        held = self._renewal.get()
        made = held.macs.get(purpose)
        if made is None:
            secret = self.secret(purpose)
            made = held.macs[purpose] = Mac(secret)
        return made

    def secret(self, purpose: Purpose) -> bytes:
        """The key itself, for whoever takes it elsewhere."""
        if (purpose, FIRST) not in self._renewal.get().keys:
            self.provision()
        key = self._renewal.get().keys.get((purpose, FIRST))
        if key is None:
            raise Destroyed(name(self.tenant, purpose, FIRST))
        return key

    def adopt(self, purpose: Purpose, secret: bytes) -> None:
        """Go on with a key that was made elsewhere. Where the tenant has one already, that one stands."""
        self._add(purpose, FIRST, secret)

    def forget(self) -> None:
        """Nothing is at hand any more: what counts is read from the database again."""
        self._renewal.forget()

    def _missing(self, held: Unwrapped) -> list[tuple[Purpose, int]]:
        wanted: tuple[tuple[Purpose, int], ...] = (
            ("subjects", held.current(self._clock())),
            ("tokens", FIRST),
            ("requests", FIRST),
        )
        return [each for each in wanted if each not in held.keys]

    def _told(self) -> Unwrapped:
        """What the key service opens, put down as used before it is."""
        try:
            found = self._load()
        except Denied as denied:
            # Nothing is written down any more of a tenant that was forgotten.
            self._note(refused=not isinstance(denied, Left))
            raise
        self._note(opened=sum(key is not None for key in found.keys.values()))
        return found

    def _note(self, **counted: int) -> None:
        if self._uses and any(counted.values()):
            self._uses.note(self.tenant, own=self.own, **counted)

    def _load(self) -> Unwrapped:
        before, found = self._renewal.peek(), Unwrapped({}, {})
        for purpose, number, kms_key, wrapped, made in self._database.query(self.tenant, _HELD, [self.tenant]):
            gone = before is not None and before.keys.get((purpose, number), b"") is None
            found.keys[purpose, number] = None if gone else self._unwrap(purpose, number, kms_key, wrapped)
            if purpose == "subjects":
                found.made[number] = made
        if found.made and not self._missing(found):
            found.until = found.made[max(found.made)] + TURN
        return found

    def _unwrap(self, purpose: Purpose, number: int, kms_key: str, wrapped: bytes) -> bytes | None:
        while True:
            kms, over = self._services.at(self.tenant, kms_key)
            try:
                return kms.unwrap(over, wrapped, over_tenant_key(self.tenant, purpose, number))
            except Destroyed:
                # It may have been moved to another service since it was read.
                [now] = self._database.query(self.tenant, _ONE, [self.tenant, purpose, number])
                if now == (kms_key, wrapped):
                    return None
                kms_key, wrapped = now

    def _add(self, purpose: Purpose, number: int, secret: bytes | None = None) -> None:
        over = self._services.mark(self.tenant, name(self.tenant, purpose, number))
        kms, called = self._services.at(self.tenant, over)
        kms.create(called)
        wrapped = kms.wrap(called, secret or crypto.mint(), over_tenant_key(self.tenant, purpose, number))
        self._database.query(self.tenant, _ADD, [self.tenant, purpose, number, over, wrapped, self._clock()])
