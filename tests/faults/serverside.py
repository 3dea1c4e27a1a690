"""Failpoints inside of the append's function, where no process of ours is: triggers that kill their backend or raise.

A trigger does harm once for each file `armed` in the folder that the server keeps its data in, and renames it first.
"""

import shutil
import time
from pathlib import Path

from tests.faults.house import House

EVENT_AND_STAMP = "append: between the event and its stamp"
TWO_TENANTS = "append: between two tenants of a drain"
SERVER = (EVENT_AND_STAMP, TWO_TENANTS)

# They lie in the catalogue's own schema, since the product refuses to serve beside strange functions in its own.
_HARM = """
    create function pg_catalog.failpoint_harm() returns void language plpgsql security definer as $$
    begin
        if (pg_stat_file('armed-kill', true)).size is not null then
            -- The shell's parent is this backend.
            copy (select 1) to program 'mv armed-kill fired; kill -9 $PPID';
        elsif (pg_stat_file('armed-raise', true)).size is not null then
            copy (select 1) to program 'mv armed-raise fired';
            raise exception 'failpoint';
        end if;
    end $$"""
_POINTS = {
    EVENT_AND_STAMP: (
        "stamps",
        "before insert",
        "perform pg_catalog.failpoint_harm();",
    ),
    TWO_TENANTS: (
        "heads",
        "after update",
        """if coalesce(current_setting('faults.tenant', true), '') not in ('', new.tenant_id::text) then
            perform pg_catalog.failpoint_harm();
        end if;
        perform set_config('faults.tenant', new.tenant_id::text, true);""",
    ),
}


def strike(house: House, point: str, harm: str, times: int, within: float) -> int:
    """Do it so many times; how often it was done before `within` seconds went by without."""
    [(folder,)] = house.by_hand("show data_directory")
    _lay(house, point)
    done = 0
    while done < times and _once(Path(str(folder)), harm, within):
        done += 1
    _lift(house, point)
    return done


def _once(folder: Path, harm: str, within: float) -> bool:
    armed, fired = folder / f"armed-{harm}", folder / "fired"
    fired.unlink(missing_ok=True)
    armed.touch()
    owner = folder.stat()
    shutil.chown(armed, owner.st_uid, owner.st_gid)
    until = time.monotonic() + within
    while not fired.exists():
        if time.monotonic() > until:
            armed.unlink(missing_ok=True)
            return False
        time.sleep(0.01)
    fired.unlink()
    return True


def _lay(house: House, point: str) -> None:
    table, when, body = _POINTS[point]
    house.by_hand(
        "drop function if exists pg_catalog.failpoint_harm()",
        _HARM,
        "create or replace function pg_catalog.failpoint() returns trigger language plpgsql security definer as"
        f" $$ begin {body} return new; end $$",
        f"create or replace trigger failpoint {when} on everlog.{table} for each row"
        " execute function pg_catalog.failpoint()",
    )


def _lift(house: House, point: str) -> None:
    table, *_ = _POINTS[point]
    house.by_hand(f"drop trigger if exists failpoint on everlog.{table}")
