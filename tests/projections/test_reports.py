"""What reports are about: no capability is left out of them unnoticed."""

from projections.reports.changes import SETTINGS
from tests.deciders import DECIDERS

WORK = ("prospects", "predictions", "audit", "exports", "proofs")
"""What is done day by day, read, taken away or found: no settings. Models have a section of their own."""


def test_every_capability_is_told_of_as_a_change_unless_it_changes_no_settings():
    assert {*SETTINGS, *WORK} == {each.name for each in DECIDERS}
    assert not set(SETTINGS) & set(WORK)
