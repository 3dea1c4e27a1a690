"""What takes more than one statement to do to a record."""

from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.codec.leaf import Bytes, leaf
from adapters.postgres.spoken import spoken
from adapters.postgres.tables import sums, table
from projections.audit.entry import audit
from projections.funnel import funnel
from projections.predictions.book import book
from projections.proofs import note, tree
from projections.prospects import prospects
from tests.attacks.stage import Org

Connection = psycopg.Connection[Any]
Done = int | str | None
"""Where it has to be found: a position, a row's key, or anywhere."""
PLACE = 5
"""The event that is attacked, a person captured."""
PROSPECTS, BOOK = (f"everlog.{table(each).table.name}" for each in (prospects, book))
FUNNEL = f"everlog.{sums(funnel, 'a').name}"
WORDS = f"everlog.{spoken(audit, 'a').table.name}"
_COLUMNS = "tenant_id, position, stream, version, type, event_id, recorded_at, meta, body, salt, generation"


def drop_range(connection: Connection, org: Org, _: Org) -> Done:
    connection.execute("delete from everlog.events where tenant_id = %s and position between 4 and 6", [org.id])
    return 4


def cut(connection: Connection, org: Org, _: Org) -> Done:
    connection.execute("delete from everlog.events where tenant_id = %s and position > %s", [org.id, org.head - 2])
    connection.execute("update everlog.heads set position = %s where tenant_id = %s", [org.head - 2, org.id])
    return org.head - 1


def close_up(connection: Connection, org: Org, _: Org) -> Done:
    """Drop one and number those behind it anew, so that no gap shows."""
    connection.execute("delete from everlog.events where tenant_id = %s and position = %s", [org.id, PLACE])
    for position in range(PLACE + 1, org.head + 1):
        connection.execute(
            "update everlog.events set position = %s where tenant_id = %s and position = %s",
            [position - 1, org.id, position],
        )
    connection.execute("update everlog.heads set position = position - 1 where tenant_id = %s", [org.id])
    return PLACE


def insert(connection: Connection, org: Org, _: Org) -> Done:
    """Make room for one event more in the middle."""
    for position in range(org.head, PLACE - 1, -1):
        connection.execute(
            "update everlog.events set position = %s where tenant_id = %s and position = %s",
            [position + 1, org.id, position],
        )
    _copy(connection, org, PLACE + 1, PLACE, org)
    connection.execute("update everlog.heads set position = position + 1 where tenant_id = %s", [org.id])
    return PLACE


def append(connection: Connection, org: Org, _: Org) -> Done:
    """A copy of an event at the end, in a stream of its own, with the head moved."""
    _copy(connection, org, PLACE, org.head + 1, org)
    connection.execute("update everlog.heads set position = position + 1 where tenant_id = %s", [org.id])
    return org.head + 1


def append_other(connection: Connection, org: Org, other: Org) -> Done:
    """Another organisation's event at the end."""
    _copy(connection, other, PLACE, org.head + 1, org)
    connection.execute("update everlog.heads set position = position + 1 where tenant_id = %s", [org.id])
    return org.head + 1


def beyond(connection: Connection, org: Org, _: Org) -> Done:
    _copy(connection, org, PLACE, org.head + 1, org)
    return org.head + 1


def _copy(connection: Connection, source: Org, place: int, to: int, target: Org) -> None:
    stream = f"prospects/{uuid4()}"
    connection.execute(
        f"insert into everlog.events ({_COLUMNS}) select %s, %s, %s, 1, type, event_id, recorded_at, meta, body, salt,"
        " generation from everlog.events where tenant_id = %s and position = %s".encode(),
        [target.id, to, stream, source.id, place],
    )


def reorder(connection: Connection, org: Org, _: Org) -> Done:
    for old, new in ((PLACE, 10**6), (PLACE + 1, PLACE), (10**6, PLACE + 1)):
        connection.execute(
            "update everlog.events set position = %s where tenant_id = %s and position = %s", [new, org.id, old]
        )
    return PLACE


