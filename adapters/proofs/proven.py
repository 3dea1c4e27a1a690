"""Proofs of what was sealed, from the tree in the database and the signed notes: `application.proofs.Proofs`."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from adapters.postgres.database import Database
from adapters.proofs.bundle import lines
from adapters.proofs.grove import Grove
from adapters.proofs.seen import last, seen, stamp
from adapters.proofs.signer import Signer
from application.proofs import Consistency, Inclusion, Witnessed
from domain.kernel import Refused
from projections.proofs import note, tree
from projections.proofs.chosen import Choice
from projections.proofs.submission import Key, Named


class Proven:
    def __init__(self, database: Database, signer: Signer, witnesses: Sequence[Named] = ()) -> None:
        self._database = database
        self._signer = signer
        self._witnesses = witnesses

    def checkpoint(self, tenant: UUID, cosigned: int = 0) -> str:
        with self._grove(tenant) as grove:
            _, signed, held = last(grove, cosigned)
            return signed + "".join(held.values())

    def inclusion(self, tenant: UUID, position: int, size: int | None) -> Inclusion:
        with self._grove(tenant) as grove:
            size, signed = self._note(grove, size)
            if position > size:
                raise Refused("proofs.unsealed", size=size)
            [entry] = grove.entries(position - 1, position)
            return Inclusion(
                origin=note.origin(tenant, grove.generation),
                index=position - 1,
                size=size,
                entry=_text(entry),
                path=_texts(tree.inclusion(tree.tiled(grove.tile), position - 1, size)),
                checkpoint=signed,
                key=self._signer.key(tenant) or "",
            )

    def offline(self, tenant: UUID, position: int, cosigned: int = 0) -> str:
        with self._grove(tenant) as grove:
            size, signed, held = last(grove, cosigned)
            if position > size:
                raise Refused("proofs.unsealed", size=size)
            [entry] = grove.entries(position - 1, position)
            path = tree.inclusion(tree.tiled(grove.tile), position - 1, size)
            return note.offline(position - 1, entry, path, signed + "".join(held.values()))

    def consistency(self, tenant: UUID, first: int, second: int | None) -> Consistency:
        with self._grove(tenant) as grove:
            second, signed = self._note(grove, second)
            _, old = self._note(grove, first)
            if first > second:
                raise Refused("proofs.unsealed", size=second)
            return Consistency(
                origin=note.origin(tenant, grove.generation),
                first=first,
                second=second,
                path=_texts(tree.consistency(tree.tiled(grove.tile), first, second)),
                old=old,
                checkpoint=signed,
                key=self._signer.key(tenant) or "",
            )

    def bundle(self, tenant: UUID, choice: Choice) -> Iterator[bytes]:
        """The lines of a bundle, as the log stands when the first is asked for: `adapters.proofs.bundle.lines`.

        Nothing sealed changes, so each page is asked for by itself: whoever takes the lines slowly holds no connection.
        """
        grove = Grove(tenant, lambda sql, params: self._database.query(tenant, sql, params))
        return lines(grove, self._signer.key(tenant) or "", choice)

    def tile(self, tenant: UUID, level: int, index: int, width: int) -> bytes:
        with self._grove(tenant) as grove:
            if (index * tree.WIDTH + width) << (tree.HEIGHT * level) > grove.sealed[0]:
                raise Refused("proofs.unknown-tile")
            hashes = grove.tile(level, index)[: width * tree.HASH]
            if len(hashes) < width * tree.HASH:
                raise LookupError(f"Tile {level}/{index} holds no {width} hashes.")
            return hashes

    def entries(self, tenant: UUID, index: int, width: int) -> list[bytes]:
        with self._grove(tenant) as grove:
            begin = index * tree.WIDTH
            if begin + width > grove.sealed[0]:
                raise Refused("proofs.unknown-tile")
            return list(grove.entries(begin, begin + width))

    def witnesses(self, tenant: UUID) -> list[Witnessed]:
        with self._grove(tenant) as grove:
            sealed, _ = grove.sealed
            return [_seen(grove, each.key, sealed) for each in self._witnesses]

    def leaves(self, tenant: UUID, positions: Sequence[int]) -> dict[int, bytes]:
        with self._grove(tenant) as grove:
            size, _ = grove.sealed
            node = tree.tiled(grove.tile)
            return {each: node(0, each - 1) for each in positions if each <= size}

    @contextmanager
    def _grove(self, tenant: UUID) -> Iterator[Grove]:
        """All of it as it was at one moment."""
        with self._database.snapshot(tenant) as connection:

            def ask(sql: str, params: Sequence[Any]) -> list[Any]:
                return connection.execute(sql.encode(), params).fetchall()

            yield Grove(tenant, ask)

    def _note(self, grove: Grove, size: int | None) -> tuple[int, str]:
        """The checkpoint of a size, or the last one. Raises `Refused`."""
        sealed = grove.sealed
        found = [sealed] if size is None or size == sealed[0] else grove.note(size)
        if not found or not found[0][0]:
            raise Refused("proofs.unsealed", size=sealed[0])
        return found[0][0], found[0][1] + "".join(seen(grove, *found[0]).values())


def _seen(grove: Grove, key: Key, sealed: int) -> Witnessed:
    size = grove.cosigned(key.text)
    lines = [line for witness, line in grove.cosignatures(size) if witness == key.text]
    at = stamp(lines[0]) if lines else None
    return Witnessed(name=key.name, key=key.text, size=size, cosigned_at=at, sealed=sealed)


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()


def _texts(hashes: Sequence[bytes]) -> list[str]:
    return [_text(each) for each in hashes]
