"""Against published vectors, and for what makes two ciphertexts or two tokens differ."""

import hashlib
import hmac
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from adapters.crypto import Cipher, Mac, SubjectKey, hkdf, mint, normal
from tenants.keys import EPOCH, Misplaced, epoch, name, over_field, over_subject_key, over_tenant_key

ONE, OTHER = UUID(int=1), UUID(int=2)


def test_a_box_is_version_nonce_ciphertext_and_tag():
    key = mint()
    box = Cipher(key).seal(b"secret", b"bound")
    assert box[0] == 1
    assert AESGCM(key).decrypt(box[1:13], box[13:], b"bound") == b"secret"
    assert len(box) == 1 + 12 + 6 + 16


def test_no_nonce_is_used_twice():
    cipher = Cipher(mint())
    assert len({cipher.seal(b"", b"")[1:13] for _ in range(10_000)}) == 10_000


@given(st.binary(max_size=60))
def test_noise_does_not_open(noise):
    with pytest.raises(Misplaced):
        Cipher(bytes(32)).open(noise, b"")


def test_a_subject_s_box_opens_for_its_tenant_subject_and_binding_alone():
    key = mint()
    box = SubjectKey(key, ONE, OTHER).seal(b"secret", "here")
    assert SubjectKey(key, ONE, OTHER).open(box, "here") == b"secret"
    for tenant, subject, binding in ((OTHER, OTHER, "here"), (ONE, ONE, "here"), (ONE, OTHER, "there")):
        with pytest.raises(Misplaced):
            SubjectKey(key, tenant, subject).open(box, binding)


def test_hkdf_is_that_of_the_rfc():
    # RFC 5869, test case 3: its output has 42 bytes, ours the first 32.
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    assert hkdf(b"\x0b" * 22, b"").hex() == expected


def test_a_mac_knows_where_its_parts_end():
    assert Mac(b"k").of(b"ab", b"c") != Mac(b"k").of(b"a", b"bc")
    assert Mac(b"k").of(b"ab") == hmac.new(b"k", b"\0\0\0\x02ab", hashlib.sha256).digest()


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ada@X.org", " ada@x.ORG\n"), ("Straße", "STRASSE"), ("e\u0301", "\u00e9"), ("\uff21da", "ada")],
)
def test_equal_values_are_normalised_to_one(one, other):
    assert normal(one) == normal(other)


@given(st.text())
def test_normalising_again_changes_nothing(text):
    assert normal(normal(text)) == normal(text)


def test_an_epoch_is_thirty_days():
    assert EPOCH <= 30 * 86_400
    assert (epoch(0), epoch(EPOCH - 1), epoch(EPOCH)) == (0, 0, 1)


def test_what_keys_are_bound_to_never_collides():
    bound = {
        over(ONE, *rest)
        for over, rest in (
            (over_tenant_key, ("subjects", 1)),
            (over_tenant_key, ("tokens", 1)),
            (over_tenant_key, ("subjects", 2)),
            (over_subject_key, (1, OTHER)),
            (over_subject_key, (2, OTHER)),
            (over_field, (OTHER,)),
        )
    }
    assert len(bound) == 6
    assert name(ONE, "tokens", 1) == f"{ONE}.tokens.1"
