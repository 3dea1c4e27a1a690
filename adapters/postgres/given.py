"""What rows become on their way into a view's table: an array for each column, and one for each column of tokens."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from adapters.postgres import arrays
from adapters.postgres.arrays import Packed
from adapters.postgres.columns import Column, Lookup
from adapters.postgres.tables import Stored
from domain.kernel import Erased
from tenants.keys import Tokens


class Given:
    def __init__(self, stored: Stored, tokens: Tokens) -> None:
        self._stored = stored
        self._tokens = tokens

    def arrays(self, rows: Sequence[Any], only: AbstractSet[str] | None = None) -> tuple[tuple[str, ...], list[Packed]]:
        """The columns' names in their order, tokens last, and their values; or those of some fields alone."""
        columns = [each for each in self._stored.columns if only is None or each.name in only]
        names = [each.name for each in columns]
        values = [each.kind.array(each.values(rows)) for each in columns]
        for column in columns:
            if column.lookups:
                opened = self._opened(column, rows)
                names += [each.column for each in column.lookups]
                values += [arrays.BYTES.array(self._found_by(each, opened)) for each in column.lookups]
        return tuple(names), values

    def tokens(self, rows: Sequence[Any]) -> list[tuple[bytes | Erased | None, ...]]:
        """What each row is looked up by, in the order of the view's lookups; of what is erased nobody can tell."""
        found: list[list[bytes | Erased | None]] = []
        for column, lookup in self._stored.lookups:
            opened = self._opened(column, rows)
            made = zip(opened, self._found_by(lookup, opened), strict=True)
            found.append([Erased() if isinstance(value, Erased) else token for value, token in made])
        return list(zip(*found, strict=True))

    def _opened(self, column: Column, rows: Sequence[Any]) -> tuple[Any, ...]:
        """Together: keys that are not at hand then cost one query."""
        opened: tuple[Any, ...] = self._tokens.open(tuple(getattr(row, column.name) for row in rows))
        return opened

    def _found_by(self, lookup: Lookup, opened: Sequence[Any]) -> list[bytes | None]:
        scope, part, token = f"{self._stored.view.name}.{lookup.name}", lookup.part, self._tokens.token
        texts = [
            None if each is None or isinstance(each, Erased) else getattr(each, part) if part else each
            for each in opened
        ]
        # Those of a batch often share a value: the address and session of whoever sent it.
        known = {text: token(scope, str(text)) for text in set(texts) if text}
        return [known.get(text) for text in texts]
