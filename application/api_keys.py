"""API keys: issuing and revoking them, and telling who a request comes from."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from hmac import compare_digest
from secrets import token_bytes
from typing import Annotated, ClassVar, NamedTuple
from uuid import UUID, uuid4

from msgspec import Meta

from application.fresh import Fresh
from application.kernel import Caller, Command
from application.ports import Logs
from domain import api_keys as domain
from domain.access import PERMISSIONS, Role
from domain.api_keys import ApiKey, Issued, api_keys
from domain.kernel import Actor, Fact, Refused

_REMEMBERED = 10_000
"""Texts of keys that need not be taken apart again."""


class Issue(Command, frozen=True, kw_only=True):
    permission: ClassVar = "api_keys.issue"
    stream: ClassVar = api_keys
    opens: ClassVar = True
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    prefix: str
    hash: bytes
    role: Role | None
    scopes: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    member: UUID | None = None

    def decide(self, key: ApiKey) -> list[Fact]:
        if (self.role is None) == (self.member is None):
            raise Refused("api_keys.whose")
        if unknown := set(self.scopes or ()) - set(PERMISSIONS):
            raise Refused("api_keys.scope-unknown", scopes=sorted(unknown))
        role, until = self.role or "", self.expires_at
        return domain.issue(key, Issued(self.name, self.prefix, self.hash, role, self.scopes, until, self.member))


class Revoke(Command, frozen=True, kw_only=True):
    permission: ClassVar = "api_keys.revoke"
    stream: ClassVar = api_keys

    def decide(self, key: ApiKey) -> list[Fact]:
        return domain.revoke(key)


class Minted(NamedTuple):
    """A new key: its text is shown once and kept nowhere."""

    id: UUID
    text: str
    issue: Issue


def mint(
    tenant: UUID,
    name: str,
    role: Role | None,
    scopes: tuple[str, ...] | None = None,
    expires_at: datetime | None = None,
    member: UUID | None = None,
) -> Minted:
    """A key of a role, or of a member."""
    id, secret = uuid4(), token_bytes(32)
    issue = Issue(
        name=name,
        prefix=domain.prefix(tenant, id),
        hash=sha256(secret).digest(),
        role=role,
        scopes=scopes,
        expires_at=expires_at,
        member=member,
    )
    return Minted(id, domain.write(tenant, id, secret), issue)


class Unauthenticated(Exception):
    """Nobody we know. `tenant` is the one that the key names, whether or not there is such a tenant."""

    def __init__(self, code: str, tenant: UUID | None = None, key: UUID | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.tenant = tenant
        self.key = key


class Claimed(NamedTuple):
    """What a key's text says of itself, with the hash in place of the secret."""

    tenant: UUID
    id: UUID
    hash: bytes
    digest: bytes
    """Of the whole text."""


class Proven(NamedTuple):
    """A key as it stood when its secret was found to be right, and the caller that follows."""

    key: ApiKey
    caller: Caller
    expires_at: datetime | None


class Keyring:
    """Tells whose key a text is. What it knows of a key is at most a second old."""

    def __init__(self, logs: Logs, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._logs = logs
        self._clock = clock
        self._salt = token_bytes(32)
        self._claimed: dict[bytes, Claimed] = {}
        self._proven: dict[bytes, Proven] = {}
        self._keys: Fresh[tuple[UUID, UUID], ApiKey] = Fresh(self._look)

    async def caller(self, text: str) -> Caller:
        """Who presents this key.

        Raises:
            Unauthenticated: with `auth.invalid` for whatever is no key of ours; that a key has expired or is revoked is
                told to nobody but who holds its secret.
        """
        presented = self._read(text)
        key = await self.key(presented.tenant, presented.id)
        proven = self._proven.get(presented.digest)
        if proven is None or proven.key is not key:
            proven = self._prove(presented, key)
        if (end := proven.expires_at) is not None and end <= self._clock():
            raise Unauthenticated("auth.expired", presented.tenant, presented.id)
        return proven.caller

    def proven(self, text: str) -> Caller | None:
        """Whose key it is, where its secret was found to be right before: it may be revoked or have expired since."""
        proven = self._proven.get(self._digest(text))
        return proven.caller if proven else None

    def claimed(self, text: str) -> tuple[UUID | None, UUID | None]:
        """The tenant and the key that the text names; nothing says that there are such."""
        try:
            claimed = self._read(text)
        except Unauthenticated:
            return None, None
        return claimed.tenant, claimed.id

    def _prove(self, presented: Claimed, key: ApiKey) -> Proven:
        """That whoever presents it holds the secret of a key that stands. What is proven holds for this very key."""
        # The comparison is made for unknown keys too, so that its time tells nothing.
        known = key.issued.hash if key.issued else bytes(32)
        if not compare_digest(presented.hash, known) or key.issued is None:
            raise Unauthenticated("auth.invalid", presented.tenant, presented.id)
        if key.revoked:
            raise Unauthenticated("auth.revoked", presented.tenant, presented.id)
        scopes = None if key.issued.scopes is None else frozenset(key.issued.scopes)
        actor = Actor("key", presented.id)
        caller = Caller(tenant=presented.tenant, actor=actor, scopes=scopes, member=key.issued.member)
        if len(self._proven) >= _REMEMBERED:
            self._proven.clear()
        self._proven[presented.digest] = proven = Proven(key, caller, key.issued.expires_at)
        return proven

    def _read(self, text: str) -> Claimed:
        """What the text claims. Remembered under a digest, so that no secret stays in memory."""
        digest = self._digest(text)
        if claimed := self._claimed.get(digest):
            return claimed
        if (presented := domain.read(text)) is None:
            raise Unauthenticated("auth.invalid")
        claimed = Claimed(presented.tenant, presented.id, sha256(presented.secret).digest(), digest)
        if len(self._claimed) >= _REMEMBERED:
            self._claimed.clear()
        self._claimed[digest] = claimed
        return claimed

    def _digest(self, text: str) -> bytes:
        return blake2b(text.encode(), key=self._salt).digest()

    async def key(self, tenant: UUID, id: UUID) -> ApiKey:
        whose = (tenant, id)
        return self._keys.peek(whose) or await self._keys.get(whose)

    async def _look(self, whose: tuple[UUID, UUID]) -> ApiKey:
        tenant, id = whose
        return (await self._logs.of(tenant).load(f"{api_keys.name}/{id}", api_keys)).state
