"""What was only counted is in the log once the product was stopped, and so is from where it came."""

import httpx2

from tests.served import answered, served
from tests.waiting import until


def test_what_a_key_asked_beyond_its_rate_is_on_record_after_a_stop(tmp_path):
    with served(tmp_path / "home", EVERLOG_REQUESTS_PER_MINUTE="5", EVERLOG_TRUSTED_PROXIES="127.0.0.1/32") as product:
        made = answered(["tenants", "create", "Acme"], product.environment)
        headers = {"Authorization": f"Bearer {made['key']}", "X-Forwarded-For": "6.6.6.6, 198.51.100.7"}
        asked = [httpx2.get(f"{product.url}/v1/prospects", headers=headers).status_code for _ in range(8)]
        assert asked == [200] * 5 + [429] * 3
        product.stop()
        product.start()

        def seen():
            return answered(["audit", "--tenant", made["tenant"], "--type", "audit.refused"], product.environment)

        until(seen)
        path = f"{product.url}/v1/audit?code=quota.exceeded&facts=true"
        entries = httpx2.get(path, headers=headers).raise_for_status().json()["items"]
        assert sum(1 + each["fact"]["more"] for each in entries) == 3
        assert {each["actor"] for each in entries} == {made["id"]}
        assert {each["circumstances"]["ip"] for each in entries} == {"198.51.100.7"}
