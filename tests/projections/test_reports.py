"""What reports are about: no capability is left out of them unnoticed."""

from uuid import UUID

import pytest

from domain.audit import Look, Read
from projections.reports.accesses import _looks
from projections.reports.changes import SETTINGS
from tests.deciders import DECIDERS
from tests.projections.test_audit import AT
from tests.projections.test_ocsf import entry

WORK = ("prospects", "predictions", "audit", "exports", "proofs")
"""What is done day by day, read, taken away or found: no settings. Models have a section of their own."""


def test_every_capability_is_told_of_as_a_change_unless_it_changes_no_settings():
    assert {*SETTINGS, *WORK} == {each.name for each in DECIDERS}
    assert not set(SETTINGS) & set(WORK)


@pytest.mark.parametrize(("shown", "named", "more"), [(1, 1, False), (5, 5, False), (6, 5, True), (300, 5, True)])
def test_an_answer_that_showed_many_counts_all_of_them_and_names_five(shown, named, more):
    people = tuple(UUID(int=number) for number in range(1, shown + 1))
    read = Read("prospects.list", UUID(int=3), ("name",), (Look(AT, shown, people),))
    [row] = _looks(entry("audit.read"), read)
    cell = ", ".join(map(str, people[:named])) + (", …" if more else "")
    assert row[-3:] == (shown, shown, cell)
