"""A copy of a whole PostgreSQL cluster in a folder of its own, with a manifest that says what it is.

    20260102T030405Z/manifest.json     what it is, when it was finished, the digest of PostgreSQL's own manifest
                     base/             the cluster's files; `base/backup_manifest` holds the digest of each
                     ledger            a copy of what must outlast a restore

Key files are not in it: whoever gets hold of a backup alone can read nobody's personal data.
"""

import os
import shutil
import subprocess
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from msgspec import Struct
from msgspec.structs import replace
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.embedded.memory import sync
from adapters.embedded.program import ENVIRONMENT

FORMAT = 1
_ABOUT = """
    select clock_timestamp(), current_setting('server_version_num')::int, c.system_identifier::text, k.timeline_id
    from pg_control_system() c, pg_control_checkpoint() k"""


class Unusable(Exception):
    """A backup cannot be made, or does not fit; the message says why and what to do."""


class Manifest(Struct, frozen=True, kw_only=True):
    """`digest` is the SHA-256 of all the rest."""

    format: int = FORMAT
    finished_at: datetime
    """By the server's clock: the first point in time that it can be restored to."""
    version: int
    """Of PostgreSQL, as its `server_version_num`."""
    system: str
    """PostgreSQL's identifier of the cluster."""
    timeline: int
    embedded: bool
    """It is of an embedded server, which `everlog restore` can put back by itself."""
    base: str
    """The SHA-256 of `base/backup_manifest`."""
    ledger: str
    """The SHA-256 of the ledger's copy."""
    digest: str = ""


class Backup(Struct, frozen=True):
    folder: Path
    manifest: Manifest

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"


def make(url: str, into: Path, programs: Path, ledger: Path, *, embedded: bool) -> Backup:
    """Copy the cluster of this URL, whose role may replicate, into a new folder below `into`. Raises `Unusable`."""
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = into / f".{os.getpid()}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
    except OSError as problem:
        raise Unusable(f"No backup can be made in {into}: {problem.strerror}. Choose another folder.") from problem
    try:
        _copy(url, fresh / "base", programs)
        (fresh / "ledger").write_bytes(ledger.read_bytes() if ledger.exists() else b"")
        manifest = _described(url, fresh, embedded=embedded)
        (fresh / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        done = into / f"{manifest.finished_at:%Y%m%dT%H%M%S.%fZ}"
        fresh.rename(done)
    except OSError as problem:
        raise Unusable(f"The backup in {into} could not be written: {problem}.") from problem
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    sync(into)
    return Backup(done, manifest)


def choose(folder: Path, at: datetime | None) -> Backup:
    """The backup in this folder, or of those below it the latest that was finished by then. Raises `Unusable`."""
    found = [folder] if (folder / "manifest.json").exists() else sorted(folder.glob("[0-9]*/"))
    backups = [_read(each) for each in found if (each / "manifest.json").exists()]
    if not backups:
        raise Unusable(f"There is no backup in {folder}: none of its folders holds a manifest.json.")
    fitting = [each for each in backups if at is None or each.manifest.finished_at <= at]
    if not fitting:
        first = min(each.manifest.finished_at for each in backups)
        raise Unusable(
            f"The earliest backup in {folder} was finished at {first:%Y-%m-%dT%H:%M:%S.%fZ}, after that time."
        )
    return max(fitting, key=lambda each: each.manifest.finished_at)


def verify(backup: Backup, programs: Path) -> None:
    """Every file is what was copied. Raises `Unusable`."""
    named = {backup.base / "backup_manifest": backup.manifest.base, backup.ledger: backup.manifest.ledger}
    for path, digest in named.items():
        if not path.is_file() or _digest(path) != digest:
            raise Unusable(f"{path} is missing, or not what the manifest says. Take another backup.")
    done = subprocess.run(
        [programs / "pg_verifybackup", "--exit-on-error", "--quiet", backup.base],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unusable(f"The backup {backup.folder} is damaged: {done.stderr.strip()}. Take another.")


def _copy(url: str, base: Path, programs: Path) -> None:
    parts: dict[str, Any] = conninfo_to_dict(url)
    password = str(parts.pop("password", None) or "")
    done = subprocess.run(
        [
            _copying(parts, programs),
            f"--dbname={make_conninfo(**parts)}",
            f"--pgdata={base}",
            "--format=plain",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--manifest-checksums=SHA256",
            "--no-password",
        ],
        # A command line can be read by everybody.
        env={**ENVIRONMENT, "PGPASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unusable(f"PostgreSQL gives no backup: {done.stderr.strip()}")


def _copying(parts: dict[str, Any], programs: Path) -> str:
    """The program that copies: the one that was brought along was built without TLS. Raises `Unusable`."""
    if parts.get("sslmode") in (None, "disable", "allow", "prefer"):
        return str(programs / "pg_basebackup")
    if found := shutil.which("pg_basebackup"):
        return found
    raise Unusable(
        "To copy another machine's database over TLS, pg_basebackup of its release of PostgreSQL has to be on the PATH:"
        " the one that Everlog brings along speaks no TLS."
    )


def _described(url: str, folder: Path, *, embedded: bool) -> Manifest:
    with psycopg.connect(url) as connection:
        [(at, version, system, timeline)] = connection.execute(_ABOUT)
    manifest = Manifest(
        finished_at=at,
        version=version,
        system=system,
        timeline=timeline,
        embedded=embedded,
        base=_digest(folder / "base" / "backup_manifest"),
        ledger=_digest(folder / "ledger"),
    )
    return replace(manifest, digest=_own(manifest))


def _read(folder: Path) -> Backup:
    path = folder / "manifest.json"
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as problem:
        raise Unusable(f"{path} cannot be read ({problem}). Move this backup away, or take another.") from problem
    if manifest.format != FORMAT:
        raise Unusable(
            f"{path} is of format {manifest.format}, this release reads {FORMAT}. Use the release that made it."
        )
    if manifest.digest != _own(manifest):
        raise Unusable(f"{path} was changed since it was written. Move this backup away, or take another.")
    return Backup(folder, manifest)


def _own(manifest: Manifest) -> str:
    return sha256(msgspec.json.encode(replace(manifest, digest=""))).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        found = sha256()
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()
