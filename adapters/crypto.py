"""Ciphertexts, tokens and derived salts: AES-256-GCM, HMAC-SHA256, HKDF-SHA256, by OpenSSL."""

import hmac
import struct
from os import urandom
from unicodedata import normalize
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from tenants.keys import Misplaced, over_field

KEY = 32
"""Bytes of every key."""
_FORMAT = b"\x01"
_NONCE = 12
_LEAST = 1 + _NONCE + 16
_LENGTH = struct.Struct(">I").pack


class Cipher:
    """One key. A box is format version ‖ 96-bit nonce ‖ ciphertext ‖ tag.

    Nonces are random, which NIST SP 800-38D allows for 2³² boxes under one key: far more than there are facts about
    one subject, or keys in one tenant.
    """

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, plaintext: bytes, ad: bytes) -> bytes:
        nonce = urandom(_NONCE)
        return _FORMAT + nonce + self._aead.encrypt(nonce, plaintext, ad)

    def open(self, box: bytes, ad: bytes) -> bytes:
        """Raises `Misplaced`."""
        if box[:1] != _FORMAT or len(box) < _LEAST:
            raise Misplaced("The box has a format that is not known here.")
        try:
            return self._aead.decrypt(box[1 : 1 + _NONCE], box[1 + _NONCE :], ad)
        except InvalidTag:
            raise Misplaced("The box does not belong here, or was altered.") from None


class SubjectKey:
    """One subject's key in one tenant: what it seals belongs to a binding, and opens nowhere else."""

    __slots__ = ("_cipher", "_prefix")

    def __init__(self, key: bytes, tenant: UUID, subject: UUID) -> None:
        self._cipher = Cipher(key)
        self._prefix = over_field(tenant, subject)

    def seal(self, plaintext: bytes, binding: str) -> bytes:
        return self._cipher.seal(plaintext, self._prefix + binding.encode())

    def open(self, box: bytes, binding: str) -> bytes:
        """Raises `Misplaced`."""
        return self._cipher.open(box, self._prefix + binding.encode())


class Mac:
    """HMAC-SHA256 under one key, which is worked in once: that takes longer than the rest of a short message."""

    __slots__ = ("_begun",)

    def __init__(self, key: bytes) -> None:
        self._begun = HMAC(key, SHA256())

    def of(self, *parts: bytes) -> bytes:
        """Of parts, none of which can pass for another's end or beginning: each is led by its length."""
        begun = self._begun.copy()
        begun.update(b"".join([_LENGTH(len(part)) + part for part in parts]))
        return begun.finalize()


def mint() -> bytes:
    """A new key."""
    return urandom(KEY)


def normal(text: str) -> str:
    """What equal values have in common, whatever their case, their spaces around and their Unicode composition."""
    return normalize("NFKC", normalize("NFKC", text).strip().casefold())


def hkdf(secret: bytes, info: bytes) -> bytes:
    """32 bytes by HKDF-SHA256 (RFC 5869) without a salt."""
    return expand(extract(secret), info)


def extract(secret: bytes) -> bytes:
    """The first half of `hkdf`, which many may share."""
    return hmac.digest(bytes(KEY), secret, "sha256")


def expand(extracted: bytes, info: bytes) -> bytes:
    return hmac.digest(extracted, info + b"\x01", "sha256")
