"""A refusal is recorded once."""

from domain.audit import Denial, audit, refuse
from tests.given import given

denial = Denial("prospects.win", "prospects.win", "access.denied", "prospects/1")


def test_a_refusal_is_recorded_once():
    given(audit).when(refuse, denial).then(denial)
    given(audit, denial).when(refuse, denial).then()