def swap(connection: Connection, org: Org, other: Org) -> Done:
    """Two organisations exchange the bodies of an event."""
    connection.execute(
        """update everlog.events e set body = o.body, meta = o.meta, salt = o.salt from everlog.events o
        where e.position = %(at)s and o.position = %(at)s
        and (e.tenant_id, o.tenant_id) in ((%(a)s, %(b)s), (%(b)s, %(a)s))""",
        {"a": org.id, "b": other.id, "at": PLACE},
    )
    return PLACE


def rewind(*tables: str) -> Callable[[Connection, Org, Org], Done]:
    """Put these tables back as they were before the last two events."""

    def do(connection: Connection, org: Org, _: Org) -> Done:
        size = org.head - 2
        connection.execute("delete from everlog.events where tenant_id = %s and position > %s", [org.id, size])
        if "heads" in tables:
            connection.execute("update everlog.heads set position = %s where tenant_id = %s", [size, org.id])
            connection.execute("delete from everlog.seals where tenant_id = %s and size > %s", [org.id, size])
            connection.execute(
                "update everlog.tiles set hashes = substr(hashes, 1, %s) where tenant_id = %s", [size * 32, org.id]
            )
        return size + 1

    return do


def resign(connection: Connection, org: Org, _: Org) -> Done:
    """Edit an event, grow the tree anew, and sign it with a key of the attacker's own."""
    connection.execute(
        "update everlog.events set body = body || ' ' where tenant_id = %s and position = %s", [org.id, PLACE]
    )
    _regrow(connection, org)
    return PLACE


def _regrow(connection: Connection, org: Org) -> None:
    """Let tiles and the last checkpoint fit what the events are now."""
    rows = connection.execute(
        "select generation, position, recorded_at, stream, version, type, event_id, meta, body, salt"
        " from everlog.events where tenant_id = %s order by position",
        [org.id],
    )
    leaves = [tree.leaf(leaf(Bytes(org.id, *row))) for row in rows]
    connection.execute(
        "update everlog.tiles set hashes = %s where tenant_id = %s and level = 0", [b"".join(leaves), org.id]
    )
    frontier, private = tree.Frontier(), Ed25519PrivateKey.generate()
    for each in leaves:
        frontier.add(each)
    name, public = note.name(org.id), private.public_key().public_bytes_raw()
    for size, text in connection.execute("select size, note from everlog.seals where tenant_id = %s", [org.id]):
        if size == len(leaves):
            sealed = note.Checkpoint(name, size, frontier.root, note.sealed_at(text), note.after(text) or 0)
            line = note.signature_line(name, public, private.sign(sealed.text.encode()))
            connection.execute(
                "update everlog.seals set note = %s where tenant_id = %s and size = %s",
                [note.note(sealed, line), org.id, size],
            )


def unseal(connection: Connection, org: Org, _: Org) -> Done:
    """Take the first checkpoint away, behind which others stand."""
    (size,), *others = connection.execute(
        "select size from everlog.seals where tenant_id = %s order by size", [org.id]
    ).fetchall()
    assert others
    connection.execute("delete from everlog.seals where tenant_id = %s and size = %s", [org.id, size])
    return int(size)


_PREDICTED = "select position from everlog.events where tenant_id = %s and type = 'predictions.made' limit 1"
_CHANCE = """regexp_replace(convert_from(body, 'UTF8'), '"probability":[^,]*', '"probability":0.99')"""


def predict_otherwise(connection: Connection, org: Org, _: Org) -> Done:
    """Change what a model said wherever it stands: in the log, the tree, the checkpoint, the read model, its digest."""
    [(position,)] = connection.execute(_PREDICTED, [org.id]).fetchall()
    connection.execute(
        f"""update everlog.events set body = convert_to({_CHANCE}, 'UTF8')
        where tenant_id = %s and position = %s""".encode(),
        [org.id, position],
    )
    _regrow(connection, org)
    connection.execute(f"update {BOOK} set probability = 0.99 where tenant_id = %s".encode(), [org.id])
    connection.execute(
        "update everlog.checkpoints set digest = %s where tenant_id = %s and view = 'predictions'",
        [sha256(b"x").digest(), org.id],
    )
    return int(position)


