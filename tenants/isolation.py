"""The walls as data: what every table that has a tenant must look like, and the exceptions with their reasons."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Literal

from msgspec import Struct

Right = Literal["select", "insert", "update", "delete"]

COLUMN = "tenant_id"
SETTING = "app.tenant"
SCHEMA = "everlog"
POLICY = "tenant"
"""The name of the one policy that every table with a tenant has."""
RULE = "(tenant_id = (NULLIF(current_setting('app.tenant'::text, true), ''::text))::uuid)"
"""Its condition for reading and for writing alike, as PostgreSQL prints it: an unset tenant, or an empty one, sees and
writes nothing."""

READ: AbstractSet[Right] = frozenset({"select"})
WRITE: AbstractSet[Right] = frozenset({"select", "insert", "update", "delete"})


class Rights(Struct, frozen=True):
    """What the two login roles of the product may do with a table. Nobody else has any right to it."""

    app: AbstractSet[Right]
    worker: AbstractSet[Right]
    columns: tuple[str, ...] = ()
    """Where an update is allowed, the columns it may touch; none named: all."""


VIEW = Rights(READ, WRITE)
"""Read models and what belongs to the runner: the worker keeps them, the app reads them."""

_APPEND: AbstractSet[Right] = frozenset({"select", "insert"})
_ALTER: AbstractSet[Right] = frozenset({"select", "insert", "update"})

RIGHTS: Mapping[str, Rights] = {
    "events": Rights(_APPEND, _APPEND),
    # The append function runs with its caller's rights, or the policies would not hold in it. A trigger sees to it
    # that a head only moves on.
    "heads": Rights(_ALTER, _ALTER, ("position", "recorded_at", "closed")),
    "stamps": Rights(_APPEND, _APPEND),
    # An erasure releases what was reserved for who is gone.
    "reservations": Rights(_APPEND, _APPEND | {"delete"}),
    # They are wrapped anew where a tenant goes from one key service to another.
    "tenant_keys": Rights(_APPEND, _ALTER, ("kms_key", "wrapped")),
    # A trigger sees to it that what is erased stays erased.
    "subject_keys": Rights(_ALTER, _ALTER, ("epoch", "wrapped", "erased_at")),
    # Each process counts its own; the worker takes away what stands in the trail.
    "key_uses": Rights(_ALTER, WRITE, ("until", "opened", "refused", "batch")),
    "snapshots": Rights(WRITE, WRITE),
    "tracking": Rights(_ALTER, _ALTER, ("notification",)),
    # The tree grows and is never taken back; a tile that is not full yet is written again, with more behind it.
    "tiles": Rights(READ, _ALTER, ("hashes",)),
    "seals": Rights(READ, _APPEND),
    "cosignatures": Rights(READ, _APPEND),
    # What an organisation brings along is written by who takes it in.
    "delivered": Rights(_ALTER, _ALTER),
}
"""Tables of the log and of its proofs. Every other table with a tenant has the rights of a `VIEW`."""

GUARDS: Mapping[str, str] = {"heads": "guard_head", "subject_keys": "guard_subject"}
"""Tables whose updates a trigger looks at, and its function."""

DECISIVE = frozenset({SETTING, "role", "row_security", "session_replication_role"})
"""Settings that decide what a session sees, or whether triggers wake: each is set by a session itself or not at all."""

WITHOUT_TENANT: Mapping[str, str] = {
    "migrations": "alembic's own: which migration the schema stands at",
}
"""Tables that need no tenant, and why."""


class Finding(Struct, frozen=True, order=True):
    """A broken rule of the walls."""

    thing: str
    """The table, view, constraint, function, role or setting."""
    what: str

    def __str__(self) -> str:
        return f"{self.thing}: {self.what}"


def rights(table: str) -> Rights:
    return RIGHTS.get(table, VIEW)
