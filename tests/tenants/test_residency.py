"""A tenant is in one cell or in none: whatever the cells say, never in two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.residency import Claim, Misplaced, fits, place

CLAIMS = st.builds(
    Claim, st.sampled_from(["live", "arriving", "left"]), st.integers(1, 3), st.integers(min_value=0, max_value=99)
)
ANSWERS = st.dictionaries(
    st.sampled_from(["eu", "us", "apac"]), st.one_of(CLAIMS, st.none(), st.just(OSError("away"))), min_size=1
)
LIVE = Claim("live", 1, 9)


def placed(answers):
    try:
        return place(answers)
    except Misplaced as nowhere:
        return nowhere.code


@given(ANSWERS)
def test_a_request_goes_to_the_one_cell_where_its_tenant_lives_or_nowhere(answers):
    live = [cell for cell, claim in answers.items() if isinstance(claim, Claim) and claim.standing == "live"]
    found = placed(answers)
    if len(live) == 1:
        assert found == live[0]
    elif live:
        assert found == "cells.disputed"
    else:
        assert found not in answers or answers[found].standing == "left"


@given(ANSWERS)
def test_nobody_is_told_that_a_key_is_wrong_while_a_cell_is_silent(answers):
    if any(isinstance(each, Exception) for each in answers.values()):
        assert placed(answers) != "auth.invalid"


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({"eu": LIVE, "us": None}, "eu"),
        ({"eu": LIVE, "us": OSError()}, "eu"),
        ({"eu": Claim("left", 1, 20), "us": Claim("arriving", 1, 12)}, "eu"),
        ({"eu": Claim("left", 1, 20), "us": Claim("live", 1, 21)}, "us"),
        ({"eu": Claim("left", 1, 20), "us": Claim("left", 1, 30)}, "us"),
        ({"eu": Claim("left", 1, 20), "us": OSError()}, "cells.away"),
        ({"eu": None, "us": OSError()}, "cells.away"),
        ({"eu": None, "us": Claim("arriving", 1, 3)}, "cells.away"),
        ({"eu": LIVE, "us": LIVE}, "cells.disputed"),
        ({"eu": None, "us": None}, "auth.invalid"),
    ],
)
def test_where_a_tenant_is(answers, found):
    assert placed(answers) == found


def test_a_tenant_of_a_region_fits_into_its_cell_alone():
    assert fits("eu", "eu")
    assert fits("", "eu")
    assert fits("eu", "")
    assert not fits("eu", "us")
