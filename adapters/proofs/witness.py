"""A witness: it remembers how far each log had come, and cosigns only what goes on from there (c2sp.org/tlog-witness).

What it remembers is on disk, folder and all, before a cosignature leaves. Cut short between the two it has signed
nothing, and remembers more than anybody was told: the log asks again.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from adapters.proofs.signer import put
from projections.proofs import tree
from projections.proofs.note import COSIGNATURE, MARK, Unsound, base64, signature_line, verifier_key
from projections.proofs.submission import Key, Opened, Submission, key, opened, submission

_log = logging.getLogger(__name__)
_ID, _SEED = 4, 32
TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


class Unready(Exception):
    """The witness cannot work with this folder; the message says what to do."""


class Reply(Struct, frozen=True):
    """An HTTP answer."""

    status: int
    body: str
    kind: str = TEXT


class Witness:
    """One folder's witness, for as long as the process lives; no other process has that folder meanwhile."""

    def __init__(self, folder: Path, name: str, keys: Sequence[str], clock: Callable[[], float] = time.time) -> None:
        """`name` is a URL without scheme, `keys` the verifier keys of its logs. Raises `Unready`."""
        if not name or "+" in name or any(c.isspace() or c < " " for c in name):
            raise Unready("A witness is named like witness.example.org/w1: without spaces, without +.")
        try:
            self._logs: tuple[Key, ...] = tuple(map(key, keys))
        except Unsound as problem:
            raise Unready(str(problem)) from problem
        self._folder, self.name, self._clock = folder, name, clock
        self._turn = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Kept open until the process ends, however it ends: the lock goes with it.
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._private = self._own()
        except OSError as problem:
            self.close()
            raise Unready(
                f"Another witness works with {folder}: two on one state could sign two histories."
            ) from problem
        except Unready:
            self.close()
            raise
        self._public = self._private.public_key().public_bytes_raw()

    @property
    def key(self) -> str:
        """Its verifier key, for whoever trusts it."""
        return verifier_key(self.name, self._public, COSIGNATURE)

    def close(self) -> None:
        os.close(self._lock)

    def add(self, body: bytes) -> Reply:
        """Answer `add-checkpoint`. Raises `OSError` or `Unready` where it could not remember, and signs nothing."""
        try:
            asked = submission(body)
        except Unsound as problem:
            return Reply(400, f"{problem}\n")
        keys = [each for each in self._logs if each.owns(asked.checkpoint.origin)]
        if not keys:
            return Reply(404, "This witness was not told of that log.\n")
        if not any(signed(asked.checkpoint, each) for each in keys):
            return Reply(403, "No signature of a key that this witness knows for that log.\n")
        if asked.old > asked.checkpoint.size:
            return Reply(400, "The old size is larger than the checkpoint's.\n")
        # Comparing and remembering are one step: else a later, smaller tree could take the larger one's place.
        with self._turn:
            return self._turned(asked)

    def _turned(self, asked: Submission) -> Reply:
        checkpoint, last = asked.checkpoint, self._last(asked.checkpoint.origin)
        known = last.size if last else 0
        forked = last is not None and last.size == checkpoint.size and last.root != checkpoint.root
        if asked.old != known or forked:
            if forked:
                _log.error("%s shows two trees of %d leaves; nothing was signed.", checkpoint.origin, known)
            return Reply(409, f"{known}\n", SIZE)
        if not goes_on(asked, last):
            _log.error("%s does not go on from its %d leaves; nothing was signed.", checkpoint.origin, known)
            return Reply(422, "The consistency proof does not hold.\n")
        # The same again is put again: had the folder's sync failed before, nobody was answered then.
        self._remember(checkpoint)
        return Reply(200, self._cosigned(checkpoint))

    def _cosigned(self, checkpoint: Opened) -> str:
        seconds = int(self._clock())
        message = f"cosignature/v1\ntime {seconds}\n{checkpoint.text}"
        signature = seconds.to_bytes(8) + self._private.sign(message.encode())
        return signature_line(self.name, self._public, signature, COSIGNATURE)

    def _path(self, origin: str) -> Path:
        return self._folder / f"{sha256(origin.encode()).hexdigest()}.last"

    def _remember(self, checkpoint: Opened) -> None:
        lines = "".join(f"{MARK}{name} {base64(raw)}\n" for name, raw in checkpoint.signatures)
        put(self._path(checkpoint.origin), f"{checkpoint.text}\n{lines}".encode())

    def _last(self, origin: str) -> Opened | None:
        path = self._path(origin)
        try:
            found = opened(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (Unsound, UnicodeDecodeError) as problem:
            raise Unready(f"{path}, the last checkpoint of {origin}, is damaged: begin with a new folder.") from problem
        if found.origin != origin:
            raise Unready(f"{path} is of another log than {origin}: begin with a new folder.")
        return found

    def _own(self) -> Ed25519PrivateKey:
        """Its key, made where there is none: bound to the name, since a cosignature does not hold the name."""
        path, head = self._folder / "key", f"{self.name}\n".encode()
        if not path.exists():
            if any(self._folder.glob("*.last")):
                raise Unready(f"{path} is missing, but checkpoints were signed with it: begin with a new folder.")
            put(path, head + Ed25519PrivateKey.generate().private_bytes_raw())
        if path.stat().st_mode & 0o077:
            raise Unready(f"{path} can be read by others: chmod 600 it, or begin with a new folder.")
        found, _, seed = path.read_bytes().partition(b"\n")
        if found + b"\n" != head or len(seed) != _SEED:
            raise Unready(
                f"{path} is another witness's ({found.decode(errors='replace')}) or damaged: name it the same."
            )
        return Ed25519PrivateKey.from_private_bytes(seed)


def goes_on(asked: Submission, last: Opened | None) -> bool:
    """Whether the proof leads from what is remembered to the checkpoint; before a first leaf there is none."""
    size, root = asked.checkpoint.size, asked.checkpoint.root
    if last is None or last.size == 0:
        return not asked.path and (size > 0 or root == tree.EMPTY)
    try:
        return tree.continued(last.size, size, last.root, asked.path) == (last.root, root)
    except ValueError:
        return False


def signed(checkpoint: Opened, key: Key) -> bool:
    """Whether one of its signatures is that key's; those of others say nothing."""
    public = Ed25519PublicKey.from_public_bytes(key.public)
    for name, raw in checkpoint.signatures:
        if name == key.name and raw[:_ID] == key.id:
            try:
                public.verify(raw[_ID:], checkpoint.text.encode())
            except InvalidSignature:
                continue
            return True
    return False
