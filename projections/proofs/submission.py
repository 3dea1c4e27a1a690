"""What a log brings to a witness (c2sp.org/tlog-witness): a checkpoint, and proof of what it goes on from."""

from base64 import b64decode
from binascii import Error
from collections.abc import Sequence
from re import fullmatch

from msgspec import Struct

from projections.proofs.note import COSIGNATURE, ED25519, MARK, Unsound, base64, key_id, verifier_key
from projections.proofs.tree import HASH

MOST = 63
"""Hashes of a proof: no tree is higher."""
_PUBLIC, _ID = 32, 4
_SIZE = r"0|[1-9][0-9]{0,18}"


class Opened(Struct, frozen=True):
    """A checkpoint that anybody may have written: nobody has looked at its signatures yet."""

    text: str
    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes], ...]
    """The name of each signer, and the bytes of its line: key id and signature."""


class Submission(Struct, frozen=True):
    old: int
    path: tuple[bytes, ...]
    checkpoint: Opened


class Key(Struct, frozen=True):
    """The verifier key of a log, or by its kind of a witness."""

    name: str
    public: bytes
    kind: bytes = ED25519

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.public, self.kind)

    @property
    def text(self) -> str:
        return verifier_key(self.name, self.public, self.kind)

    def owns(self, origin: str) -> bool:
        """Whether a log of that origin is this key's: a later generation's has a number behind the name."""
        return origin == self.name or fullmatch(r"/[1-9][0-9]*", origin.removeprefix(self.name)) is not None


class Named(Struct, frozen=True):
    """A witness: where it is asked, and the key that its cosignatures are known by."""

    url: str
    key: Key


def key(text: str, kind: bytes = ED25519) -> Key:
    """A verifier key as it is written down. Raises `Unsound`."""
    name, _, rest = text.strip().partition("+")
    claimed, _, raw = rest.partition("+")
    found, public = (whole := _bytes(raw))[:1], whole[1:]
    if not name or any(c.isspace() for c in name) or found != kind or len(public) != _PUBLIC:
        whose = "log" if kind == ED25519 else "witness"
        raise Unsound(f"A {whose}'s verifier key is NAME+ID+KEY, its key an Ed25519 key of kind {kind[0]}.")
    if key_id(name, public, kind).hex() != claimed:
        raise Unsound(f"The verifier key of {name} is not the one that its id was made for: copy it once more.")
    return Key(name, public, kind)


def witnesses(text: str) -> tuple[Named, ...]:
    """Those of a setting: `URL KEY`, with commas between several. Raises `Unsound`."""
    found = list[Named]()
    for each in filter(None, map(str.strip, text.split(","))):
        url, *rest = each.split()
        if len(rest) != 1 or not url.startswith(("https://", "http://")):
            raise Unsound("A witness is written https://HOST/PATH NAME+ID+KEY, with commas between several.")
        found.append(Named(url.rstrip("/"), key(rest[0], COSIGNATURE)))
    if len({each.key.name for each in found}) < len(found):
        raise Unsound("A witness is named twice.")
    return tuple(found)


def body(old: int, path: Sequence[bytes], signed: str) -> bytes:
    """What is sent: from which size on, by which proof, and the checkpoint."""
    return "".join([f"old {old}\n", *(f"{base64(each)}\n" for each in path), "\n", signed]).encode()


def submission(body: bytes) -> Submission:
    """The parts of a request's body. Raises `Unsound`."""
    try:
        head, parted, signed = body.decode().partition("\n\n")
    except UnicodeDecodeError as problem:
        raise Unsound("It is not UTF-8.") from problem
    old, *path = head.split("\n")
    if not parted or not old.startswith("old "):
        raise Unsound("It begins with the line `old SIZE`; proof lines, an empty line and the checkpoint follow.")
    if len(path) > MOST:
        raise Unsound(f"A consistency proof has at most {MOST} hashes.")
    hashes = tuple(map(_bytes, path))
    if any(len(each) != HASH for each in hashes):
        raise Unsound(f"Each line of the proof is a hash of {HASH} bytes.")
    return Submission(_size(old.removeprefix("old ")), hashes, opened(signed))


def opened(signed: str) -> Opened:
    """A signed note whose text is a checkpoint. Raises `Unsound`."""
    text, parted, lines = signed.rpartition("\n\n")
    text += "\n"
    if not parted or not lines.endswith("\n") or any(c < " " and c != "\n" for c in signed):
        raise Unsound("A checkpoint is a text, an empty line, and lines of signatures, each with a newline at its end.")
    origin, *rest = text.removesuffix("\n").split("\n")
    if not rest[1:] or not origin or not all(rest):
        raise Unsound("A checkpoint has the lines origin, size and root; none of its lines is empty.")
    root = _bytes(rest[1])
    if len(root) != HASH:
        raise Unsound(f"A root has {HASH} bytes.")
    return Opened(text, origin, _size(rest[0]), root, tuple(map(_signature, lines.removesuffix("\n").split("\n"))))


def cosignatures(text: str) -> dict[str, tuple[str, bytes]]:
    """The lines of a witness's answer, each with the name of who signed and the line's bytes. Raises `Unsound`."""
    if not text.endswith("\n"):
        raise Unsound("Each line of cosignatures has a newline at its end.")
    return {f"{line}\n": _signature(line) for line in text.removesuffix("\n").split("\n")}


def _signature(line: str) -> tuple[str, bytes]:
    name, parted, raw = line.removeprefix(MARK).partition(" ")
    if not line.startswith(MARK) or not parted or not name or len(found := _bytes(raw)) <= _ID:
        raise Unsound("A line of a signature is a dash, the signer's name, and key id and signature in base 64.")
    return name, found


def _size(text: str) -> int:
    if fullmatch(_SIZE, text) is None:
        raise Unsound("A size is a decimal number without leading zeros.")
    return int(text)


def _bytes(text: str) -> bytes:
    """Strictly: two texts for the same bytes would be two notes for one."""
    try:
        found = b64decode(text, validate=True)
    except (ValueError, Error) as problem:
        raise Unsound("It is not base 64.") from problem
    if base64(found) != text:
        raise Unsound("It is base 64 that no encoder writes.")
    return found
