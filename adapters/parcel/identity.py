"""Who an installation is to others: an X25519 key that parcels are sealed for, an Ed25519 key that it signs with."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from msgspec import Struct

NAME = "identity"
_MARK = "everlog-installation+"
_KEY = 32
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
"""HPKE (RFC 9180) in its base mode; who sent it is told by the signature."""


class Unfit(Exception):
    """A parcel, or an identity, is not what it should be; the message says what, and what to do."""


class Installation(Struct, frozen=True):
    """The public half."""

    sealing: bytes
    signing: bytes

    def __str__(self) -> str:
        return _MARK + urlsafe_b64encode(self.sealing + self.signing).decode()

    @property
    def fingerprint(self) -> str:
        """Tells installations apart in facts and messages."""
        return sha256(self.sealing + self.signing).hexdigest()[:32]

    def seal(self, secret: bytes, info: bytes) -> bytes:
        return _SUITE.encrypt(secret, X25519PublicKey.from_public_bytes(self.sealing), info)

    def signed(self, signature: bytes, message: bytes) -> bool:
        with suppress(InvalidSignature):
            Ed25519PublicKey.from_public_bytes(self.signing).verify(signature, message)
            return True
        return False


def parse(text: str) -> Installation:
    """Raises `Unfit`."""
    try:
        raw = urlsafe_b64decode(text.strip().removeprefix(_MARK))
    except (ValueError, Error):
        raw = b""
    if not text.strip().startswith(_MARK) or len(raw) != 2 * _KEY:
        raise Unfit(f"An installation is named by what `everlog tenants identity` prints there: {_MARK}…")
    return Installation(raw[:_KEY], raw[_KEY:])


class Identity:
    """The private half, in a file of the key folder."""

    def __init__(self, folder: Path) -> None:
        """Made at the first use. Raises `OSError`."""
        seeds = _seeds(folder / NAME)
        self._sealing = X25519PrivateKey.from_private_bytes(seeds[:_KEY])
        self._signing = Ed25519PrivateKey.from_private_bytes(seeds[_KEY:])
        self.public = Installation(
            self._sealing.public_key().public_bytes_raw(), self._signing.public_key().public_bytes_raw()
        )

    def sign(self, message: bytes) -> bytes:
        return self._signing.sign(message)

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Raises `Unfit`."""
        try:
            return _SUITE.decrypt(sealed, self._sealing, info)
        except (InvalidTag, ValueError) as problem:
            raise Unfit("The parcel was made for another installation, or its beginning was altered.") from problem


def _seeds(path: Path) -> bytes:
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(token_bytes(2 * _KEY))
            file.flush()
            os.fsync(file.fileno())
    seeds = path.read_bytes()
    if len(seeds) != 2 * _KEY:
        raise Unfit(f"The file {path} is damaged. Put it back from a backup of the keys.")
    return seeds
