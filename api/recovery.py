"""What operators do against and after a loss: backups, restores, promotions."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from api import bootstrap
from api import settings as configuration
from api.settings import Unset
from api.shell import say

RESUMED = (
    "All {logs} logs go on in generation {generation}. Subjects erased again: {erased}"
    " ({copied} entries of the ledger were found in copies of it only)."
)


def backup(into: Path, *, json: bool) -> None:
    settings = configuration.read()
    if settings.embedded:
        # A server that is not there would be told about in the words of a driver.
        configuration.of_running(settings)
    elif not settings.backup:
        raise Unset("Set EVERLOG_BACKUP_URL: the database as a role that may replicate (or copy it by other means).")
    made = bootstrap.recovery.backup(settings.home, settings.backup, settings.keys, into.absolute())
    about = made.manifest
    answer = {"folder": str(made.folder), "finished_at": f"{about.finished_at:%Y-%m-%dT%H:%M:%S.%fZ}"}
    words = (
        f"Backup in {made.folder}, of {answer['finished_at']} or later. The keys are not in it: back up "
        f"{settings.keys} too, to another place."
    )
    if about.embedded and not settings.archive:
        words += "\nWithout EVERLOG_ARCHIVE it can be put back as it is, and not to a later point in time."
    say(answer | {"digest": about.digest}, words, json=json)


def restore(backups: Path, at: datetime | None, *, replace: bool, json: bool) -> None:
    if at is not None and at.tzinfo is None:
        at = at.astimezone()
    settings = configuration.read()
    if not settings.embedded:
        raise Unset(
            "EVERLOG_DATABASE_URL names a server of your own: put its backup back there, and `everlog promote`."
        )
    done = bootstrap.recovery.restore(
        settings.home, backups.absolute(), at, settings.archive, settings.keys, replace=replace, tell=_tell
    )
    until = f"{done.until:%Y-%m-%dT%H:%M:%S.%fZ}" if done.until else None
    words = [f"Put back from {done.backup.folder}, up to {until or 'the end of the backup'}.", _resumed(done.done)]
    if done.replaced:
        words.append(f"What was there before lies in {done.replaced}; remove it once nobody needs it.")
    answer = {
        "backup": str(done.backup.folder),
        "until": until,
        "replaced": str(done.replaced) if done.replaced else None,
        **_told(done.done),
    }
    say(answer, "\n".join(words), json=json)


def promote(backups: Path | None, *, json: bool) -> None:
    settings = configuration.read()
    copies = backups.absolute() if backups else None
    if settings.owner:
        done = bootstrap.recovery.promote(settings.owner, settings.keys, copies)
        was = "The replica was promoted." if done.replica else "The server takes writes."
    elif settings.embedded:
        done = bootstrap.recovery.taken_up(settings.home, settings.archive, settings.keys, copies)
        was = f"What lies in {settings.home} can be served again."
    else:
        raise Unset("Set EVERLOG_OWNER_URL: the server to take into use, and no other, as its superuser or owner.")
    words = [was, _resumed(done.resumption)]
    if done.waiting:
        words.append(
            "synchronous_standby_names names a replica that is not there: commits wait until one is, or it is empty."
        )
    say({"replica": done.replica, "waiting": done.waiting, **_told(done.resumption)}, "\n".join(words), json=json)


def _tell(words: str) -> None:
    """Beside the answer, which a machine may read."""
    sys.stderr.write(f"{words}\n")


def _resumed(done: Any) -> str:
    return RESUMED.format_map(_told(done))


def _told(done: Any) -> dict[str, Any]:
    return {"generation": done.generation, "logs": done.logs, "erased": done.erased, "copied": done.copied}
