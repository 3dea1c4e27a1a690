"""Whoever was answered is on record as having come in, though the API was killed the moment after."""

from uuid import uuid4

import httpx2

from tests.served import answered, end, served
from tests.waiting import until


def test_who_was_answered_signed_in_although_the_api_was_killed(tmp_path):
    with served(tmp_path / "home") as product:
        made = answered(["tenants", "create", "Acme"], product.environment)

        def ask(path, agent):
            headers = {"Authorization": f"Bearer {made['key']}", "User-Agent": agent}
            return httpx2.get(f"{product.url}{path}", headers=headers, timeout=60).raise_for_status()

        agents = [f"agent {uuid4().hex}" for _ in range(3)]
        for agent in agents:
            ask("/v1/prospects", agent)
            end(product.children()["api"])
            product.start()
        ask("/v1/prospects", "last")

        def found():
            items = ask("/v1/audit?type=audit.signed-in", "last").json()["items"]
            return items if len(items) > len(agents) else None

        told = until(found)
        assert [each["circumstances"]["agent"] for each in told] == ["last", *reversed(agents)]
        assert {each["actor"] for each in told} == {made["id"]}
