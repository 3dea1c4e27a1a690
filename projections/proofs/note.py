"""Checkpoints: a tree's size and root in a signed note (c2sp.org/signed-note, c2sp.org/tlog-checkpoint)."""

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from msgspec import Struct

ED25519, COSIGNATURE = b"\x01", b"\x04"
"""Kinds of keys: of a log, and of a witness (c2sp.org/tlog-cosignature)."""
MARK = "— "
OFFLINE = "c2sp.org/tlog-proof@v1"


class Unsound(Exception):
    """A note is not what a note looks like."""


class Checkpoint(Struct, frozen=True):
    """What is signed."""

    origin: str
    size: int
    root: bytes
    sealed_at: datetime
    after: int
    """The size of the one that was signed before it, 0 where it is the first: none between them can go unnoticed."""

    @property
    def text(self) -> str:
        """Its lines, the last newline included."""
        at = f"{self.sealed_at:%Y-%m-%dT%H:%M:%S.%fZ}"
        return f"{self.origin}\n{self.size}\n{base64(self.root)}\nsealed {at}\nafter {self.after}\n"


def origin(tenant: UUID, generation: int) -> str:
    """What a tree is called; a later generation of a log is another tree."""
    return name(tenant) if generation == 1 else f"{name(tenant)}/{generation}"


def name(tenant: UUID) -> str:
    """What the tenant's signing key is called."""
    return f"everlog/{tenant}"


def key_id(name: str, public: bytes, kind: bytes = ED25519) -> bytes:
    """The first 4 bytes of SHA-256 over name, newline, algorithm and key."""
    return sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def verifier_key(name: str, public: bytes, kind: bytes = ED25519) -> str:
    """The key as others write it down."""
    return f"{name}+{key_id(name, public, kind).hex()}+{base64(kind + public)}"


def signature_line(name: str, public: bytes, signature: bytes, kind: bytes = ED25519) -> str:
    return f"{MARK}{name} {base64(key_id(name, public, kind) + signature)}\n"


def note(checkpoint: Checkpoint, *lines: str) -> str:
    return checkpoint.text + "\n" + "".join(lines)


def offline(index: int, entry: bytes, path: Sequence[bytes], signed: str) -> str:
    """That a leaf stands in a checkpoint's tree (c2sp.org/tlog-proof); the leaf's entry is its extra data."""
    hashes = "".join(f"{base64(each)}\n" for each in path)
    return f"{OFFLINE}\nextra {base64(entry)}\nindex {index}\n{hashes}\n{signed}"


def parse(text: str) -> tuple[int, bytes]:
    """Size and root of a note of our own. Raises `Unsound`."""
    try:
        _, size, found, *_ = text.partition("\n\n")[0].split("\n")
        return int(size), b64decode(found, validate=True)
    except (ValueError, Error) as problem:
        raise Unsound("A checkpoint has an origin, a size, a root, and the time of sealing.") from problem


def generation(text: str) -> int:
    """That of the log whose tree a note of our own is of."""
    _, _, rest = text.partition("\n")[0].removeprefix("everlog/").partition("/")
    return int(rest or 1)


def sealed_at(text: str) -> datetime:
    """When a note of our own says it was sealed. Raises `Unsound`."""
    try:
        return datetime.fromisoformat(text.partition("\n\n")[0].split("\n")[3].removeprefix("sealed "))
    except (ValueError, IndexError) as problem:
        raise Unsound("A checkpoint's fourth line is the time of sealing.") from problem


def after(text: str) -> int | None:
    """The size that a note of our own says was signed before it; None where it is of a time that did not say."""
    _, _, _, _, *rest = text.partition("\n\n")[0].split("\n")
    said = rest[0].removeprefix("after ") if rest else ""
    return int(said) if said.isdecimal() else None


def base64(raw: bytes) -> str:
    return b64encode(raw).decode()
