"""The state of a stream: what is remembered of it, or its snapshot, and the facts since."""

import inspect
import logging
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import cache
from hashlib import sha256
from threading import Lock
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from adapters.codec import Codec, placed
from adapters.postgres.database import Database, Row
from domain.kernel import Decider, Unreadable
from tenants.keys import Misplaced

_log = logging.getLogger(__name__)
PAGE = 1_000
"""Facts that are folded before the event loop has its turn again."""
EVERY = 200
"""Facts after which a snapshot is written anew."""
_REMEMBERED = 10_000

_READ = """
    with head as (select generation from everlog.heads where tenant_id = %(tenant)s),
    snap as materialized (
        select version, position, state from everlog.snapshots
        where tenant_id = %(tenant)s and stream = %(stream)s and schema = %(schema)s and version > %(after)s)
    select 0::bigint, 0::bigint, '', null::timestamptz, ''::bytea, ''::bytea, generation from head
    union all
    select position, version, '', null::timestamptz, ''::bytea, state, 0 from snap
    union all (
        select position, version, type, recorded_at, meta, body, generation from everlog.events
        where tenant_id = %(tenant)s and stream = %(stream)s
            and version > greatest(%(after)s, (select version from snap))
        order by version limit %(page)s)"""
# Written only over the very event that was folded last: the log may have lost its tail since.
_WRITE = """
    insert into everlog.snapshots as s (tenant_id, stream, version, position, schema, state)
    select e.tenant_id, e.stream, e.version, e.position, %s, %s from everlog.events e
    where e.tenant_id = %s and e.position = %s and e.stream = %s and e.version = %s and e.generation = %s
    on conflict (tenant_id, stream) do update
    set version = excluded.version, position = excluded.position, schema = excluded.schema, state = excluded.state
    where s.version < excluded.version or s.schema <> excluded.schema"""


class Unfoldable(Exception):
    """A stream holds an event that this program cannot read, so that nothing can be decided on it."""


class Folded(Struct, frozen=True):
    """A stream's state as its facts have it, sealed."""

    state: Any
    version: int = 0
    position: int = 0
    generation: int = 0
    saved: int = 0
    """The version of the snapshot that is known to stand."""
    of: int = 0
    """The generation of the event folded last."""


class Memory:
    """The states of streams lately asked for. What came since is read from the log each time, so none is ever stale."""

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._size = size
        self._states: OrderedDict[tuple[UUID, str], Folded] = OrderedDict()
        self._lock = Lock()

    def get(self, tenant: UUID, stream: str) -> Folded | None:
        with self._lock:
            found = self._states.get((tenant, stream))
            if found is not None:
                self._states.move_to_end((tenant, stream))
            return found

    def put(self, tenant: UUID, stream: str, state: Folded) -> None:
        with self._lock:
            self._states[tenant, stream] = state
            self._states.move_to_end((tenant, stream))
            if len(self._states) > self._size:
                self._states.popitem(last=False)

    def forget(self, tenant: UUID, stream: str) -> None:
        with self._lock:
            self._states.pop((tenant, stream), None)


class Format(Struct, frozen=True):
    """How a decider's states are kept in snapshots."""

    schema: str
    """Changes with the shape of the state, and with the modules that fold it and lead old facts on."""
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


