"""The bytes that a tree will commit to. The expected values were worked out apart from the code, and never change."""

import hashlib
import hmac
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from adapters.codec.leaf import NAMES, Bytes, digest, leaf, parts
from adapters.crypto import hkdf

EVENT = Bytes(
    tenant=UUID("0199f0aa-0000-7000-8000-000000000001"),
    generation=1,
    position=42,
    recorded_at=datetime(2026, 11, 22, 4, 0, 0, 123456, tzinfo=UTC),
    stream="prospects/0199f0aa-0000-7000-8000-000000000002",
    version=3,
    type="prospects.noted",
    event=UUID("0199f0aa-0000-7000-8000-000000000003"),
    meta=b'{"event":"0199f0aa-0000-7000-8000-000000000003","actor":{"kind":"user","id":"0199f0aa-0000-7000-8000-'
    b'000000000004"},"permission":"prospects.note","rule":"role:Member","trace":"abc"}',
    body=b'{"type":"prospects.noted","*text":"AQID"}',
    salt=bytes(range(16)),
)
ENTRY = "b913b4cb9ee7ea889deec67ee8619c2ca0f037c108809f70465f442004cabe4e"


def by_hand() -> bytes:
    """RFC 5869 and the definition, spelled out with the standard library alone."""

    def salted(name: str) -> bytes:
        extracted = hmac.new(b"\0" * 32, bytes(range(16)), hashlib.sha256).digest()
        return hmac.new(extracted, name.encode() + b"\x01", hashlib.sha256).digest()

    raw = {
        "tenant": bytes.fromhex("0199f0aa000070008000000000000001"),
        "generation": bytes.fromhex("0000000000000001"),
        "position": bytes.fromhex("000000000000002a"),
        "recorded_at": (1795320000123456).to_bytes(8, "big"),
        "stream": b"prospects/0199f0aa-0000-7000-8000-000000000002",
        "version": bytes.fromhex("0000000000000003"),
        "type": b"prospects.noted",
        "event": bytes.fromhex("0199f0aa000070008000000000000003"),
        "actor": b'{"kind":"user","id":"0199f0aa-0000-7000-8000-000000000004"}',
        "subjects": b"",
        "permission": b'"prospects.note"',
        "meta": b'{"event":"0199f0aa-0000-7000-8000-000000000003","rule":"role:Member","trace":"abc"}',
        "body": b'{"type":"prospects.noted","*text":"AQID"}',
    }
    digests = [hashlib.sha256(salted(name) + name.encode() + value).digest() for name, value in raw.items()]
    return b"\x01" + b"".join(digests)


def test_the_id_in_the_metadata_cannot_be_changed_alone():
    other = EVENT.meta.replace(b"000000000003", b"000000000009")
    assert leaf(msgspec.structs.replace(EVENT, meta=other)) != leaf(EVENT)


def test_the_entry_is_what_it_always_was():
    assert hashlib.sha256(leaf(EVENT)).hexdigest() == ENTRY
    assert leaf(EVENT) == by_hand()
    assert len(leaf(EVENT)) == 1 + 13 * 32


def test_hkdf_is_that_of_the_rfc():
    # RFC 5869, test case 3: no salt, no info; its first 32 bytes.
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    assert hkdf(b"\x0b" * 22, b"").hex() == expected


CHANGES = {
    "tenant": UUID(int=1),
    "generation": 2,
    "position": 43,
    "recorded_at": datetime(2026, 11, 22, 4, 0, 0, 123457, tzinfo=UTC),
    "stream": "prospects/0199f0aa-0000-7000-8000-000000000009",
    "version": 4,
    "type": "prospects.lost",
    "event": UUID(int=2),
    "body": EVENT.body + b" ",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_field_changes_its_own_digest_alone(name):
    before, after = leaf(EVENT), leaf(msgspec.structs.replace(EVENT, **{name: CHANGES[name]}))
    assert _differ(before, after) == [name]


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (b'"user"', b'"key"', "actor"),
        (b"prospects.note", b"prospects.move", "permission"),
        (b"role:Member", b"role:Admin", "meta"),
        (b',"trace"', b',"subjects":[],"trace"', "subjects"),
    ],
)
def test_members_of_the_metadata_are_digested_apart(old, new, name):
    changed = msgspec.structs.replace(EVENT, meta=EVENT.meta.replace(old, new))
    assert _differ(leaf(EVENT), leaf(changed)) == [name]


def test_another_salt_changes_everything_and_tells_nothing_of_equal_fields():
    other = msgspec.structs.replace(EVENT, salt=bytes(16))
    assert _differ(leaf(EVENT), leaf(other)) == list(NAMES)
    assert digest(EVENT.salt, "stream", b"x") != digest(EVENT.salt, "type", b"x")


def test_the_fields_are_named_in_the_order_of_the_entry():
    assert tuple(name for name, _ in parts(EVENT)) == NAMES


def _differ(before: bytes, after: bytes) -> list[str]:
    return [name for n, name in enumerate(NAMES) if before[1 + 32 * n : 33 + 32 * n] != after[1 + 32 * n : 33 + 32 * n]]
