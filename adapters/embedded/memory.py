"""What a data folder remembers between runs: where the servers' part lies, their ports and their passwords."""

import os
import secrets
from pathlib import Path

import msgspec
from msgspec import Struct

from adapters.embedded.refusal import CannotStart

FORMAT = 1


def _password() -> str:
    return secrets.token_urlsafe(32)


class Memory(Struct, frozen=True, kw_only=True):
    """`home` holds the servers' own files: the data folder itself, or a folder that another account can reach."""

    format: int = FORMAT
    home: str
    postgres_port: int
    nats_port: int
    superuser: str = msgspec.field(default_factory=_password)
    owner: str = msgspec.field(default_factory=_password)
    app: str = msgspec.field(default_factory=_password)
    worker: str = msgspec.field(default_factory=_password)
    nats: str = msgspec.field(default_factory=_password)

    def __repr__(self) -> str:
        # Where an error is told with the values around it, no password is.
        return f"Memory(home={self.home!r})"


def path(folder: Path) -> Path:
    return folder / "servers.json"


def load(folder: Path) -> Memory | None:
    """What was remembered, None in a fresh folder.

    Raises:
        CannotStart: it is damaged, of another release, or another user's: it names folders that we write to and remove.
    """
    try:
        content = _own(path(folder))
        memory = msgspec.json.decode(content, type=Memory)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as problem:
        raise CannotStart(f"{path(folder)} is damaged ({problem}). Restore it from a backup.") from problem
    if memory.format != FORMAT:
        raise CannotStart(
            f"{folder} was written in format {memory.format}, this release reads {FORMAT}. "
            "Use the release that wrote it."
        )
    return memory


def _own(path: Path) -> bytes:
    owner = path.lstat().st_uid
    if owner != os.geteuid():
        raise CannotStart(f"{path} belongs to uid {owner}. Start as that user, or choose another data folder.")
    return path.read_bytes()


def save(folder: Path, memory: Memory) -> None:
    """Whole or not at all, and only for our own eyes."""
    fresh = path(folder).with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(memory), indent=2))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path(folder))
    sync(folder)


def sync(folder: Path) -> None:
    """Names made or changed in this folder outlast a power cut from here on."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
