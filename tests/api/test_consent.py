"""Consent by purpose and rectification, over HTTP: both are facts, and both are seen."""

from uuid import UUID, uuid4

import pytest

from api.bootstrap import learner
from api.learning import Model
from domain.kernel import Refused
from domain.predictions import Made
from tests.waiting import until


@pytest.fixture
def person(world, acme):
    given = {"name": "Ada Lovelace", "email": f"{uuid4()}@example.org", "attributes": {"employees": 12.0}}
    return world.ask("POST", "/v1/prospects", acme.keys["Admin"], json=given).json()["id"], given


def seen(world, tenant, path, done):
    waits = {"Everlog-Min-Position": done.headers["Everlog-Position"]}
    return world.ask("GET", path, tenant.keys["Admin"], headers=waits).json()


def test_who_withdraws_consent_to_profiling_is_not_predicted_about(world, acme, person):
    id, known = person
    other = world.ask("POST", "/v1/prospects", acme.keys["Admin"], json={**known, "email": f"{uuid4()}@example.org"})
    path = f"/v1/privacy/consents/{id}"
    said = {"purpose": "profiling", "source": "form-7"}
    assert world.ask("POST", path, acme.keys["Manager"], json=said).json()["facts"] == ["privacy.consent-given"]
    done = world.ask("POST", f"{path}/withdrawal", acme.keys["Manager"], json=said)
    [row] = seen(world, acme, f"/v1/privacy/consents?subject={id}", done)["items"]
    assert (row["purpose"], row["given"], row["source"], row["changes"]) == ("profiling", False, "form-7", 2)
    for each in (id, other.json()["id"]):
        signal = {"kind": "visit", "strength": 0.5}
        assert world.ask("POST", f"/v1/prospects/{each}/signals", acme.keys["Admin"], json=signal).is_success
    log = world.logs.of(acme.id)
    model = Model(log, learner())

    def predicted():
        model.advance()
        return {str(each.fact.prospect) for each in log.read(0, 10**6) if isinstance(each.fact, Made)}

    assert until(lambda: other.json()["id"] in predicted()), "the control: others are predicted"
    assert id not in predicted()
    with pytest.raises(Refused) as refused:
        model.score(UUID(id))
    assert refused.value.code == "predictions.consent-withdrawn"
    told = world.ask("GET", f"/v1/privacy/subjects/{id}/export", acme.keys["Admin"]).json()
    assert [each["purpose"] for each in told["consents"]] == ["profiling"]


def test_what_is_rectified_is_seen_and_found_and_the_trail_shows_both(world, acme, person):
    id, was = person
    right = {"name": "Ada King", "email": f"{uuid4()}@example.org", "reason": "She married."}
    done = world.ask("POST", f"/v1/prospects/{id}/rectification", acme.keys["Manager"], json=right)
    assert done.json()["facts"] == ["prospects.rectified"]
    shown = seen(world, acme, f"/v1/prospects/{id}", done)
    assert (shown["name"], shown["email"], shown["attributes"]) == ("Ada King", right["email"], {"employees": 12.0})

    def found(email):
        return world.ask("POST", "/v1/prospects/find", acme.keys["Admin"], json={"email": email}).json()["items"]

    assert [each["id"] for each in found(right["email"])] == [id]
    assert found(was["email"]) == []
    position = done.json()["position"]
    changes = world.ask("GET", f"/v1/audit/{position}", acme.keys["Admin"]).json()["changes"]
    changed = {each["field"]: (each["before"], each["after"]) for each in changes}
    assert changed["captured.name"] == ("Ada Lovelace", "Ada King")
    assert changed["captured.email"] == (was["email"], right["email"])
    taken = world.ask("POST", "/v1/prospects", acme.keys["Admin"], json={"name": "Bob", "email": right["email"]})
    assert taken.status_code == 409, "the address is theirs now"
    assert world.ask("POST", f"/v1/prospects/{id}/rectification", acme.keys["Member"], json=right).status_code == 403
