"""Backups made and put back, with what stands beside the database: keys, and the ledger."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import psycopg

from adapters.embedded import binaries, memory, postgres, running
from adapters.embedded import restore as back
from adapters.embedded.backup import Backup, Unusable, make
from adapters.embedded.restore import Restored
from adapters.embedded.settings import Settings
from adapters.ledger import NAME, Ledger
from adapters.promotion import Promoted
from adapters.promotion import promote as taken_over
from adapters.resumption import HEADS, Resumption, begin_again


def backup(home: Path, url: str, keys: Path, into: Path) -> Backup:
    """Of the server of this URL, or where there is none of the embedded one of this data folder. Raises `Unusable`."""
    known = None if url else memory.load(home)
    if not url and known is None:
        raise Unusable(f"There are no servers in {home}. Name their folder in EVERLOG_HOME, or set EVERLOG_BACKUP_URL.")
    if known:
        url = postgres.url("postgres", known.superuser, known.postgres_port)
    return make(url, into, binaries.installed().postgres.parent, Ledger(keys).path, embedded=known is not None)


def restore(
    home: Path,
    backups: Path,
    at: datetime | None,
    archive: Path | None,
    keys: Path,
    *,
    replace: bool,
    tell: Callable[[str], object] = lambda _: None,
) -> Restored[Resumption]:
    """Put back an embedded server, up to a time or as far as possible. Raises `Unusable` and `CannotStart`.

    `tell` is given words on how far it is, now and then.
    """
    ledger = Ledger(keys)

    def then(connection: psycopg.Connection, chosen: Backup) -> Resumption:
        [(there,)] = connection.execute("select to_regclass('everlog.heads') is not null")
        if not there:
            raise Unusable(f"{chosen.folder} is of before `everlog migrate`: there is no log in it.")
        heads = connection.execute(HEADS).fetchall()
        return begin_again(connection, heads, ledger, _copies(ledger, [chosen.folder.parent]), "restore")

    return back.restore(home, backups, at, Settings(archive=archive), then, replace=replace, tell=tell)


def promote(url: str, keys: Path, backups: Path | None) -> Promoted:
    """Take a server into use. Raises `adapters.promotion.Unpromoted`."""
    ledger = Ledger(keys)
    return taken_over(url, ledger, _copies(ledger, [backups] if backups else []))


def taken_up(home: Path, archive: Path | None, keys: Path, backups: Path | None) -> Promoted:
    """The same of the embedded server of this data folder, which runs for as long as that takes.

    Raises `Unusable` where there is none, `CannotStart`, and `adapters.promotion.Unpromoted`.
    """
    known = memory.load(home)
    if known is None or not (Path(known.home) / "postgres").exists():
        raise Unusable(
            f"There is no database in {home}. Name its folder in EVERLOG_HOME; or the server to take into use, as its "
            "superuser or owner, in EVERLOG_OWNER_URL."
        )
    with running(home, Settings(archive=archive)) as servers:
        return promote(servers.addresses.superuser, keys, backups)


def _copies(ledger: Ledger, folders: Iterable[Path]) -> list[Path]:
    """Ledgers of earlier times: those set aside, and the copies in backups."""
    return [*ledger.earlier(), *(found for folder in folders for found in sorted(folder.glob(f"*/{NAME}")))]
