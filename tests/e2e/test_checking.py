"""The product looks at its records by itself, and its log tells of what a superuser of its database has changed."""

import json

import pytest

from tests.attacks.stage import staged
from tests.waiting import until

OFTEN = "0.002"
"""Hours: about seven seconds."""


@pytest.mark.long
def test_an_edited_event_is_told_by_the_workers_log_and_nothing_before(tmp_path):
    with staged(tmp_path / "home", EVERLOG_CHECK_HOURS=OFTEN) as stage:
        org, other = stage.found(2)

        def alarms():
            lines = [json.loads(line) for line in stage.product.told().splitlines() if line.startswith('{"')]
            return [each for each in lines if each["event"].startswith("proofs.")]

        with stage.attacker() as attacker:

            def looked(many):
                found = "select 1 from everlog.events where type = 'proofs.checked'"
                return attacker.execute(f"{found} group by tenant_id having count(*) > %s", [many]).rowcount

            until(lambda: looked(1) >= 2, 180)
            assert alarms() == []
            attacker.execute(
                "update everlog.events set body = body || ' ' where tenant_id = %s and position = 3", [org.id]
            )
            [alarm] = until(alarms, 180)[:1]
            known = alarm["event"], alarm["tenant"], alarm["type"], alarm["position"], alarm["level"]
            assert known == ("proofs.not-sound", str(org.id), "altered", 3, "error")
            assert not [each for each in alarms() if each["tenant"] == str(other.id)]
