"""A report asks one question, for ever; what is taken away of it is told."""

from datetime import UTC, datetime

from domain.reports import Asked, Taken, ask, reports, take
from tests.given import given

MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
ASKED = Asked("changes", MARCH, APRIL)
TAKEN = Taken("pdf", rows=3, size=20_000, digest="0" * 64)


def test_it_asks_about_a_stretch_of_time():
    given(reports).when(ask, "changes", MARCH, APRIL).then(ASKED)


def test_to_ask_it_again_changes_nothing():
    given(reports, ASKED).when(ask, "changes", MARCH, APRIL).then()


def test_it_asks_nothing_else_later():
    given(reports, ASKED).when(ask, "erasures", MARCH, APRIL).refused("reports.exists")


def test_no_time_holds_nothing():
    given(reports).when(ask, "changes", APRIL, APRIL).refused("reports.empty")


def test_each_file_that_leaves_is_told():
    given(reports, ASKED, TAKEN).when(take, TAKEN).then(TAKEN)


def test_what_was_never_asked_is_not_taken():
    given(reports).when(take, TAKEN).refused("reports.unknown")
