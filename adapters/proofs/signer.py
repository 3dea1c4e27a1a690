"""Each tenant's signing key, and what it signed last: files beside the keys, out of reach of the database's server.

The last note stands on disk before anybody sees it. So a database that was rolled back, cut or forked meets a signer
that remembers more than it does.
"""

import fcntl
import os
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from adapters.ledger import Came
from projections.proofs import tree
from projections.proofs.note import Checkpoint, Unsound, name, note, parse, signature_line, verifier_key
from projections.proofs.note import origin as note_origin
from projections.proofs.submission import key

FOLDER = "proofs"
_KEY_ID = 4


class Refusing(Exception):
    """The signer does not sign this: it is not a continuation of what was signed before. It says where it breaks."""


class Held:
    """One tenant's key while nobody else signs with it."""

    def __init__(self, folder: Path, tenant: UUID) -> None:
        self._folder = folder
        self._key = folder / f"{tenant}.key"
        self._last = folder / f"{tenant}.last"
        self._name = name(tenant)
        # Read once: a key that went missing is not to be replaced where something was signed with it.
        self.last = self._last.read_text(encoding="utf-8") if self._last.exists() else None
        if self.last is not None:
            verify(self.last, self._name, self._private().public_key())

    def sign(self, checkpoint: Checkpoint) -> str:
        """The signed note, on disk before this returns. Raises `OSError`, and then nothing was signed."""
        private = self._private()
        public = private.public_key().public_bytes_raw()
        signature = private.sign(checkpoint.text.encode())
        signed = note(checkpoint, signature_line(self._name, public, signature))
        put(self._last, signed.encode())
        self.last = signed
        return signed

    def _private(self) -> Ed25519PrivateKey:
        if not self._key.exists():
            if self.last is not None:
                raise Refusing(f"{self._key} is missing, but {self._last} was signed with it: put it back from a copy.")
            put(self._key, Ed25519PrivateKey.generate().private_bytes_raw())
        return Ed25519PrivateKey.from_private_bytes(self._key.read_bytes())


class Before(Struct, frozen=True):
    """What was signed of a log where it came from: nothing else is signed here."""

    generation: int
    size: int = 0
    root: bytes = tree.EMPTY

    @classmethod
    def of(cls, tenant: UUID, came: Came) -> "Before":
        """Raises `Refusing` where the note is not of this tenant's log, or not signed with that key."""
        if not came.note:
            return cls(came.generation)
        try:
            known = key(came.key)
        except Unsound as problem:
            raise Refusing(f"The key that {name(tenant)} came with is none.") from problem
        origin, size, root = verify(came.note, name(tenant), Ed25519PublicKey.from_public_bytes(known.public))
        if origin != note_origin(tenant, came.generation):
            raise Refusing(f"What {name(tenant)} came with is a checkpoint of {origin}.")
        return cls(came.generation, size, root)


class Signer:
    """`generation` tells the last that the ledger knows to have begun: a log of a later one was begun by nobody.

    Unless it came from elsewhere: `came` tells what the ledger noted of that.
    """

    def __init__(
        self, keys: Path, generation: Callable[[], int], came: Callable[[UUID], Came | None] = lambda _: None
    ) -> None:
        self._folder = keys / FOLDER
        self._generation = generation
        self._came = came

    def began(self, tenant: UUID) -> int:
        """The last generation of the tenant's log that somebody has begun."""
        came = self._came(tenant)
        return max(1, self._generation(), came.generation if came else 0)

    def before(self, tenant: UUID, generation: int) -> Before | None:
        """What was signed elsewhere of the log in this generation, None where it began here. Raises `Refusing`."""
        came = self._came(tenant)
        return Before.of(tenant, came) if came and came.generation == generation else None

    @contextmanager
    def hold(self, tenant: UUID) -> Iterator[Held]:
        """The tenant's key, in no other process's hands meanwhile. Raises `Refusing` where its files do not fit."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{tenant}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield Held(self._folder, tenant)
        finally:
            os.close(descriptor)

    def key(self, tenant: UUID) -> str | None:
        """The tenant's verifier key, as others write it down; None while nothing was signed."""
        try:
            private = Ed25519PrivateKey.from_private_bytes((self._folder / f"{tenant}.key").read_bytes())
        except FileNotFoundError:
            return None
        return verifier_key(name(tenant), private.public_key().public_bytes_raw())

    def set_aside(self, now: datetime) -> None:
        """Sign with other keys from now on: the database that these went with is no more."""
        if self._folder.exists():
            self._folder.rename(self._folder.with_name(f"{FOLDER}.until-{now:%Y%m%dT%H%M%S%f}"))


def verify(signed: str, name: str, public: Ed25519PublicKey) -> tuple[str, int, bytes]:
    """Origin, size and root of a note that this key has signed. Raises `Refusing`."""
    text, _, lines = signed.partition("\n\n")
    start = f"— {name} "
    try:
        [line] = [each for each in lines.split("\n") if each.startswith(start)]
        public.verify(b64decode(line.removeprefix(start), validate=True)[_KEY_ID:], f"{text}\n".encode())
        return text.partition("\n")[0], *parse(signed)
    except (ValueError, InvalidSignature, Unsound) as problem:
        raise Refusing(f"What was signed last by {name} is damaged, or signed by another key.") from problem


def put(path: Path, content: bytes) -> None:
    """Put a file in place, whole, so that it outlives a power cut."""
    fresh = path.with_suffix(f"{path.suffix}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