def predict_by_hand(connection: Connection, org: Org, _: Org) -> Done:
    """Append a prediction that no model made, without anything personal, with the head moved, before it is sealed."""
    event, stream = f"{uuid4()}", f"predictions/{uuid4()}"
    bare = "regexp_replace({}, ',\"[*][a-z_@]+\":\"[^\"]*\"', '', 'g')"
    meta = bare.format("replace(convert_from(meta, 'UTF8'), event_id::text, %s)")
    connection.execute(
        f"""insert into everlog.events ({_COLUMNS}) select tenant_id, %s, %s, 1, type, %s, recorded_at,
            convert_to({meta}, 'UTF8'), convert_to({bare.format(_CHANCE)}, 'UTF8'), salt, generation
        from everlog.events where tenant_id = %s and type = 'predictions.made' limit 1""".encode(),
        [org.head + 1, stream, event, event, org.id],
    )
    connection.execute("update everlog.heads set position = position + 1 where tenant_id = %s", [org.id])
    return org.head + 1


def restore_key(connection: Connection, org: Org, _: Org) -> Done:
    """Put the key of somebody back who was erased, as it stood in an old dump."""
    [(subject, epoch, wrapped)] = org.dump
    sql = """update everlog.subject_keys set epoch = %s, wrapped = %s, erased_at = null
        where tenant_id = %s and subject = %s"""
    assert connection.execute(sql, [epoch, wrapped, org.id, subject]).rowcount == 1
    [(position,)] = connection.execute(
        "select position from everlog.events where tenant_id = %s and stream = %s and version = 1",
        [org.id, f"prospects/{subject}"],
    ).fetchall()
    return int(position)


def swap_keys(connection: Connection, org: Org, _: Org) -> Done:
    """Two people exchange their keys."""
    (one, first), (two, second) = connection.execute(
        "select subject, wrapped from everlog.subject_keys where tenant_id = %s and wrapped is not null limit 2",
        [org.id],
    ).fetchall()
    sql = "update everlog.subject_keys set wrapped = %s where tenant_id = %s and subject = %s"
    connection.execute(sql, [second, org.id, one])
    connection.execute(sql, [first, org.id, two])
    return f"{one}"


def digest_too(connection: Connection, org: Org, _: Org) -> Done:
    """Edit a row, and let the kept digest be any other, as if it had been folded so."""
    connection.execute(f"update {PROSPECTS} set industry = 'x' where tenant_id = %s".encode(), [org.id])
    connection.execute(
        "update everlog.checkpoints set digest = %s where tenant_id = %s and view = 'prospects'",
        [sha256(b"x").digest(), org.id],
    )
    return PLACE


def plant(connection: Connection, org: Org, _: Org) -> Done:
    """A person whom no event knows."""
    id = uuid4()
    connection.execute(
        f"create temporary table planted as select * from {PROSPECTS} where tenant_id = %s limit 1".encode(),
        [org.id],
    )
    connection.execute("update planted set id = %s", [id])
    connection.execute(f"insert into {PROSPECTS} select * from planted".encode())
    return f"{id}"


def push(connection: Connection, org: Org, _: Org) -> Done:
    """Let a view say that it stands at another event than it does."""
    connection.execute(
        "update everlog.checkpoints set mark = %s where tenant_id = %s and view = 'prospects'",
        [sha256(b"x").digest(), org.id],
    )
    return None


def read_file(connection: Connection, path: Path) -> bytes:
    """Raises `psycopg.errors.InsufficientPrivilege` where the server's user may not."""
    [(found,)] = connection.execute("select pg_read_binary_file(%s)", [f"{path}"]).fetchall()
    return bytes(found)


def read_by_program(connection: Connection, path: Path) -> bytes:
    """The same by a program that the server starts; it says itself why it could not."""
    connection.execute("create temporary table stolen (line text)")
    connection.execute(f"copy stolen from program '{{ base64 {path} || true; }} 2>&1'".encode())
    lines = [line for (line,) in connection.execute("select line from stolen").fetchall()]
    if lines and lines[0].endswith("Permission denied"):
        raise psycopg.errors.InsufficientPrivilege(lines[0])
    return b64decode("".join(lines), validate=True)
