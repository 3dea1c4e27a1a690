"""Bundles: events with all that a stranger needs to check them, a line each (docs/reference/proof-format.md)."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

from adapters.codec.leaf import Bytes, openings
from adapters.proofs.grove import Grove
from adapters.proofs.seen import last as last_of
from domain.kernel import Refused
from projections.proofs import note, tree
from projections.proofs.chosen import Choice, matches


def lines(grove: Grove, key: str, choice: Choice) -> Iterator[bytes]:
    """The lines of a bundle under the last checkpoint, or the last that as many have cosigned as the choice wants.

    Each has its end; of the log no more is held than a page. Raises `Refused` with `proofs.unsealed` where the choice
    goes beyond that checkpoint, with `proofs.uncosigned` where there is none, `Gap` where an event is missing.
    """
    size, signed, held = last_of(grove, choice.cosigned)
    last = max(choice.positions, default=choice.last or size)
    if last > size or choice.first > last:
        raise Refused("proofs.unsealed", size=size)
    complete, sought = not choice.positions, {} if choice.positions else choice.sought
    first, last = (choice.first, last) if complete else (1, size)
    yield _line(
        everlog="bundle/1",
        origin=note.origin(grove.tenant, grove.generation),
        checkpoint=signed + "".join(held.values()),
        key=key,
        witnesses=list(held),
        first=first,
        last=last,
        filter=sought,
        complete=complete,
        made=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
    yield from _whole(grove, (choice.first, last, size), sought) if complete else _chosen(grove, choice.positions, size)


def _whole(grove: Grove, span: tuple[int, int, int], sought: dict[str, list[Any]]) -> Iterator[bytes]:
    first, last, size = span
    for event in grove.events(first - 1, last):
        yield _line(**_event(event, sought))
    left, right = tree.outside(tree.tiled(grove.tile), first - 1, last, size)
    yield _line(left=_texts(left), right=_texts(right), count=last - first + 1)


def _chosen(grove: Grove, positions: Sequence[int], size: int) -> Iterator[bytes]:
    chosen, node = sorted(set(positions)), tree.tiled(grove.tile)
    for position in chosen:
        [event] = grove.events(position - 1, position)
        yield _line(**_event(event, {}), path=_texts(tree.inclusion(node, position - 1, size)))
    yield _line(count=len(chosen))


def _event(event: Bytes, sought: dict[str, list[Any]]) -> dict[str, Any]:
    """Of what matches a line shows all, of what does not the fields alone by which that is seen."""
    found = list(openings(event))
    every = matches(sought, {name: raw for name, _, raw in found})
    fields, digests = dict[str, list[str]](), dict[str, str]()
    for name, salt, raw in found:
        if every or name in sought:
            fields[name] = [_text(salt), _text(raw)]
        else:
            digests[name] = _text(sha256(salt + name.encode() + raw).digest())
    return {"position": event.position, "fields": fields, "digests": digests}


def _line(**members: Any) -> bytes:
    return msgspec.json.encode(members) + b"\n"


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()


def _texts(hashes: Sequence[bytes]) -> list[str]:
    return [_text(each) for each in hashes]
