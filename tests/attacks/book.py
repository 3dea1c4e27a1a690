"""What the superuser of a database can do to a record, each as they would do it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
from msgspec import Struct

from adapters.postgres.definitions import FUNCTIONS
from tests.attacks import deeds
from tests.attacks.deeds import FUNNEL, PLACE, PROSPECTS, WORDS, Connection, Done
from tests.attacks.silence import SILENCES, Silence
from tests.attacks.stage import Org, Stage


class Attack(Struct, frozen=True):
    do: Callable[[Connection, Org, Org], Done]
    undo: str = ""
    kinds: tuple[str, ...] = ()
    """As one of which it has to be found."""
    prepare: Callable[[Stage, Org], object] | None = None
    """What the organisation does before."""


class Theft(Struct, frozen=True):
    """Reading a file of the key folder: it must not even be possible, for want of permission and no other reason."""

    read: Callable[[Connection, Path], bytes]


def _set(change: str, *kinds: str, place: int = PLACE) -> Attack:
    """Change something of one event."""

    def do(connection: Connection, org: Org, _: Org) -> Done:
        sql = f"update everlog.events set {change} where tenant_id = %s and position = %s"
        assert connection.execute(sql.encode(), [org.id, place]).rowcount == 1
        return place

    return Attack(do, kinds=kinds or ("altered",))


def _meta(old: str, new: str) -> Attack:
    text = f"regexp_replace(convert_from(meta, 'UTF8'), '{old}', '{new}')"
    return _set(f"meta = convert_to({text}, 'UTF8')")


def _run(sql: str, *kinds: str, place: int | None = None, undo: str = "") -> Attack:
    """Statements with the tenant as $1 wherever it stands."""

    def do(connection: Connection, org: Org, _: Org) -> Done:
        before = connection.execute(sql.replace("$1", f"'{org.id}'").encode())
        assert before.rowcount != 0, sql
        return place

    return Attack(do, undo, kinds)


LIE = """
    do $do$ begin execute replace(pg_get_functiondef('everlog.read_stream'::regproc), 'e.meta, e.body',
        'e.meta, case current_user when ''everlog_app'' then e.body || '' ''::bytea else e.body end'); end $do$"""
RELEASED = "\n".join(path.read_text() for path in sorted(FUNCTIONS.glob("*.sql")))

ATTACKS: dict[str, Attack | Theft | Silence] = {
    "edit-body": _set("body = body || ' '"),
    "edit-metadata": _meta("^[{]", '{"note":"x",'),
    "change-actor": _meta('("actor":.*?"id":")[0-9a-f]{8}', "\\100000000"),
    "change-permission": _meta('"permission":"[^"]*"', '"permission":"orgs.found"'),
    "change-type": _set("type = 'prospects.won'"),
    "change-stream": _set("stream = 'prospects/00000000-0000-4000-8000-000000000001'"),
    "change-time": _set("recorded_at = recorded_at - interval '1 day'", "time", "altered"),
    "change-event-id": _set("event_id = gen_random_uuid()", "event"),
    "change-salt": _set("salt = decode(repeat('00', 16), 'hex')"),
    "change-generation": _set("generation = 2", "generation"),
    "drop-one": _run(f"delete from everlog.events where tenant_id = $1 and position = {PLACE}", "missing", place=PLACE),
    "drop-range": Attack(deeds.drop_range, kinds=("missing",)),
    "drop-and-close-up": Attack(deeds.close_up, kinds=("altered",)),
    "cut-tail": Attack(deeds.cut, kinds=("missing",)),
    "insert-shifted": Attack(deeds.insert, kinds=("altered",)),
    "insert-end": Attack(deeds.beyond, kinds=("beyond",)),
    "append-copy": Attack(deeds.append, kinds=("sealed",)),
    "append-from-other-tenant": Attack(deeds.append_other, kinds=("sealed",)),
    "reorder": Attack(deeds.reorder, kinds=("altered",)),
    "swap-tenants": Attack(deeds.swap, kinds=("altered",)),
    "restore-events": Attack(deeds.rewind("events"), kinds=("missing",)),
    "restore-all": Attack(deeds.rewind("heads"), kinds=("missing",)),
    "re-sign": Attack(deeds.resign, kinds=("altered",)),
    "change-prediction": Attack(deeds.predict_otherwise, kinds=("prediction",), prepare=Stage.predicted),
    "change-prediction-in-log": Attack(deeds.predict_otherwise, kinds=("altered",), prepare=Stage.predicted),
    "forge-prediction": Attack(deeds.predict_by_hand, kinds=("prediction",), prepare=Stage.predicted),
    "forge-checkpoint": _run(
        "insert into everlog.seals (tenant_id, generation, size, note)"
        " select tenant_id, generation, size + 100, note from everlog.seals where tenant_id = $1"
        " order by size desc limit 1",
        "checkpoint",
    ),
    "edit-checkpoint": _run(
        "update everlog.seals set note = replace(note, 'sealed 2', 'sealed 1') where tenant_id = $1", "checkpoint"
    ),
    "edit-tile": _run(
        "update everlog.tiles set hashes = set_byte(hashes, 130, 255 - get_byte(hashes, 130)) where tenant_id = $1",
        "tile",
        place=5,
    ),
    "delete-tiles": _run("delete from everlog.tiles where tenant_id = $1", "tile", place=1),
    "delete-checkpoints": _run("delete from everlog.seals where tenant_id = $1", "checkpoint"),
    "delete-a-checkpoint": Attack(deeds.unseal, kinds=("checkpoint",), prepare=Stage.grown),
    "edit-head-generation": _run("update everlog.heads set generation = 7 where tenant_id = $1", "generation"),
    "plant-view-row": Attack(deeds.plant, kinds=("view",)),
    "push-view-checkpoint": Attack(deeds.push, kinds=("view", "checkpoint of a view", "digest")),
    "edit-view-row": _run(f"update {PROSPECTS} set industry = 'x' where tenant_id = $1", "view", place=PLACE),
    "edit-view-row-and-digest": Attack(deeds.digest_too, kinds=("view",)),
    "edit-lookup-token": _run(
        f"update {PROSPECTS} set email_token = sha256(email_token) where tenant_id = $1",
        "view",
        place=PLACE,
    ),
    "delete-view-row": _run(f"delete from {PROSPECTS} where tenant_id = $1", "view", place=PLACE),
    "edit-aggregate": _run(f"update {FUNNEL} set change = change + 1 where tenant_id = $1", "aggregate"),
    "hide-from-search": _run(
        f"delete from {WORDS} where tenant_id = $1 and position = {PLACE} and token = 'captured'", "words", place=PLACE
    ),
    "hide-a-person-from-search": _run(
        f"delete from {WORDS} where tenant_id = $1 and position = {PLACE} and subject is not null", "words", place=PLACE
    ),
    "plant-word": _run(
        f"insert into {WORDS} (tenant_id, token, position) values ($1, 'harmless', {PLACE})", "words", place=PLACE
    ),
    "delete-reservations": _run("delete from everlog.reservations where tenant_id = $1", "reservation", place=PLACE),
    "move-reservations": _run(
        "update everlog.reservations set stream = 'prospects/' || gen_random_uuid() where tenant_id = $1",
        "reservation",
        place=PLACE,
    ),
    "plant-reservation": _run(
        "insert into everlog.reservations select tenant_id, scope, sha256(token), stream from everlog.reservations"
        " where tenant_id = $1 limit 1",
        "reservation",
    ),
    "redirect-answer": _run(
        f"update everlog.stamps set first = first - 1, last = last - 1 where tenant_id = $1 and last = {PLACE}",
        "stamp",
        place=PLACE - 1,
    ),
    "swap-keys": Attack(deeds.swap_keys, kinds=("key",)),
    "replace-key": _run(
        "update everlog.subject_keys set wrapped = set_byte(wrapped, 20, 255 - get_byte(wrapped, 20))"
        " where tenant_id = $1",
        "key",
        place=PLACE,
    ),
    "delete-keys": _run("delete from everlog.subject_keys where tenant_id = $1", "sealed", place=PLACE),
    "restore-erased-key": Attack(deeds.restore_key, kinds=("key",), prepare=Stage.forgotten),
    "read-signing-key": Theft(deeds.read_file),
    "read-signing-key-by-program": Theft(deeds.read_by_program),
    "disable-row-security": _run(
        "alter table everlog.events disable row level security",
        "wall",
        undo="alter table everlog.events enable row level security",
    ),
    "disable-guard": _run(
        "alter table everlog.heads disable trigger guard",
        "wall",
        undo="alter table everlog.heads enable trigger guard",
    ),
    "fork-for-one-reader": _run(
        f"create policy fork on everlog.events as restrictive for select to everlog_worker"
        f" using (tenant_id <> $1 or position <> {PLACE})",
        "missing",
        place=PLACE,
        undo="drop policy fork on everlog.events",
    ),
    "lie-to-the-app": _run(LIE, "wall", undo=RELEASED),
    "empty-guard": _run(
        "create or replace function everlog.guard_subject() returns trigger language plpgsql"
        " as 'begin return new; end'",
        "wall",
        undo=RELEASED,
    ),
    "trigger-on-append": _run(
        "create function everlog.forge() returns trigger language plpgsql as"
        " 'begin new.body := new.body || '' ''::bytea; return new; end';"
        " create trigger forge before insert on everlog.events for each row when (new.tenant_id = $1)"
        " execute function everlog.forge()",
        "wall",
        undo="drop function everlog.forge cascade",
    ),
    "rule-on-append": _run(
        "create rule forget as on insert to everlog.events where new.tenant_id = $1 do instead nothing",
        "wall",
        undo="drop rule forget on everlog.events",
    ),
    **SILENCES,
}
"""In groups: the events, their order, proofs, read models, keys, walls, who looks."""


def tidy(connection: Connection, attack: Attack) -> None:
    if attack.undo:
        with suppress(psycopg.Error):
            connection.execute(attack.undo.encode())
