"""One tenant's tree as the database keeps it, and the log's own bytes that it stands for."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from adapters.codec.leaf import Bytes, leaf
from projections.proofs import tree

Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""The rows of one statement, asked as this tenant."""
CHUNK = 256
"""Events that are read together."""

_HEAD = "select generation, position from everlog.heads where tenant_id = %s"
_EVENTS = """
    select generation, position, recorded_at, stream, version, type, event_id, meta, body, salt
    from everlog.events where tenant_id = %s and position > %s and position <= %s order by position"""
_TILE = "select hashes from everlog.tiles where tenant_id = %s and generation = %s and level = %s and index = %s"
_PUT = """
    insert into everlog.tiles (tenant_id, generation, level, index, hashes) values (%s, %s, %s, %s, %s)
    on conflict (tenant_id, generation, level, index) do update set hashes = excluded.hashes returning level"""
_SEALS = """
    select size, note from everlog.seals where tenant_id = %s and generation = %s order by size desc limit 1"""
_NOTE = "select size, note from everlog.seals where tenant_id = %s and generation = %s and size = %s"
_AFTER = """
    select size, note from everlog.seals where tenant_id = %s and generation = %s and size > %s order by size limit 1"""
_EXTENT = """
    select index, length(hashes) from everlog.tiles
    where tenant_id = %s and generation = %s and level = 0 order by index desc limit 1"""
_SEAL = """
    insert into everlog.seals (tenant_id, generation, size, note) values (%s, %s, %s, %s)
    returning clock_timestamp()"""

_COSIGN = """
    insert into everlog.cosignatures (tenant_id, generation, size, witness, line) values (%s, %s, %s, %s, %s)
    on conflict do nothing returning size"""
_COSIGNED = (
    "select coalesce(max(size), 0) from everlog.cosignatures where tenant_id = %s and generation = %s and witness = %s"
)
_LINES = """
    select witness, line from everlog.cosignatures
    where tenant_id = %s and generation = %s and size = %s order by witness"""

_COSIGNED_BY = """
    select size from everlog.cosignatures where tenant_id = %s and generation = %s
    group by size having count(*) >= %s order by size desc limit 1"""


class Grove:
    """The tree of the log's present generation. What is asked twice of the tiles is fetched once, until they change."""

    def __init__(self, tenant: UUID, ask: Ask) -> None:
        self.tenant = tenant
        self._ask = ask
        self._tiles: dict[tuple[int, int], bytes] = {}
        self.generation: int
        self.head: int
        [(self.generation, self.head)] = ask(_HEAD, [tenant]) or [(0, 0)]

    @property
    def sealed(self) -> tuple[int, str]:
        """Size and note of the last checkpoint; (0, "") where there is none."""
        [last] = self._ask(_SEALS, [self.tenant, self.generation]) or [(0, "")]
        return last[0], last[1]

    def note(self, size: int) -> list[tuple[int, str]]:
        """The checkpoint of this size, if there is one."""
        return [(found[0], found[1]) for found in self._ask(_NOTE, [self.tenant, self.generation, size])]

    def entries(self, after: int, upto: int) -> Iterator[bytes]:
        """The leaf entries of the events after a position up to another. Raises `Gap` where one is missing."""
        return map(leaf, self.events(after, upto))

    def events(self, after: int, upto: int) -> Iterator[Bytes]:
        """The events themselves, read a page at a time. Raises `Gap` where one is missing."""
        for begin in range(after, upto, CHUNK):
            end = min(begin + CHUNK, upto)
            rows = self._ask(_EVENTS, [self.tenant, begin, end])
            for wanted in range(begin + 1, end + 1):
                found = rows[wanted - begin - 1] if wanted - begin <= len(rows) else None
                if found is None or found[1] != wanted:
                    raise Gap(wanted)
                yield Bytes(self.tenant, *found)

    def tile(self, level: int, index: int) -> bytes:
        place = level, index
        if place not in self._tiles:
            found = self._ask(_TILE, [self.tenant, self.generation, *place])
            self._tiles[place] = bytes(found[0][0]) if found else b""
        return self._tiles[place]

    def stored(self, level: int, index: int) -> bytes:
        """A tile as the database has it now, b"" where there is none; not remembered."""
        found = self._ask(_TILE, [self.tenant, self.generation, level, index])
        return bytes(found[0][0]) if found else b""

    def seal_after(self, size: int) -> tuple[int, str] | None:
        """Size and note of the first checkpoint of a larger tree."""
        found = self._ask(_AFTER, [self.tenant, self.generation, size])
        return (found[0][0], found[0][1]) if found else None

    def extent(self) -> int:
        """How many leaves the stored tree ends with."""
        found = self._ask(_EXTENT, [self.tenant, self.generation])
        return found[0][0] * tree.WIDTH + found[0][1] // tree.HASH if found else 0

    def put(self, tiles: dict[tuple[int, int], bytes]) -> None:
        for place, hashes in tiles.items():
            self._ask(_PUT, [self.tenant, self.generation, *place, hashes])
        self._tiles.clear()

    def seal(self, size: int, note: str) -> datetime:
        """When that was, by the database's clock."""
        [(at,)] = self._ask(_SEAL, [self.tenant, self.generation, size, note])
        return at  # type: ignore[no-any-return] # the column's type

    def cosign(self, size: int, witness: str, line: str) -> None:
        """Keep what a witness answered to a checkpoint, under its verifier key."""
        self._ask(_COSIGN, [self.tenant, self.generation, size, witness, line])

    def cosigned(self, witness: str) -> int:
        """The size of the last checkpoint that this one has cosigned."""
        return int(self._ask(_COSIGNED, [self.tenant, self.generation, witness])[0][0])

    def cosignatures(self, size: int) -> list[tuple[str, str]]:
        """The verifier keys of those who cosigned a checkpoint, and their lines."""
        return [(found[0], found[1]) for found in self._ask(_LINES, [self.tenant, self.generation, size])]

    def cosigned_by(self, many: int) -> tuple[int, str]:
        """Size and note of the last checkpoint that so many have cosigned; (0, "") where there is none."""
        found = self._ask(_COSIGNED_BY, [self.tenant, self.generation, many])
        [last] = (self.note(found[0][0]) if found else []) or [(0, "")]
        return last

    def frontier(self, size: int) -> tree.Frontier:
        """What the tree of this size goes on from."""
        node, begin, roots = tree.tiled(self.tile), 0, list[bytes]()
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                roots.append(node(level, begin >> level))
                begin += 1 << level
        return tree.Frontier(size, roots)


class Gap(Exception):
    """The log has no event at this position, though it has later ones."""

    def __init__(self, position: int) -> None:
        super().__init__(f"There is no event at position {position}.")
        self.position = position
