"""Reports of an organisation that lived for a while, by the product as it runs."""

import httpx2
import pytest

EVER = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def auditor(lived, ask):
    key = ask("api-keys", "create", str(lived.tenant), "--role", "Auditor", "--name", "compliance")["key"]
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def report(house, auditor):
    """Of the decisions: made once, taken by whoever asks."""
    body = {"kind": "decisions", **EVER}
    made = httpx2.post(f"{house.url}/v1/reports", json=body, headers=auditor, timeout=60)
    return f"{house.url}/v1/reports/{made.json()['id']}/file"


def predictions(taken):
    section = taken.json()["sections"][0]
    return [dict(zip(section["columns"], row, strict=True)) for row in section["rows"]]


def test_every_automated_decision_is_in_its_log(report, auditor, lived):
    made = lived.get("/v1/predictions", limit=200)["items"]
    told = predictions(httpx2.get(report, headers=auditor, timeout=60))
    assert len(told) >= len(made) > 100
    assert {each["id"] for each in made} <= {each["Prediction"] for each in told}
    known = {each["id"]: each for each in made}
    for each in told:
        if found := known.get(each["Prediction"]):
            assert (each["Probability"], each["SHA-256 of the state"]) == (found["probability"], found["digest"])


def test_why_is_for_who_may_see_the_reasons(report, auditor, lived, ask):
    scopes = ("reports.read", "predictions.read", "audit.read")
    narrow = ask("api-keys", "create", str(lived.tenant), "--role", "Auditor", "--scopes", *scopes)["key"]
    told = predictions(httpx2.get(report, headers={"Authorization": f"Bearer {narrow}"}, timeout=60))
    assert {each["Reasons"] for each in told} == {"withheld"}
    assert any("+0." in each["Reasons"] for each in predictions(httpx2.get(report, headers=auditor, timeout=60)))


@pytest.mark.parametrize("kind", ["pdf", "xlsx"])
def test_a_file_is_made_within_the_request(report, auditor, kind):
    taken = httpx2.get(f"{report}?format={kind}", headers=auditor, timeout=60)
    assert taken.status_code == 200
    assert len(taken.content) > 10_000
