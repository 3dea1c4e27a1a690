"""Whose key it is, and why it is nobody's."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from application.api_keys import Issue, Keyring, Revoke, Unauthenticated, mint
from application.turn import Asked
from domain import api_keys as domain
from domain.access import PERMISSIONS
from domain.api_keys import ApiKey
from domain.kernel import Actor, Meta, Refused
from tests.memory import MemoryLogs

TENANT, OTHER = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Clock:
    now = NOW

    def __call__(self):
        return self.now


def append(logs, tenant, asked):
    log = logs.of(tenant)

    async def go():
        loaded = await log.load(asked.stream, asked.command.stream)
        meta = Meta(uuid4(), Actor("operator", UUID(int=0)), asked.command.permission)
        log.submit(asked.stream, loaded.version, asked.command.decide(loaded.state), meta)

    asyncio.run(go())


def issued(logs, **named):
    minted = mint(TENANT, "ci", "Member", **named)
    append(logs, TENANT, Asked(minted.issue, minted.id))
    return minted


def read(text):
    presented = domain.read(text)
    assert presented
    return presented


def code(keyring, text):
    with pytest.raises(Unauthenticated) as problem:
        asyncio.run(keyring.caller(text))
    return problem.value.code


def test_a_key_speaks_for_its_tenant():
    logs = MemoryLogs()
    minted = issued(logs, scopes=("prospects.read",))
    caller = asyncio.run(Keyring(logs).caller(minted.text))
    assert (caller.tenant, caller.actor, caller.scopes) == (
        TENANT,
        Actor("key", minted.id),
        frozenset({"prospects.read"}),
    )


def test_no_two_keys_are_alike_and_the_secret_is_kept_nowhere():
    logs = MemoryLogs()
    first, second = issued(logs), issued(logs)
    secrets = {read(key.text).secret for key in (first, second)}
    assert len(secrets) == 2
    assert not any(secret in repr(logs.of(TENANT).facts).encode() for secret in secrets)
    assert not any(key.text.rpartition("_")[2] in repr(logs.of(TENANT).facts) for key in (first, second))


@pytest.mark.parametrize("other", ["secret", "key", "tenant", "text"])
def test_everything_that_is_no_key_of_ours_is_answered_alike(other):
    logs = MemoryLogs()
    minted = issued(logs)
    presented = read(minted.text)
    spoilt = {
        "secret": domain.write(*presented._replace(secret=bytes(32))),
        "key": domain.write(*presented._replace(id=uuid4())),
        "tenant": domain.write(*presented._replace(tenant=OTHER)),
        "text": "Bearer of good news",
    }
    assert code(Keyring(logs), spoilt[other]) == "auth.invalid"


def test_a_key_that_was_never_issued_does_not_open_with_the_hash_of_nothing():
    assert code(Keyring(MemoryLogs()), domain.write(TENANT, uuid4(), bytes(32))) == "auth.invalid"


def test_a_key_expires():
    logs, clock = MemoryLogs(), Clock()
    minted = issued(logs, expires_at=NOW + timedelta(seconds=1))
    keyring = Keyring(logs, clock)
    assert asyncio.run(keyring.caller(minted.text)).tenant == TENANT
    clock.now = NOW + timedelta(seconds=1)
    assert code(keyring, minted.text) == "auth.expired"


def test_a_revoked_key_says_so_to_its_holder_alone():
    logs = MemoryLogs()
    minted = issued(logs)
    append(logs, TENANT, Asked(Revoke(), minted.id))
    assert code(Keyring(logs), minted.text) == "auth.revoked"
    wrong = domain.write(*read(minted.text)._replace(secret=bytes(32)))
    assert code(Keyring(logs), wrong) == "auth.invalid"


@pytest.mark.parametrize("whose", [{"role": None}, {"member": uuid4()}])
def test_a_key_has_a_role_of_its_own_or_is_a_member_s(whose):
    issue = mint(TENANT, "ci", "Member").issue
    assert issue.decide(ApiKey())
    assert mint(TENANT, "hers", None, member=uuid4()).issue.decide(ApiKey())
    with pytest.raises(Refused, match=r"api_keys\.whose"):
        replace(issue, **whose).decide(ApiKey())


def test_a_scope_that_does_not_exist_is_refused():
    issue = mint(TENANT, "ci", "Member").issue
    with pytest.raises(Refused, match=r"api_keys\.scope-unknown"):
        replace(issue, scopes=("prospects.reed",)).decide(ApiKey())
    assert isinstance(issue, Issue)
    assert replace(issue, scopes=tuple(PERMISSIONS)).decide(ApiKey())
