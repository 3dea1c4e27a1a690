"""Rows in a file behave as rows in a dictionary."""

from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from adapters.sqlite import Rows
from domain.kernel import Erased, Personal, Sealed


class Row(Struct, frozen=True):
    id: UUID
    at: datetime
    name: Personal[str]
    pairs: tuple[tuple[str, float], ...] = ()


KEYS = st.integers(0, 5).map(lambda number: UUID(int=number))
ROWS = st.builds(
    Row,
    KEYS,
    st.datetimes(timezones=st.just(UTC)),
    st.text() | st.just(Erased()) | st.builds(Sealed, KEYS, st.text(), st.binary()),
    st.lists(st.tuples(st.text(), st.floats(allow_nan=False))).map(tuple),
)


@given(st.lists(st.tuples(st.sampled_from(["put", "drop"]), ROWS)))
def test_they_are_as_in_a_dictionary(done):
    known: dict[UUID, Row] = {}
    with closing(Rows(Row, UUID)) as rows:
        for what, row in done:
            if what == "put":
                known[row.id] = rows[row.id] = row
            else:
                assert rows.pop(row.id, None) == known.pop(row.id, None)
            assert (len(rows), set(rows)) == (len(known), set(known))
        assert dict(rows.items()) == known
        assert all(each in rows for each in known)


def test_what_is_not_there_is_missing():
    with closing(Rows(Row, int)) as rows:
        assert rows.get(1) is None
        for wanted in (lambda: rows[1], lambda: rows.pop(1)):
            with pytest.raises(KeyError):
                wanted()
