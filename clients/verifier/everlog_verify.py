#!/usr/bin/env python3
"""Checks what Everlog proves, with Python alone: docs/reference/proof-format.md says what, RFC 9162 and 8032 how.

Exit code 0: verified. 1: not verified, and the first place that does not fit is named. 2: it cannot be read as a proof.
"""

from __future__ import annotations

import argparse
import binascii
import json
import re
import sys
from collections.abc import Iterator
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

NAMES = [
    "tenant", "generation", "position", "recorded_at", "stream", "version", "type", "event", "actor", "subjects",
    "permission", "meta", "body",
]  # fmt: skip
LABELS = [(name, name.encode()) for name in NAMES]
LINE, WHOLE, TAIL, HUGE = 1 << 26, 1 << 24, 1 << 14, 1 << 63  # The first three in bytes: no file may fill the memory.
ENTRY, TILE = 417, 256  # Bytes of an entry, hashes of a whole tile.
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ORIGIN = re.compile(f"everlog/({UUID})(?:/([2-9]|[1-9][0-9]{{1,17}}))?")
AFTER = re.compile("after (0|[1-9][0-9]{0,18})")
SEALED = re.compile(r"sealed ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z)")
SIZE = re.compile("0|[1-9][0-9]{0,18}")
OFFLINE = b"c2sp.org/tlog-proof@v1\n"


class Unreadable(Exception):
    """The file is not in the format."""


class Unproven(Exception):
    """The file is in the format, and does not prove what it says; the position of the event, where there is one."""

    def __init__(self, problem: str, position: int | None = None) -> None:
        super().__init__(problem)
        self.position = position


# Reading: only what the format names, in the one way that it can be written.


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("a member of an object is given twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise Unreadable(f"{text[:20]} is not a whole number")


_decoder = json.JSONDecoder(object_pairs_hook=_members, parse_float=_no_number, parse_constant=_no_number)


def parse(raw: bytes, what: str) -> dict[str, Any]:
    try:
        found = _decoder.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Unreadable(f"{what} is not JSON in UTF-8") from None
    members: dict[str, Any] = typed(found, dict, what)
    return members


def typed(value: Any, kind: type, what: str) -> Any:
    if type(value) is not kind or (isinstance(value, int) and not 0 <= value < HUGE):
        raise Unreadable(f"{what} is missing or of the wrong kind")
    return value


def exactly(found: dict[str, Any], what: str, **kinds: type) -> None:
    if found.keys() != kinds.keys():
        odd = min(found.keys() ^ kinds.keys())
        raise Unreadable(f"{what} {'lacks' if odd in kinds else 'has an unknown member,'} {odd[:40]}")
    for name, kind in kinds.items():
        typed(found[name], kind, f"{name} of {what}")


def unbase(text: Any, size: int | None = None) -> bytes:
    """Bytes from base 64, written in the one way there is: hidden bits and characters passed over are refused."""
    try:
        raw = binascii.a2b_base64(text)
        if binascii.b2a_base64(raw, newline=False) == text.encode() and (size is None or len(raw) == size):
            return raw
    except (ValueError, TypeError, AttributeError):
        pass
    raise Unreadable(f"a value is not {'bytes' if size is None else f'{size} bytes'} in base 64 with padding")


def hashes(found: list[Any]) -> list[bytes]:
    return [unbase(text, 32) for text in found]


# Ed25519 (RFC 8032 §5.1), verification alone. Points are extended coordinates (X, Y, Z, T) modulo P.

Point = tuple[int, int, int, int]
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)


def _add(a: Point, b: Point) -> Point:
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, d - c, d + c, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    for bit in f"{scalar:b}":
        total = _add(total, total)
        total = _add(total, point) if bit == "1" else total
    return total