class States:
    """One tenant's streams, folded."""

    def __init__(self, tenant: UUID, database: Database, codec: Codec, memory: Memory, background: Executor) -> None:
        self._tenant = tenant
        self._database = database
        self._codec = codec
        self._memory = memory
        self._background = background

    async def load(self, stream: str, decider: Decider[Any]) -> Folded:
        """Raises `Unfoldable`."""
        known = self._memory.get(self._tenant, stream)
        folded, trusted = known or Folded(decider.initial), True
        while True:
            asked = self._asked(stream, decider, folded, trusted=trusted)
            rows = await self._database.fetch(self._tenant, _READ, asked)
            generation = rows[0][6] if rows else 0
            if known and generation != known.generation:
                # A restored log may count the same versions again; what is remembered is of another history.
                known, folded = None, Folded(decider.initial)
                continue
            try:
                folded, more = self._fold(stream, decider, folded, rows)
            except Misplaced:
                _log.exception("The snapshot of %s is not what was written; its facts are folded instead.", stream)
                trusted = False
                continue
            if not more:
                break
        if folded.version - folded.saved >= EVERY:
            self._background.submit(self._save, stream, decider, folded)
            folded = msgspec.structs.replace(folded, saved=folded.version)
        if folded.version:
            # What is not there is not remembered: asking for made-up streams must not push out the real ones.
            self._memory.put(self._tenant, stream, folded)
        return folded

    def forget(self, stream: str) -> None:
        self._memory.forget(self._tenant, stream)

    def _asked(self, stream: str, decider: Decider[Any], folded: Folded, *, trusted: bool) -> dict[str, Any]:
        schema = format_of(decider).schema
        # A snapshot helps who remembers nothing; who does reads a few facts instead.
        after = folded.version
        return {
            "tenant": self._tenant,
            "stream": stream,
            "schema": schema if trusted and not after else "",
            "after": after,
            "page": PAGE,
        }

    def _fold(self, stream: str, decider: Decider[Any], folded: Folded, rows: Sequence[Row]) -> tuple[Folded, bool]:
        """The state with these rows in it, and whether there may be more. Raises `Misplaced` for the snapshot."""
        state, version, position, saved = folded.state, folded.version, folded.position, folded.saved
        of = folded.of
        count = 0
        for at_position, at_version, tag, at, meta, body, generation in rows[1:]:
            if not tag:
                state, version, position = self._kept(stream, decider, body), at_version, at_position
                saved = version
                continue
            recorded = self._codec.decode((at_position, stream, at_version, tag, at, meta, body, generation))
            if isinstance(recorded.fact, Unreadable):
                raise Unfoldable(f"{stream} holds {tag} at version {at_version}, which {recorded.fact.why}.")
            state = decider.evolve(state, recorded.fact)
            version, position, of = at_version, at_position, generation
            count += 1
        return Folded(state, version, position, rows[0][6] if rows else 0, saved, of), count == PAGE

    def _kept(self, stream: str, decider: Decider[Any], body: bytes) -> Any:
        try:
            state = format_of(decider).decode(body)
        except msgspec.DecodeError as damaged:
            raise Misplaced(f"What is kept of {stream} cannot be read.") from damaged
        if not placed(state, stream):
            raise Misplaced(f"What is kept of {stream} was recorded elsewhere.")
        return state

    def _save(self, stream: str, decider: Decider[Any], folded: Folded) -> None:
        """Write a snapshot. Nobody waits for it, and nothing is lost where it fails."""
        kept = format_of(decider)
        place = (self._tenant, folded.position, stream, folded.version, folded.of)
        try:
            self._database.query(self._tenant, _WRITE, [kept.schema, kept.encode(folded.state), *place])
        except Exception:  # noqa: BLE001 - whatever it is, a later load tries again
            _log.exception("A snapshot of %s could not be written.", stream)


@cache
def _format(kind: Any, modules: tuple[str, ...]) -> Format:
    # Any change to these may change what the folds come to; folding anew costs little, a wrong state everything.
    source = "".join(inspect.getsource(sys.modules[module]) for module in modules)
    shape = msgspec.json.encode(msgspec.json.schema(kind), order="deterministic")
    schema = sha256(shape + source.encode()).hexdigest()
    return Format(schema, msgspec.msgpack.encode, msgspec.msgpack.Decoder(kind).decode)


def format_of(decider: Decider[Any]) -> Format:
    """How snapshots of a decider's state look."""
    kind: Any = type(decider.initial)
    folding = (Decider, decider.evolve, *decider.upcasts.values())
    return _format(kind, tuple(sorted({each.__module__ for each in folding})))
