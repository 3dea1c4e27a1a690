"""The file: a header in the clear, frames sealed one after the other, a signature over all of it.

`everlog/parcel/1` and a newline; the header, JSON; frames, the last one marked; the signature. Header and frames are
led by their length in 4 bytes. A frame is deflated, then sealed with AES-256-GCM under a key of this parcel alone,
which the header holds sealed for its receiver (HPKE); its nonce is its number, its associated data the header's digest
and whether it is the last. The signature is Ed25519 over the SHA-256 of all that stands before it.
"""

import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import BinaryIO
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from adapters.crypto import mint
from adapters.parcel.identity import Identity, Installation, Unfit

MAGIC = b"everlog/parcel/1\n"
LARGEST = 64 * 2**20
"""Bytes of a frame, and of a header; whatever says that it has more is none of ours."""
_SIGNATURE = 64
_CHUNK = 2**20


class Header(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What everybody may know of a parcel."""

    tenant: UUID
    generation: int
    after: int
    """The position of the last event that an earlier parcel holds; 0 in a first one."""
    sender: str
    receiver: str
    """Fingerprints."""
    leaves: bool
    """Whether the tenant has left the sender: this parcel is its last, and it goes on at the receiver."""
    key: bytes
    """The parcel's key, sealed for the receiver."""
    region: str = ""
    """Where the tenant's data have to stay."""


class Writer:
    def __init__(self, file: BinaryIO, header: Header, receiver: Installation, identity: Identity) -> None:
        key = mint()
        whole = msgspec.structs.replace(header, key=receiver.seal(key, _bound(header)))
        raw = msgspec.json.encode(whole)
        self._file = file
        self._identity = identity
        self._digest = sha256()
        self._aead = AESGCM(key)
        self._about = sha256(raw).digest()
        self._number = 0
        self._put(MAGIC)
        self._put(len(raw).to_bytes(4, "big") + raw)

    def write(self, frame: bytes, *, last: bool = False) -> None:
        sealed = self._aead.encrypt(_nonce(self._number), zlib.compress(frame, 1), self._about + bytes([last]))
        self._put(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1
        if last:
            self._file.write(self._identity.sign(self._digest.digest()))

    def _put(self, raw: bytes) -> None:
        self._digest.update(raw)
        self._file.write(raw)


class Reader:
    """Raises `Unfit` at once where the parcel is not whole, or not signed by the sender."""

    def __init__(self, file: BinaryIO, sender: Installation, identity: Identity) -> None:
        self._file = file
        _must_be_signed(file, sender)
        file.seek(len(MAGIC))
        raw = self._piece()
        try:
            self.header = msgspec.json.decode(raw, type=Header)
        except msgspec.DecodeError as problem:
            raise Unfit("The parcel's header cannot be read: it is of another release, or damaged.") from problem
        self._about = sha256(raw).digest()
        self._aead = AESGCM(identity.open(self.header.key, _bound(self.header)))

    def frames(self) -> Iterator[bytes]:
        """In order; the last one ends it. Raises `Unfit`."""
        number, last = 0, False
        while not last:
            sealed = self._piece()
            for last in (False, True):
                try:
                    opened = self._aead.decrypt(_nonce(number), sealed, self._about + bytes([last]))
                except InvalidTag:
                    continue
                break
            else:
                raise Unfit(f"Frame {number} of the parcel was altered.")
            number += 1
            yield zlib.decompress(opened)

    def _piece(self) -> bytes:
        many = int.from_bytes(self._file.read(4), "big")
        if not 0 < many <= LARGEST or len(raw := self._file.read(many)) < many:
            raise Unfit("The parcel is cut short.")
        return raw


def _nonce(number: int) -> bytes:
    """A frame's; the key is used for this parcel alone."""
    return number.to_bytes(12, "big")


def _bound(header: Header) -> bytes:
    """What the sealing of the key is bound to."""
    return MAGIC + msgspec.json.encode(msgspec.structs.replace(header, key=b""))


def _must_be_signed(file: BinaryIO, sender: Installation) -> None:
    size = file.seek(0, 2) - _SIGNATURE
    file.seek(0)
    if size <= len(MAGIC) or file.read(len(MAGIC)) != MAGIC:
        raise Unfit("This is no parcel.")
    file.seek(0)
    digest, left = sha256(), size
    while left and (chunk := file.read(min(left, _CHUNK))):
        digest.update(chunk)
        left -= len(chunk)
    if not sender.signed(file.read(_SIGNATURE), digest.digest()):
        raise Unfit("The parcel is not signed by the installation named in --from, or it was altered on the way.")
