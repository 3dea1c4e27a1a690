"""A running product delivers a trail; its worker is killed between the destination's answer and the mark."""

import os
import signal

from tests.destinations.collector import Collector, running
from tests.waiting import until

MOST = 200


class Killing(Collector):
    """Has a parcel, and before it can say so, whoever sent it is dead."""

    def __init__(self, house, which):
        super().__init__()
        self.killed: list[int] = []
        self._house, self._which = house, which
        self.judge = self._judged

    def _judged(self, got):
        if self.killed or len(self.got) < self._which:
            return 0
        self.got.append(got)
        self.killed.append(self._house.children()["worker seal check deliver"])
        os.kill(self.killed[0], signal.SIGKILL)
        return 500


def test_a_worker_that_is_killed_delivers_again_and_leaves_nothing_out(house, lived):
    head = int(lived.position.rpartition(":")[2])
    assert head > MOST
    with running(Killing(house, 1)) as collector:
        body = {"name": "SIEM", "kind": "http", "address": f"http://localhost:{collector.port}/in", "secret": "token"}
        made = lived.ask("POST", "/v1/deliveries", json=body).json()
        # What was accepted and not marked comes twice: the kill hit where it should.
        until(lambda: collector.positions.count(MOST + 1) == 2, 180)
        until(lambda: set(range(1, head + 1)) <= set(collector.positions), 180)
        assert len(collector.killed) == 1
        assert collector.positions.count(1) == 1
        served = lambda: lived.get(f"/v1/deliveries/{made['id']}")["served"]  # noqa: E731 - asked for again and again
        until(lambda: served()["position"] >= head, 60)
        lived.ask("POST", f"/v1/deliveries/{made['id']}/removal", json={})