def _point(raw: bytes) -> Point | None:
    """The point that 32 bytes stand for (§5.1.3), None where they stand for none."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    u, v = y * y - 1, D * y * y + 1
    x = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    x = x if (v * x * x - u) % P == 0 else x * ROOT % P
    if y >= P or (v * x * x - u) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def signed(key: bytes, message: bytes, signature: bytes) -> bool:
    a, r, s = _point(key), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    base = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    if len(signature) != 64 or s >= L or a is None or r is None or base is None:
        return False
    k = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % L
    x, y, z, _ = _times(s, base)
    u, v, w, _ = _add(r, _times(k, a))
    return (x * w - u * z) % P == 0 and (y * w - v * z) % P == 0


# Checkpoints: C2SP signed-note, tlog-checkpoint, tlog-cosignature.


class Key(NamedTuple):
    name: str
    id: bytes
    public: bytes


def vkey(text: str, kind: int) -> Key:
    name, _, rest = text.partition("+")
    tag, _, raw = rest.partition("+")
    public = unbase(raw, 33)
    id = sha256(name.encode() + b"\n" + public).digest()[:4]
    if public[0] != kind or not name or re.search(r"\s", name) or tag != id.hex():
        raise Unreadable(f"the verifier key of {name[:60]} is not whole, or of another kind of key")
    return Key(name, id, public[1:])


class Note(NamedTuple):
    text: bytes
    origin: str
    size: int
    root: bytes
    sealed: str
    signatures: list[tuple[str, bytes]]

    def by(self, key: Key) -> Iterator[bytes]:
        return (raw[4:] for name, raw in self.signatures if name == key.name and raw[:4] == key.id)

    def check(self, key: Key) -> None:
        found = list(self.by(key))
        if key.name != self.origin[:44] or not found:
            raise Unproven("the checkpoint has no signature by the log's key")
        if not all(signed(key.public, self.text, signature) for signature in found):
            raise Unproven("the signature on the checkpoint is wrong: it was changed, or signed with another key")

    def cosigned(self, key: Key) -> bool:
        head = b"cosignature/v1\ntime %d\n"
        times = ((int.from_bytes(raw[:8], "big"), raw[8:]) for raw in self.by(key))
        return any(signed(key.public, head % time + self.text, raw) for time, raw in times)


def note(text: str) -> Note:
    body, gap, tail = text.rpartition("\n\n")
    lines = body.split("\n")
    if not gap or len(lines) not in {4, 5} or not tail.endswith("\n") or any(c < " " and c != "\n" for c in text):
        raise Unreadable("the checkpoint is not a signed note of four or five lines")
    origin, size, root, extension, *before = lines
    sealed = SEALED.fullmatch(extension)
    if not ORIGIN.fullmatch(origin) or not SIZE.fullmatch(size) or int(size) >= HUGE or sealed is None:
        raise Unreadable("the checkpoint's origin, size or time is not as the format writes it")
    after = [AFTER.fullmatch(line) for line in before]
    if any(match is None or int(match[1]) > max(0, int(size) - 1) for match in after):
        raise Unreadable("the checkpoint names no smaller one as the one before it")
    signatures = [re.fullmatch(r"\u2014 (\S+) (\S+)", line) for line in tail[:-1].split("\n")]
    found = [(match[1], unbase(match[2])) for match in signatures if match]
    if len(found) != len(signatures) or len(found) > 100:
        raise Unreadable("a line below the checkpoint is not a signature, or there are more than a hundred")
    return Note((body + "\n").encode(), origin, int(size), unbase(root, 32), sealed[1], found)


# The tree: RFC 9162 §2.1.


def leaf(entry: bytes) -> bytes:
    return sha256(b"\0" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def _half(size: int) -> int:
    """How many of so many leaves, two or more, are below the left node: the largest power of two that is fewer."""
    return 1 << ((size - 1).bit_length() - 1)


def _last(path: list[bytes]) -> bytes:
    if not path:
        raise Unproven("the path is too short for its place in the tree")
    return path.pop()


def included(index: int, size: int, start: bytes, path: list[bytes]) -> bytes:
    """The root that an inclusion path leads to, by the definition in §2.1.3.1; it uses the path up from its end."""
    if size == 1:
        return start
    half, step = _half(size), _last(path)
    if index < half:
        return node(included(index, half, start, path), step)
    return node(step, included(index - half, size - half, start, path))


def extended(first: int, second: int, old: bytes | None, path: list[bytes]) -> tuple[bytes, bytes]:
    """The roots of both trees, by the definition in §2.1.4.1; `old` while the first is still a node of the second."""
    if first == second:
        part = _last(path) if old is None else old
        return part, part
    half, step = _half(second), _last(path)
    if first <= half:
        before, after = extended(first, half, old, path)
        return before, node(after, step)
    before, after = extended(first - half, second - half, None, path)
    return node(step, before), node(step, after)


def joined(low: int, high: int, first: int, last: int, parts: tuple[Iterator[bytes], ...]) -> bytes:
    """The hash over the leaves low to high - 1: those of first to last - 1 are given singly, the others by subtrees."""
    if high == 0:
        return sha256().digest()
    found = parts[0] if high <= first else parts[2] if low >= last else parts[1] if high - low == 1 else None
    if found is not None:
        part = next(found, None)
        if part is None:
            raise Unproven("the bundle has too few lines, or too few hashes in its last line")
        return part
    middle = low + _half(high - low)
    return node(joined(low, middle, first, last, parts), joined(middle, high, first, last, parts))


# The events of a bundle.


def _json(raw: bytes, position: int) -> Any:
    try:
        return _decoder.decode(raw.decode()) if raw else None
    except (ValueError, RecursionError):
        raise Unproven("a field that the filter is about cannot be read", position) from None


def _spoken(name: str, raw: bytes, position: int) -> list[Any]:
    """What the values of a filter are compared with."""
    if name in {"type", "stream"}:
        return [raw.decode("utf-8", "replace")]
    found = _json(raw, position)
    if name == "actor":
        return [f"{found.get('kind')}/{found.get('id')}"] if isinstance(found, dict) else []
    return found if isinstance(found, list) else [found]


def _within(raw: bytes, span: list[Any]) -> bool:
    at = int.from_bytes(raw, "big")
    return (span[0] is None or span[0] <= at) and (span[1] is None or at < span[1])


def matches(sought: dict[str, list[Any]], shown: dict[str, bytes], position: int) -> bool:
    for name, values in sought.items():
        if name == "recorded_at":
            if not _within(shown[name], values):
                return False
            continue
        spoken = _spoken(name, shown[name], position)
        ends = tuple(value for value in values if name == "stream" and value.endswith("/"))
        if not any(value in spoken for value in values) and not (ends and spoken[0].startswith(ends)):
            return False
    return True


def sought(found: dict[str, Any]) -> dict[str, list[Any]]:
    """The filter of a bundle, when it is one."""
    for name, values in found.items():
        if name not in {"type", "permission", "stream", "actor", "subjects", "recorded_at"}:
            raise Unreadable("the filter names something that bundles are not filtered by")
        for value in typed(values, list, "a filter"):
            if name != "recorded_at" or value is not None:
                typed(value, int if name == "recorded_at" else str, "a value of the filter")
        if name == "recorded_at" and len(values) != 2:
            raise Unreadable("a span of time in the filter has a start and an end")
    return found


def entry(fields: dict[str, Any], digests: dict[str, Any], shown: dict[str, bytes]) -> bytes:
    """The leaf entry of one line; what it shows is put into `shown`."""
    parts = [b"\1"]
    for name, label in LABELS:
        digest = digests.get(name)
        if digest is None:
            pair = fields.get(name)
            if type(pair) is not list or len(pair) != 2:
                raise Unreadable(f"{name} is neither shown nor hidden")
            shown[name] = raw = unbase(pair[1])
            parts.append(sha256(unbase(pair[0], 32) + label + raw).digest())
        else:
            parts.append(unbase(digest, 32))
    if len(fields) + len(digests) != len(NAMES):
        raise Unreadable("an event has a field that is no field of an event, or one both shown and hidden")
    return b"".join(parts)


class Bundle:
    """One pass over the lines of a bundle, and what was seen on it."""

    def __init__(self, head: dict[str, Any], note: Note) -> None:
        self.first, self.last, self.complete = head["first"], head["last"], head["complete"]
        self.sought, self.note = sought(head["filter"]), note
        self.events = self.shown = 0
        tenant, generation = ORIGIN.fullmatch(note.origin).groups()  # type: ignore[union-attr]  # A note has one.
        self.tenant, self.generation = bytes.fromhex(tenant.replace("-", "")), int(generation or 1)
        if not 1 <= self.first <= self.last + 1 <= note.size + 1:
            raise Unproven("the span of the bundle is not within its checkpoint")

    def leaves(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        kinds = {"position": int, "fields": dict, "digests": dict, **({} if self.complete else {"path": list})}
        before = self.first - 1
        for raw in lines:
            event = parse(raw, f"line {self.events + 2}")
            exactly(event, f"line {self.events + 2}", **kinds)
            position = event["position"]
            if not before < position <= self.last or (self.complete and position != before + 1):
                raise Unproven("an event is missing, out of order or outside of the span", before + 1)
            before = position
            start = self._leaf(event, position)
            self.events += 1
            if not self.complete:
                path = hashes(event["path"])
                if included(position - 1, self.note.size, start, path) != self.note.root or path:
                    raise Unproven("this event is not the one in the log", position)
            yield start

    def _leaf(self, event: dict[str, Any], position: int) -> bytes:
        shown: dict[str, bytes] = {}
        made = entry(event["fields"], event["digests"], shown)
        if not shown.keys() >= self.sought.keys():
            raise Unproven("an event hides a field that the filter is about", position)
        matching = matches(self.sought, shown, position)
        if matching and self.complete and len(shown) != len(NAMES):
            raise Unproven("an event matches the filter and is not shown", position)
        if not matching and (not self.complete or len(shown) != len(self.sought)):
            raise Unproven("an event does not match the filter and is shown", position)
        fits = {"tenant": self.tenant, "position": position.to_bytes(8, "big")}
        if any(shown.get(name, value) != value for name, value in fits.items()):
            raise Unproven("an event is of another organisation or position", position)
        if "generation" in shown and not 1 <= int.from_bytes(shown["generation"], "big") <= self.generation:
            raise Unproven("an event is of another generation of the log", position)
        self.shown += matching
        return leaf(made)


def _lines(file: BinaryIO, end: int) -> Iterator[bytes]:
    while file.tell() < end:
        line = file.readline(LINE)
        if not line.endswith(b"\n"):
            raise Unreadable("a line is too long or does not end")
        yield line


def bundle(file: BinaryIO, head: dict[str, Any], trust: Trust) -> None:
    exactly(
        head, "the first line", everlog=str, origin=str, checkpoint=str, key=str, witnesses=list, first=int, last=int,
        filter=dict, complete=bool, made=str,
    )  # fmt: skip
    if head["everlog"] != "bundle/1":
        raise Unreadable("the file is no bundle of a kind that is known here")
    walk = Bundle(head, trust.note(head["checkpoint"], head["key"], head["origin"]))
    trust.report["filter"], trust.report["span"] = head["filter"] if walk.complete else None, [walk.first, walk.last]
    start, end = file.tell(), file.seek(0, 2)
    file.seek(max(start, end - TAIL))
    tail = file.read().rstrip(b"\n").rpartition(b"\n")[2] + b"\n"
    closing = parse(tail, "the last line")
    if "count" not in closing:
        raise Unproven("the file ends before the line that counts its events")
    exactly(closing, "the last line", count=int, **({"left": list, "right": list} if walk.complete else {}))
    file.seek(start)
    leaves = walk.leaves(_lines(file, end - len(tail)))
    if walk.complete:
        parts = iter(hashes(closing["left"])), leaves, iter(hashes(closing["right"]))
        root = joined(0, walk.note.size, walk.first - 1, walk.last, parts)
        if any(next(part, None) is not None for part in parts):
            raise Unproven("the bundle has more lines or hashes than its span")
        if root != walk.note.root:
            raise Unproven("the events are not those of the log: together they lead to another root")
    else:
        for _ in leaves:
            pass
    if walk.events != closing["count"]:
        raise Unproven("the last line counts other events than there are", walk.last)
    trust.report.update(events=walk.events, shown=walk.shown)


# The other kinds of proof.


def inclusion(found: dict[str, Any], trust: Trust) -> None:
    exactly(
        found, "the proof", everlog=str, origin=str, index=int, size=int, entry=str, path=list, checkpoint=str, key=str
    )
    note = trust.note(found["checkpoint"], found["key"], found["origin"])
    raw, path, position = unbase(found["entry"], ENTRY), hashes(found["path"]), found["index"] + 1
    if found["size"] != note.size or position > note.size:
        raise Unproven("the proof is for another size than its checkpoint", position)
    if included(found["index"], note.size, leaf(raw), path) != note.root or path or raw[0] != 1:
        raise Unproven("the entry is not in the log at this place", position)
    trust.report.update(events=1, span=[position, position])


def offline(text: str, trust: Trust) -> None:
    """C2SP tlog-proof; its extra data are the entry, which the path alone makes believable."""
    head, gap, signed = text.partition("\n\n")
    lines = head.split("\n")
    extra, index = lines[1:3] if len(lines) > 2 else ("", "")
    if not gap or not extra.startswith("extra ") or not index.startswith("index ") or not SIZE.fullmatch(index[6:]):
        raise Unreadable("the proof lacks its extra data, its index, or the empty line before its checkpoint")
    note = trust.note(signed, None, None)
    raw, path, position = unbase(extra[6:], ENTRY), hashes(lines[3:]), int(index[6:]) + 1
    if position > note.size:
        raise Unproven("the proof is for an index that its checkpoint does not reach", position)
    if included(position - 1, note.size, leaf(raw), path) != note.root or path or raw[0] != 1:
        raise Unproven("the entry is not in the log at this place", position)
    trust.report.update(events=1, span=[position, position])


def consistency(found: dict[str, Any], trust: Trust) -> None:
    exactly(
        found, "the proof", everlog=str, origin=str, first=int, second=int, path=list, old=str, checkpoint=str, key=str
    )
    old = trust.note(found["old"], found["key"], found["origin"], cosigned=False)
    new, path = trust.note(found["checkpoint"], found["key"], found["origin"]), hashes(found["path"])
    if (old.size, new.size) != (found["first"], found["second"]) or old.size > new.size:
        raise Unproven("the proof is for other sizes than its checkpoints")
    empty = sha256().digest()
    roots = extended(old.size, new.size, old.root, path) if old.size else (empty, new.root)
    if roots != (old.root, new.root) or path or (not new.size and new.root != empty):
        raise Unproven("the later tree does not continue the earlier one: its past was changed", old.size)
    trust.report.update(span=[1, old.size])


def _tile(folder: Path, level: str, index: int, width: int, size: int) -> bytes:
    digits = f"{index:0{-(-len(str(index)) // 3) * 3}d}"
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = folder / "tile" / level / "/".join([*("x" + group for group in groups[:-1]), groups[-1]])
    partial = path.with_name(f"{path.name}.p") / str(width)
    chosen = partial if width < TILE and partial.is_file() else path
    try:
        with chosen.open("rb") as file:
            raw = file.read(TILE * size + 1)
    except OSError:
        raise Unproven(f"{chosen.relative_to(folder)} is missing from the folder") from None
    if len(raw) < width * size or (chosen == partial and len(raw) != width * size) or len(raw) > TILE * size:
        raise Unproven(f"{chosen.relative_to(folder)} is too short or too long")
    return raw[: width * size]


class Levels:
    """The hashes of each level that are in no whole tile yet; every tile is compared as soon as it is known."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.levels: list[list[bytes]] = [[]]

    def push(self, level: int, made: bytes, done: int) -> None:
        """Adds a hash, by which the level has so many."""
        if level == len(self.levels):
            self.levels.append([])
        self.levels[level].append(made)
        if len(self.levels[level]) == TILE:
            self._compare(level, done)
            root = _whole(self.levels[level])
            self.levels[level] = []
            self.push(level + 1, root, done // TILE)

    def _compare(self, level: int, done: int) -> None:
        made, index = self.levels[level], (done - 1) // TILE
        if _tile(self.folder, str(level), index, len(made), 32) != b"".join(made):
            position = (index << 8 * (level + 1)) + 1
            raise Unproven(f"tile {index} of level {level} is not made of the entries", position)

    def root(self, size: int) -> bytes:
        root = None
        for level, made in enumerate(self.levels):
            if made:
                self._compare(level, size >> 8 * level)
            for part in reversed(_perfect(made)):
                root = part if root is None else node(part, root)
        return root or sha256().digest()


def tiles(folder: Path, trust: Trust) -> None:
    """Hashes every entry anew and compares each tile of hashes with what comes out; memory holds one tile a level."""
    with (folder / "checkpoint").open("rb") as file:
        note = trust.note(file.read(WHOLE).decode("utf-8"), None, None)
    levels = Levels(folder)
    for start in range(0, note.size, TILE):
        width = min(TILE, note.size - start)
        raw = _tile(folder, "entries", start // TILE, width, ENTRY + 2)
        for at in range(width):
            one = raw[at * (ENTRY + 2) : (at + 1) * (ENTRY + 2)]
            if one[:3] != b"\x01\xa1\x01":
                raise Unproven("an entry is not of the length or kind that the record format gives", start + at + 1)
            levels.push(0, leaf(one[2:]), start + at + 1)
    if levels.root(note.size) != note.root:
        raise Unproven("the entries lead to another root than the checkpoint's")
    trust.report.update(events=note.size, span=[1, note.size])


def _whole(made: list[bytes]) -> bytes:
    return joined(0, len(made), 0, len(made), (iter(()), iter(made), iter(())))


def _perfect(made: list[bytes]) -> list[bytes]:
    """The roots of the largest whole trees over fewer than 256 hashes, from the left."""
    found, at = [], 0
    for bit in (128, 64, 32, 16, 8, 4, 2, 1):
        if len(made) & bit:
            found.append(_whole(made[at : at + bit]))
            at += bit
    return found


# Who is trusted, what came out, and how it is said.


class Trust:
    """What the reader holds the file against; the report is filled while it is checked."""

    def __init__(self, key: str | None, witnesses: list[str], quorum: int | None) -> None:
        self.key = key
        self.report: dict[str, Any] = dict.fromkeys(FIELDS)
        self.report.update(verified=False, events=0, shown=0, key_trusted=False, witnesses=[])
        if key is not None:
            vkey(key, 1)
        keys = [vkey(text, 4) for text in witnesses]
        self.witnesses = {key.public: key for key in keys}
        self.quorum = len(self.witnesses) if quorum is None else quorum
        if not 0 <= self.quorum <= len(self.witnesses):
            raise Unreadable("--quorum asks for more witnesses than --witness names")

    def note(self, text: Any, key: str | None, origin: str | None, *, cosigned: bool = True) -> Note:
        """A checkpoint, once its signature and as many witnesses as are asked for have been checked."""
        found = note(typed(text, str, "the checkpoint"))
        if origin is not None and origin != found.origin:
            raise Unproven("the file is of one log and its checkpoint of another")
        self.report.update(
            origin=found.origin, size=found.size, root=binascii.b2a_base64(found.root, newline=False).decode(),
            sealed=found.sealed, key=self.key or key,
        )  # fmt: skip
        if self.key is not None and key not in {None, self.key}:
            raise Unproven("the file is signed with another key than the one you trust")
        chosen = self.key or key
        if chosen is None:
            raise Unproven("this file does not hold the log's key: give the one you trust with --key")
        found.check(vkey(chosen, 1))
        self.report["key_trusted"] = self.key is not None
        if cosigned:
            names = [witness.name for witness in self.witnesses.values() if found.cosigned(witness)]
            self.report["witnesses"] = names
            if len(names) < self.quorum:
                raise Unproven(f"{len(names)} of {self.quorum} witnesses have cosigned the checkpoint")
        return found


FIELDS = [
    "verified", "kind", "origin", "size", "root", "sealed", "events", "shown", "key", "key_trusted", "witnesses",
    "problem", "position", "filter", "span",
]  # fmt: skip
DONE = {
    "bundle": "each of the {events} events stands in the log as it is here; {shown} are shown in full",
    "tlog-proof": "the entry is in the log, at position {span[0]}",
    "inclusion": "the entry is in the log, at position {span[0]}",
    "consistency": "the later tree holds the first {span[1]} entries unchanged",
    "checkpoint": "the log's key has signed this checkpoint",
    "tiles": "all {events} entries and every tile lead to the checkpoint's root",
}


def verify(path: Path, trust: Trust) -> None:
    if path.is_dir():
        trust.report["kind"] = "tiles"
        return tiles(path, trust)
    with path.open("rb") as file:
        line = file.readline(WHOLE)
        if line == OFFLINE:
            trust.report["kind"] = "tlog-proof"
            return offline((line + file.read(WHOLE)).decode("utf-8"), trust)
        if not line.startswith(b"{"):
            trust.report["kind"] = "checkpoint"
            trust.note((line + file.read(WHOLE)).decode("utf-8"), None, None)
            return None
        if b'"bundle/1"' in line:
            trust.report["kind"] = "bundle"
            return bundle(file, parse(line, "the first line"), trust)
        found = parse(line + file.read(WHOLE), "the file")
        kinds = {"inclusion/1": inclusion, "consistency/1": consistency}
        kind = found.get("everlog")
        if not isinstance(kind, str) or kind not in kinds:
            raise Unreadable("the file is no proof of a kind that is known here")
        trust.report["kind"] = kind[:-2]
        return kinds[kind](found, trust)


def said(report: dict[str, Any], code: int) -> str:
    """The report for people; nothing in a file can write control characters on their screen."""
    verdict = ("VERIFIED", "NOT VERIFIED", "UNREADABLE")[code]
    lines = [f"{verdict}: {report['problem'] or DONE[report['kind']].format(**report)}."]
    if report["position"] is not None:
        lines.append(f"First place that does not fit: position {report['position']}.")
    if report["origin"]:
        lines.append(f"Log {report['origin']}, {report['size']} events, sealed {report['sealed']}.")
    if code == 0:
        lines.append(
            "The key is the one you gave."
            if report["key_trusted"]
            else (
                f"Not proven: whose key it is. Compare it with one you trust, or give that with --key: {report['key']}"
            )
        )
        lines.append(
            f"Cosigned by {', '.join(report['witnesses'])}."
            if report["witnesses"]
            else ("Not proven: that others are shown the same log. No witness was asked for with --witness.")
        )
    if code == 0 and report["kind"] == "bundle":
        span = "{} to {}".format(*report["span"])
        lines.append(
            f"Nothing is left out of positions {span} that matches {json.dumps(report['filter'])}."
            if report["filter"] is not None
            else "Not proven: that nothing was left out. These are chosen events."
        )
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(description="Checks a bundle, proof, checkpoint or folder of tiles of Everlog.")
    options.add_argument("file", type=Path)
    options.add_argument("--key", help="the verifier key of the log, from somebody you trust")
    options.add_argument("--witness", action="append", default=[], help="the verifier key of a witness you trust")
    options.add_argument("--quorum", type=int, help="how many of the witnesses must have cosigned; all, if not given")
    options.add_argument("--json", action="store_true")
    given = options.parse_args(arguments)
    report, code, problem = dict.fromkeys(FIELDS), 0, None
    try:
        trust = Trust(given.key, given.witness, given.quorum)
        report = trust.report
        verify(given.file, trust)
    except Unproven as found:
        code, problem, report["position"] = 1, str(found), found.position
    except (Unreadable, OSError, ValueError, RecursionError, OverflowError, MemoryError) as found:
        code = 2
        problem = str(found) if isinstance(found, Unreadable) else f"it cannot be read ({type(found).__name__})"
    report.update(verified=code == 0, problem=problem)
    text = json.dumps({name: report[name] for name in FIELDS}) if given.json else said(report, code)
    sys.stdout.write(text.encode("ascii", "backslashreplace").decode() + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
