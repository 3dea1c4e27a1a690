"""Roles hold permissions that exist, and the Auditor reads the trail and nothing else."""

from typing import get_args

import pytest

from domain.access import KINDS, PERMISSIONS, READS, ROLES, Role
from domain.orgs import ADMIN


def test_the_roles_are_those_of_the_catalogue():
    assert set(ROLES) == set(get_args(Role))
    assert ADMIN in ROLES


@pytest.mark.parametrize("holder", [*ROLES.items(), *KINDS.items()], ids=lambda holder: holder[0])
def test_nobody_holds_a_permission_that_is_not_in_the_catalogue(holder):
    assert holder[1] <= set(PERMISSIONS)


def test_every_permission_is_held_by_somebody():
    assert set(PERMISSIONS) == frozenset().union(*ROLES.values(), *KINDS.values())


def test_each_role_may_do_what_those_below_it_may():
    assert ROLES["Viewer"] < ROLES["Member"] < ROLES["Manager"] < ROLES["Admin"]


def test_the_auditor_reads_the_trail_and_reports_of_it_and_what_models_decided_and_nothing_else():
    held = ROLES["Auditor"]
    assert {permission.split(".")[0] for permission in held - {"privacy.read", "deliveries.read"}} == {
        "audit",
        "predictions",
        "proofs",
        "reports",
        "searches",
    }
    assert not any("personal" in permission for permission in held)
    assert all(
        permission.split(".")[1].startswith(("read", "export"))
        for permission in held - {"reports.make", "reports.schedule", "searches.save"}
    )


def test_a_viewer_sees_no_person():
    assert not any("personal" in permission for permission in ROLES["Viewer"])


def test_only_models_record_predictions():
    assert [name for name, held in {**ROLES, **KINDS}.items() if "predictions.record" in held] == ["model"]


def test_facts_are_followed_under_a_permission_that_exists():
    assert set(READS.values()) <= set(PERMISSIONS)
