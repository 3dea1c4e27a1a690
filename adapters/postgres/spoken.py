"""The table of a view's words: `(tenant_id, token, position)`, a token for each word of an event.

Row-level security lets no operator of full text use an index (none of them is leakproof), and equality it does. A word
that stands in the clear is its own token; one of a sealed text is an HMAC under the tenant's key for tokens, with the
subject beside it, so that an erasure finds it.
"""

# ruff: noqa: S608 - the names in these statements are those of our own tables.

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from adapters.postgres.arrays import BIGINT, BYTES, arrays
from adapters.postgres.arrays import UUID as ID
from domain.kernel import Erased
from projections.builds import Slot
from projections.kernel import View
from projections.words import Hidden, Words, words
from tenants.isolation import SCHEMA
from tenants.keys import Tokens

_KINDS = (BYTES, BIGINT, ID)
HIDDEN = b"\0"
"""Leads an HMAC: no word begins with it."""
_SIZE = 16
"""Bytes of an HMAC that are kept: words of one organisation are few beside 2**64."""

Token = tuple[bytes, int, UUID | None]


class Spoken(Struct, frozen=True):
    table: sa.Table
    insert: bytes
    """The tenant, then an array of tokens, of positions and of subjects."""
    clear: bytes
    """The tenant."""
    forget: bytes
    """The tenant and a subject."""


@cache
def spoken(view: View[Any], slot: Slot) -> Spoken:
    """`view_<name>_words_<version>`, of a view that has words."""
    made = sa.Table(
        f"view_{view.name}_words_{view.version}{'_b' if slot == 'b' else ''}",
        sa.MetaData(schema=SCHEMA),
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("token", sa.LargeBinary(), primary_key=True),
        sa.Column("position", sa.BigInteger(), primary_key=True),
        sa.Column("subject", sa.Uuid()),
    )
    whose = made.c.subject
    sa.Index(f"{made.name}_by_subject", made.c.tenant_id, whose, postgresql_where=whose.is_not(None))
    name = f"{SCHEMA}.{made.name}"
    # Two persons of an event may share a word: the first of them has it.
    return Spoken(
        made,
        f"insert into {name} (tenant_id, token, position, subject)"
        " select %s, * from unnest(%b, %b, %b) on conflict do nothing".encode(),
        f"delete from {name} where tenant_id = %s".encode(),
        f"delete from {name} where tenant_id = %s and subject = %s".encode(),
    )


def plain(word: str) -> bytes:
    return word.encode()


def hidden(keys: Any, scope: str, word: str) -> bytes:
    """`keys` has `token`: `tenants.keys.Tokens`, or what queries know of it."""
    mac: bytes = keys.token(scope, word)
    return HIDDEN + mac[:_SIZE]


def packed(said: Sequence[tuple[int, Words]], keys: Tokens) -> list[Any]:
    """The arrays that are inserted, in the order of the index, which costs least."""
    parts = sealed(said)
    found = list(tokens(said, parts, opened(parts, keys), keys))
    return arrays(_KINDS, zip(*sorted(found, key=lambda each: each[:2]), strict=True)) if found else []


def sealed(said: Sequence[tuple[int, Words]]) -> list[tuple[int, Hidden]]:
    """The texts of what is said that have to be opened first, each with its position."""
    return [(position, part) for position, each in said for part in each.hidden]


def opened(parts: Sequence[tuple[int, Hidden]], keys: Tokens) -> Sequence[Any]:
    """All together: keys that are not at hand then cost one query."""
    values: Sequence[Any] = keys.open(tuple(each.value for _, each in parts))
    return values


def tokens(
    said: Sequence[tuple[int, Words]], parts: Sequence[tuple[int, Hidden]], known: Sequence[Any], keys: Tokens
) -> Iterator[Token]:
    """Those of what is said in the clear, and of its `sealed` parts, given what was `opened` of them."""
    for position, each in said:
        for word in each.plain:
            yield plain(word), position, None
    made: dict[tuple[str, str], bytes] = {}
    for (position, part), value in zip(parts, known, strict=True):
        if isinstance(value, Erased):
            continue
        for word in words(getattr(value, part.part) if part.part else value):
            if (part.scope, word) not in made:
                made[part.scope, word] = hidden(keys, part.scope, word)
            yield made[part.scope, word], position, part.value.subject
