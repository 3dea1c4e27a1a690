"""What witnesses have made of checkpoints: their lines as they are kept, of which only good ones count."""

from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from adapters.proofs.grove import Grove
from domain.kernel import Refused
from projections.proofs import note, submission
from projections.proofs.note import Unsound
from projections.proofs.submission import Key, cosignatures

_ID, _STAMP = 4, 8


def seen(grove: Grove, size: int, signed: str) -> dict[str, str]:
    """The lines of those who cosigned a checkpoint, by their verifier keys; what is kept and is none is left out."""
    return {key: line for key, line in grove.cosignatures(size) if _good(key, line, signed)}


def last(grove: Grove, many: int) -> tuple[int, str, dict[str, str]]:
    """The last checkpoint, or the last that so many have cosigned: size, note, and `seen`.

    Raises `Refused`: `proofs.uncosigned` where there is none of those, `proofs.unsealed` where there is none at all.
    """
    size, signed = grove.cosigned_by(many) if many else grove.sealed
    held = seen(grove, size, signed)
    if not size or len(held) < many:
        raise Refused("proofs.uncosigned", cosigned=many) if many else Refused("proofs.unsealed", size=0)
    return size, signed, held


def _good(witness: str, line: str, signed: str) -> bool:
    try:
        return cosigns(line, submission.key(witness, note.COSIGNATURE), signed)
    except Unsound:
        return False


def stamp(line: str) -> datetime | None:
    """When a cosignature says that it was made; None where it is none, or says what no clock does."""
    try:
        [(_, raw)] = cosignatures(line).values()
        return datetime.fromtimestamp(int.from_bytes(raw[_ID : _ID + _STAMP]), UTC)
    except (Unsound, ValueError, OverflowError, OSError):
        return None


def cosigns(line: str, key: Key, signed: str) -> bool:
    """Whether a signature line is that witness's over a checkpoint."""
    try:
        [(name, raw)] = cosignatures(line).values()
    except Unsound:
        return False
    stamp, signature = int.from_bytes(raw[_ID : _ID + _STAMP]), raw[_ID + _STAMP :]
    text = signed.partition("\n\n")[0]
    try:
        public = Ed25519PublicKey.from_public_bytes(key.public)
        public.verify(signature, f"cosignature/v1\ntime {stamp}\n{text}\n".encode())
    except InvalidSignature:
        return False
    return name == key.name and raw[:_ID] == key.id
