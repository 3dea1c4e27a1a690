"""Whatever a record says, it is one syslog message in one frame, as a receiver takes it apart by the grammar."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.deliveries import syslog
from adapters.deliveries.record import Record
from projections import ocsf
from tests.destinations.receiver import frames, message

WORDS = st.text(st.sampled_from('\r\n\x00\x1b\x85\u2028"\\]<13>1 é'), max_size=40) | st.text(max_size=40)


def record(kind, words, position=1, severity=ocsf.MEDIUM):
    return Record(position, datetime(2026, 3, 1, tzinfo=UTC), kind, severity, json.dumps({"said": words}).encode())


@given(WORDS, WORDS, st.integers(1, 2**60))
def test_no_message_is_forged(kind, words, position):
    two = [record(kind, words, position), record(words, kind, position + 1)]
    stream = b"".join(syslog.frame(syslog.message(each, UUID(int=7))) for each in two)
    first, second = map(message, frames(stream))
    assert (json.loads(first.text), json.loads(second.text)) == ({"said": words}, {"said": kind})
    assert all(32 <= byte < 127 for byte in stream)


@pytest.mark.parametrize(
    ("severity", "priority"),
    [(ocsf.INFORMATIONAL, 109), (ocsf.MEDIUM, 108), (ocsf.HIGH, 106), (ocsf.CRITICAL, 105)],
)
def test_whoever_is_to_be_woken_is_alerted(severity, priority):
    """Facility 13, and notice, warning, critical or alert."""
    assert message(syslog.message(record("any", "", severity=severity), UUID(int=7))).priority == priority


def test_control_a_message_that_is_not_counted_and_not_ascii_is_two():
    raw = b"<109>1 - - - - - - a\n<109>1 - - - - - - forged"
    assert len(raw.splitlines()) == 2
    with pytest.raises(AssertionError):
        list(frames(raw))
    with pytest.raises(AssertionError):
        message(raw)
