"""The funnel over HTTP."""

from uuid import uuid4


def test_prospects_are_counted_where_they_stand(world):
    tenant = world.tenant()
    done = None
    for stage in (None, None, "met"):
        person = {"name": "Ada", "email": f"{uuid4()}@example.org", "industry": "looms"}
        done = world.ask("POST", "/v1/prospects", tenant.keys["Admin"], json=person)
        if stage:
            path = f"/v1/prospects/{done.json()['id']}/stage"
            done = world.ask("POST", path, tenant.keys["Admin"], json={"stage": stage})
    assert done
    headers = {"Everlog-Min-Position": done.headers["Everlog-Position"]}
    by_stage = world.ask("GET", "/v1/funnel", tenant.keys["Viewer"], headers=headers).json()["items"]
    assert {each["group"]["stage"]: each["count"] for each in by_stage} == {"new": 2, "met": 1}
    both = world.ask("GET", "/v1/funnel?by=stage,industry", tenant.keys["Viewer"]).json()["items"]
    assert {"group": {"stage": "new", "industry": "looms"}, "count": 2} in both
    days = world.ask("GET", "/v1/funnel/daily?by=industry", tenant.keys["Viewer"]).json()["items"]
    assert [(each["group"], each["change"], each["count"]) for each in days] == [({"industry": "looms"}, 3, 3)]
    wrong = world.ask("GET", "/v1/funnel?by=name", tenant.keys["Viewer"])
    assert wrong.json()["code"] == "request.invalid"
