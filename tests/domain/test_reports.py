"""A report asks one question, for ever; what is taken away of it is told."""

from datetime import UTC, datetime

import pytest

from domain.reports import (
    Asked,
    Scheduled,
    Taken,
    Unscheduled,
    ask,
    beginning,
    end,
    reports,
    schedule,
    take,
    unschedule,
)
from tests.given import given

MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
ASKED = Asked("changes", MARCH, APRIL)
MONTHLY = Scheduled("changes", "month")
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


def test_a_schedule_begins_and_ends_once():
    given(reports).when(schedule, "changes", "month").then(MONTHLY)
    given(reports, MONTHLY).when(schedule, "changes", "month").then()
    given(reports, MONTHLY).when(unschedule).then(Unscheduled())
    given(reports, MONTHLY, Unscheduled()).when(unschedule).then()


def test_a_schedule_is_not_changed_nor_begun_again():
    given(reports, MONTHLY).when(schedule, "changes", "week").refused("reports.exists")
    given(reports, MONTHLY, Unscheduled()).when(schedule, "changes", "month").refused("reports.exists")


def test_a_report_is_no_schedule_and_a_schedule_no_report():
    given(reports, ASKED).when(schedule, "changes", "month").refused("reports.exists")
    given(reports, ASKED).when(unschedule).refused("reports.unknown")
    given(reports, MONTHLY).when(ask, "changes", MARCH, APRIL).refused("reports.exists")
    given(reports, MONTHLY).when(take, TAKEN).refused("reports.unknown")


@pytest.mark.parametrize(
    ("every", "first", "last"),
    [
        ("day", "2028-02-29", "2028-03-01"),
        ("week", "2028-02-28", "2028-03-06"),
        ("month", "2028-02-01", "2028-03-01"),
        ("quarter", "2028-01-01", "2028-04-01"),
        ("year", "2028-01-01", "2029-01-01"),
    ],
)
def test_a_period_is_one_of_the_calendar(every, first, last):
    within = datetime(2028, 2, 29, 23, 59, 59, 999_999, UTC)
    since = beginning(every, within)
    assert (f"{since:%Y-%m-%d}", f"{end(every, since):%Y-%m-%d}") == (first, last)


@pytest.mark.parametrize("every", ["day", "week", "month", "quarter", "year"])
def test_periods_follow_on_each_other_without_a_gap(every):
    since = beginning(every, datetime(2024, 1, 1, tzinfo=UTC))
    for _ in range(40):
        until = end(every, since)
        assert beginning(every, until) == until > since
        since = until
