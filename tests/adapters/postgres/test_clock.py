import logging
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.postgres.clock import Clock
from adapters.postgres.drain import Answer


def answered(*, ahead=0.0, behind=0.0):
    return Answer(0, datetime.now(UTC) + timedelta(seconds=ahead), 1, int(behind * 1e6), {}, missing=False)


@pytest.mark.parametrize(
    ("said", "warned"),
    [({}, 0), ({"behind": -5}, 0), ({"behind": 7200}, 1), ({"ahead": 7200}, 1)],
)
def test_a_jump_is_told_once(caplog, said, warned):
    clock = Clock()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            clock.look(uuid4(), answered(**said))
    assert len(caplog.records) == warned


def test_recorded_time_never_goes_back(migrated, database, committer, tenant):
    """The head was written by a server whose clock ran an hour ahead."""
    from tests.adapters.postgres.atoms import atom, stream

    ahead = datetime.now(UTC) + timedelta(hours=1)
    database.query(tenant, "update everlog.heads set recorded_at = %s", [ahead])
    assert committer.submit(tenant, atom(stream(), 1)).result(30).at == ahead
