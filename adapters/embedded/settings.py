"""What an operator may choose about the embedded servers; everything else is fixed."""

from pathlib import Path

from msgspec import Struct


class Settings(Struct, frozen=True):
    shared_buffers: str = "256MB"
    max_connections: int = 100
    sync_interval: str = "2m"
    """How often JetStream flushes to disk, or `always`: every message, at a seventh of the rate."""
    account: str = "nobody"
    """As root: the existing unprivileged account that runs the servers."""
    places: tuple[Path, ...] = (Path("/var/lib/everlog"), Path("/var/tmp/everlog"))  # noqa: S108 - only used when root owns it.
    """As root: where that account can reach binaries and data; the first that works is taken."""
    patience: float = 600
    """Seconds that a living server may take to answer: after a crash it first replays its log.

    A restore may take longer, while PostgreSQL says at least this often that it goes on.
    """
    archive: Path | None = None
    """Where PostgreSQL is to keep its write-ahead log for restores to a point in time."""
    attempts: int = 10
    """Failures in a row after which a server is given up."""
