"""A writer of bundles and proofs for the verifier's tests, as small as can be and apart from the server's."""

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TENANT = "0199c0de-0000-7000-8000-000000000001"
ORIGIN = f"everlog/{TENANT}"
NAMES = [
    "tenant", "generation", "position", "recorded_at", "stream", "version", "type", "event", "actor", "subjects",
    "permission", "meta", "body",
]  # fmt: skip
WON = {"type": ["prospects.won"]}


def b64(raw: bytes) -> str:
    return b64encode(raw).decode()


class Signer:
    """Ed25519 by a library that is not the verifier's arithmetic."""

    def __init__(self, seed: int, name: str = ORIGIN, kind: int = 1) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.name, self.raw = name, bytes([kind]) + self.private.public_key().public_bytes_raw()
        self.id = sha256(name.encode() + b"\n" + self.raw).digest()[:4]
        self.vkey = f"{name}+{self.id.hex()}+{b64(self.raw)}"

    def line(self, text: str, time: int = 1) -> str:
        stamp, said = b"", text.encode()
        if self.raw[0] == 4:
            stamp, said = time.to_bytes(8, "big"), b"cosignature/v1\ntime %d\n%s" % (time, said)
        return f"\u2014 {self.name} {b64(self.id + stamp + self.private.sign(said))}\n"


LOG, WITNESS = Signer(1), Signer(2, "witness.example/w", 4)


def root(leaves: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1, word for word."""
    if len(leaves) < 2:
        return sha256(b"\0" + leaves[0] if leaves else b"").digest()
    k = split(len(leaves))
    return sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162 §2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    return [*path(m, leaves[:k]), root(leaves[k:])] if m < k else [*path(m - k, leaves[k:]), root(leaves[:k])]


def proof(m: int, leaves: list[bytes], *, known: bool = True) -> list[bytes]:
    """RFC 9162 §2.1.4.1."""
    if m == len(leaves):
        return [] if known else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*proof(m, leaves[:k], known=known), root(leaves[k:])]
    return [*proof(m - k, leaves[k:], known=False), root(leaves[:k])]


def event(position: int) -> dict[str, bytes]:
    won = position % 3 == 0
    subject = str(UUID(int=position))
    return {
        "tenant": UUID(TENANT).bytes, "generation": (1).to_bytes(8, "big"), "position": position.to_bytes(8, "big"),
        "recorded_at": (1000 + position).to_bytes(8, "big"), "stream": f"prospects/{subject}".encode(),
        "version": (1).to_bytes(8, "big"), "type": b"prospects.won" if won else b"prospects.captured",
        "event": UUID(int=position).bytes, "actor": f'{{"kind":"user","id":"{UUID(int=position % 2)}"}}'.encode(),
        "subjects": f'["{subject}"]'.encode(), "permission": b'"prospects.win"' if won else b"", "meta": b"{}",
        "body": b'{"type":"x"}',
    }  # fmt: skip


def salt(position: int, name: str) -> bytes:
    return sha256(f"{position}/{name}".encode()).digest()


@cache
def digest(position: int, name: str) -> bytes:
    return sha256(salt(position, name) + name.encode() + event(position)[name]).digest()


@cache
def entry(position: int) -> bytes:
    return b"\1" + b"".join(digest(position, name) for name in NAMES)


def leaves(size: int) -> list[bytes]:
    return [entry(position) for position in range(1, size + 1)]


def note(leaves: list[bytes], *signers: Signer, log: Signer = LOG) -> str:
    text = f"{ORIGIN}\n{len(leaves)}\n{b64(root(leaves))}\nsealed 2026-11-25T09:30:00.123456Z\nafter 0\n"
    return text + "\n" + "".join(signer.line(text) for signer in (log, *signers))


def line(position: int, shown: list[str]) -> dict:
    return {
        "position": position,
        "fields": {n: [b64(salt(position, n)), b64(event(position)[n])] for n in NAMES if n in shown},
        "digests": {n: b64(digest(position, n)) for n in NAMES if n not in shown},
    }


def sides(low: int, high: int, first: int, last: int, leaves: list[bytes]) -> tuple[list[str], list[str]]:
    if high <= first:
        return [b64(root(leaves[low:high]))], []
    if low >= last:
        return [], [b64(root(leaves[low:high]))]
    if high - low == 1:
        return [], []
    k = low + split(high - low)
    one, two = sides(low, k, first, last, leaves), sides(k, high, first, last, leaves)
    return one[0] + two[0], one[1] + two[1]


def head(leaves: list[bytes], first: int, last: int, sought: dict, *signers: Signer, complete: bool) -> dict:
    return {
        "everlog": "bundle/1", "origin": ORIGIN, "checkpoint": note(leaves, *signers), "key": LOG.vkey,
        "witnesses": [signer.vkey for signer in signers], "first": first, "last": last, "filter": sought,
        "complete": complete, "made": "2026-11-25T09:31:00Z",
    }  # fmt: skip


def complete(size: int, first: int, last: int, sought: dict, *signers: Signer) -> list[dict]:
    """A bundle's lines; of filters it knows {} and WON, which is what `event` lets it choose by."""
    entries = leaves(size)
    lines = [line(p, NAMES if not sought or p % 3 == 0 else list(sought)) for p in range(first, last + 1)]
    left, right = sides(0, size, first - 1, last, entries) if size else ([], [])
    tail = {"left": left, "right": right, "count": len(lines)}
    return [head(entries, first, last, sought, *signers, complete=True), *lines, tail]


def chosen(size: int, positions: list[int]) -> list[dict]:
    entries = leaves(size)
    lines = [{**line(p, NAMES), "path": [b64(h) for h in path(p - 1, entries)]} for p in positions]
    return [head(entries, 1, size, {}, complete=False), *lines, {"count": len(lines)}]


def text(lines: list[dict]) -> str:
    return "".join(json.dumps(one) + "\n" for one in lines)


def inclusion(index: int, size: int) -> dict:
    return {
        "everlog": "inclusion/1", "origin": ORIGIN, "index": index, "size": size, "entry": b64(entry(index + 1)),
        "path": [b64(step) for step in path(index, leaves(size))], "checkpoint": note(leaves(size)), "key": LOG.vkey,
    }  # fmt: skip


def offline(index: int, size: int, *signers: Signer) -> str:
    hashes = "".join(f"{b64(step)}\n" for step in path(index, leaves(size)))
    extra = f"extra {b64(entry(index + 1))}\nindex {index}\n"
    return f"c2sp.org/tlog-proof@v1\n{extra}{hashes}\n{note(leaves(size), *signers)}"


def consistency(first: int, second: int) -> dict:
    steps = [b64(step) for step in proof(first, leaves(second))] if first else []
    return {
        "everlog": "consistency/1", "origin": ORIGIN, "first": first, "second": second, "path": steps,
        "old": note(leaves(first)), "checkpoint": note(leaves(second)), "key": LOG.vkey,
    }  # fmt: skip
