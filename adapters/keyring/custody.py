"""What is done with a tenant's keys: taken to another key service, rotated, and destroyed.

An epoch's when its time is over, all of them when the tenant has left.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from adapters.crypto import Cipher
from adapters.keyring.brought import BETWEEN, Services
from adapters.keyring.ring import Ring
from adapters.postgres.database import Database
from tenants.keys import EPOCH, KMS, Destroyed, Misplaced, Missing, Revoked, name, over_subject_key, over_tenant_key

_HELD = "select purpose, epoch, kms_key, wrapped from everlog.tenant_keys where tenant_id = %s order by purpose, epoch"
_LIES = "select kms_key from everlog.tenant_keys where tenant_id = %s and purpose = 'subjects' and epoch = %s"
_UNDER = """
    select 1 from everlog.subject_keys where tenant_id = %s and epoch = %s and wrapped is not null limit 1"""
# It waits for nobody's lock, so that it can be in nobody's way for longer than a batch takes.
_OLDER = """
    select subject, epoch, wrapped from everlog.subject_keys
    where tenant_id = %s and epoch < %s and wrapped is not null and subject > %s
    order by subject limit %s for update skip locked"""
_REWRAP = """
    update everlog.subject_keys as k set epoch = %s, wrapped = new.wrapped
    from unnest(%s::uuid[], %s::bytea[]) as new (subject, wrapped)
    where k.tenant_id = %s and k.subject = new.subject"""
_AT_ONCE = 1_000
_NOBODY = UUID(int=0)
DAY = 24 * 3600
SETTLED = 3600.0
_MOVE = """
    update everlog.tenant_keys set kms_key = %s, wrapped = %s
    where tenant_id = %s and purpose = %s and epoch = %s and kms_key = %s and wrapped = %s"""


class Turned(NamedTuple):
    """What a rotation did: the epoch of now, whether it was begun by it, and how many subject keys went there."""

    epoch: int
    begun: bool
    subjects: int


class Place(NamedTuple):
    """A key service, and a key's name in it."""

    service: KMS
    name: str


class Custody:
    """One tenant's. The database's role is the worker's."""

    def __init__(self, database: Database, services: Services, ring: Ring) -> None:
        self._database = database
        self._services = services
        self._ring = ring
        self.tenant: UUID = ring.tenant

    def rotate(self, *, early: bool = False) -> Turned:
        """Begin a new epoch where one is due, or `early`, and wrap every live subject key under the newest.

        Reads and appends go on: a subject key opens under the old epoch until it is wrapped under the new one, and
        whoever has read it before and asks for the old epoch's key after it was destroyed reads again. Cut short, it
        is finished by the next.
        """
        before = self._ring.keys.epochs
        if early:
            self._ring.keys.turn()
        else:
            self._ring.keys.provision()
        number = self._ring.keys.epoch
        return Turned(number, bool(before) and number not in before, self._rewrap(number))

    def expire(self, life: float = EPOCH - DAY, settled: float = SETTLED) -> list[int]:
        """Destroy the keys of epochs that are `life` seconds old and under which no live subject key lies; which.

        Another has to have taken an epoch's place `settled` seconds ago, by when no process mints under it any more.
        """
        made = self._ring.keys.epochs
        now, gone = self._ring.keys.now, list[int]()
        for number, after in pairwise(sorted(made)):
            due = now - made[number] >= life and now - made[after] >= settled
            if due and self._ring.keys.cipher(number) and not self._under(number):
                [(lies,)] = self._database.query(self.tenant, _LIES, [self.tenant, number])
                service, called = self._services.at(self.tenant, lies)
                service.destroy(called)
                gone.append(number)
        if gone:
            self._ring.keys.forget()
        return gone

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

    def carry(self, to: KMS) -> int:
        """Wrap what lies under the installation's key service by another, which is to be the installation's henceforth.

        How many keys those were. Processes that were started with the former one go on with what they have at hand, and
        have to be started again with the new one. What the keys lay under stays: destroyed, it would look like an
        erasure to them. Cut short, it is finished when it is done again. Raises what both services do.
        """
        carried = 0
        for purpose, number, lies, wrapped in self._database.query(self.tenant, _HELD, [self.tenant]):
            own, place = BETWEEN in lies, over_tenant_key(self.tenant, purpose, number)
            old, called = self._services.at(self.tenant, lies)
            if own or (secret := _still(old, to, called, wrapped, place)) is None:
                continue
            to.create(called)
            fresh = to.wrap(called, secret, place)
            self._database.query(self.tenant, _MOVE, [lies, fresh, self.tenant, purpose, number, lies, wrapped])
            carried += 1
        return carried

    def alive(self) -> list[Place]:
        """Where the tenant's keys lie that are not destroyed, also once it was forgotten.

        One that its owner's service does not let us look at counts. Raises what services do that do not serve us.
        """
        found = []
        for purpose, number, lies, wrapped in self._database.query(self.tenant, _HELD, [self.tenant]):
            service, called = self._services.lies(self.tenant, lies)
            try:
                service.unwrap(called, wrapped, over_tenant_key(self.tenant, purpose, number))
            except Destroyed:
                continue
            except (Misplaced, Missing, Revoked):
                pass
            found.append(Place(service, called))
        return found

    def destroy(self, lying: Iterable[Place]) -> tuple[list[str], list[str]]:
        """Destroy these keys for ever: the names of those that are, and of those whose owner does not let us.

        Raises what services do that do not serve us; those that are destroyed by then stay so.
        """
        gone, withheld = list[str](), list[str]()
        for each in lying:
            try:
                each.service.destroy(each.name)
            except Revoked:
                withheld.append(each.name)
            else:
                gone.append(each.name)
        self._ring.keys.forget()
        return gone, withheld

    def _under(self, number: int) -> bool:
        return bool(self._database.query(self.tenant, _UNDER, [self.tenant, number]))

    def _rewrap(self, number: int) -> int:
        """How many subject keys were wrapped under an epoch. Those that somebody is just erasing are left out."""
        over, done, after = self._ring.keys.cipher(number), 0, _NOBODY
        if over is None:
            raise Missing(f"The key of epoch {number} of tenant {self.tenant} was destroyed before its time.")
        while True:
            with self._database.transaction(self.tenant) as connection:
                rows = connection.execute(_OLDER, [self.tenant, number, after, _AT_ONCE]).fetchall()
                if not rows:
                    return done
                after = rows[-1][0]
                fresh = [(subject, self._anew(over, number, subject, *held)) for subject, *held in rows]
                kept = [(subject, wrapped) for subject, wrapped in fresh if wrapped]
                columns = [[subject for subject, _ in kept], [wrapped for _, wrapped in kept]]
                done += connection.execute(_REWRAP, [number, *columns, self.tenant]).rowcount

    def _anew(self, over: Cipher, number: int, subject: UUID, epoch: int, wrapped: bytes) -> bytes | None:
        under = self._ring.keys.cipher(epoch)
        if under is None:
            return None
        key = under.open(wrapped, over_subject_key(self.tenant, epoch, subject))
        return over.seal(key, over_subject_key(self.tenant, number, subject))


def _still(old: KMS, new: KMS, called: str, wrapped: bytes, place: bytes) -> bytes | None:
    """A key that still lies under the old service; None where it lies under the new one, or is destroyed."""
    try:
        return old.unwrap(called, wrapped, place)
    except (Destroyed, Misplaced, Missing) as problem:
        try:
            new.unwrap(called, wrapped, place)
        except (Destroyed, Misplaced, Missing):
            if not isinstance(problem, Destroyed):
                raise problem from None
    return None
