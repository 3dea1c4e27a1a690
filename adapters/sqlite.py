"""Rows that are too many for memory, in a file of SQLite's own that is gone when it is closed."""

import sqlite3
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from typing import Any

from msgspec import Struct, msgpack

_CACHE = -16_384
"""In KiB, as SQLite has it."""


class Rows(MutableMapping[Hashable, Any]):
    """By their keys: whole numbers, texts or UUIDs. Nothing in it outlasts the process, so nothing is synced."""

    def __init__(self, row: type[Struct], key: type) -> None:
        # The empty name is a private temporary file, which no other process can open.
        self._file = sqlite3.connect("", isolation_level=None)
        for each in (
            "pragma journal_mode = off",
            "pragma synchronous = off",
            f"pragma cache_size = {_CACHE}",
            "create table held (key blob primary key, row blob not null) without rowid",
            "begin",
        ):
            self._file.execute(each)
        self._encode = msgpack.Encoder().encode
        self._decode = msgpack.Decoder(row).decode
        self._key: Callable[[bytes], Any] = msgpack.Decoder(key).decode
        self._count = 0

    def __getitem__(self, key: Hashable) -> Any:
        found = self._file.execute("select row from held where key = ?", [self._encode(key)]).fetchone()
        if found is None:
            raise KeyError(key)
        return self._decode(found[0])

    def __setitem__(self, key: Hashable, row: Any) -> None:
        named, packed = self._encode(key), self._encode(row)
        if not self._file.execute("update held set row = ? where key = ?", [packed, named]).rowcount:
            self._file.execute("insert into held values (?, ?)", [named, packed])
            self._count += 1

    def __delitem__(self, key: Hashable) -> None:
        if not self._file.execute("delete from held where key = ?", [self._encode(key)]).rowcount:
            raise KeyError(key)
        self._count -= 1

    def __iter__(self) -> Iterator[Any]:
        return (self._key(key) for (key,) in self._file.execute("select key from held"))

    def __len__(self) -> int:
        return self._count

    def close(self) -> None:
        self._file.close()
