"""Whatever a destination does, nothing is left out, nobody waits for it, and somebody is told."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from adapters.deliveries import Ways, courier
from adapters.telemetry.metrics import Metrics
from tests.api.deliveries.house import HOST, to, told, whole
from tests.waiting import until


def test_what_was_not_marked_is_delivered_again_and_nothing_is_left_out(house, collector, monkeypatch):
    """As where the process is killed between the destination's answer and the mark."""
    monkeypatch.setattr(courier, "MOST", 5)
    house.add("http", to(collector))
    house.work()
    house.settle()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(house.courier._stand, "done", killed)
    with pytest.raises(KeyboardInterrupt):
        house.courier.step(60)
    assert len(collector.got) == 1
    house.again()
    head = house.deliver()
    assert collector.positions == [1, 2, 3, 4, 5, *range(1, head + 1)]


def test_control_a_mark_before_the_answer_loses_what_was_on_its_way(house, collector, monkeypatch):
    monkeypatch.setattr(courier, "MOST", 5)
    house.add("http", to(collector))
    house.settle()
    deliver = Ways.deliver

    def marked_first(self, *given):
        [bound] = house.courier._bound.values()
        house.courier._delivered(bound, given[-1].records[-1].position)
        raise KeyboardInterrupt

    monkeypatch.setattr(Ways, "deliver", marked_first)
    with pytest.raises(KeyboardInterrupt):
        house.courier.step(60)
    monkeypatch.setattr(Ways, "deliver", deliver)
    house.again()
    assert not whole(house, collector)


def test_a_destination_that_is_away_is_caught_up_with(house, collector):
    id = house.add("http", to(collector))
    collector.status = 503
    house.deliver()
    served = house.state(id)["served"]
    assert (served["position"], served["tries"], served["why"]) == (0, 1, "It answers 503.")
    # It is left alone for a while, longer each time.
    tried = collector.tried
    house.time += 0.5
    assert house.courier.step(60) == 0
    assert collector.tried == tried
    collector.status = 200
    assert whole(house, collector)
    assert house.state(id)["destination"]["rejected"] == ""


def test_a_refusal_is_recorded_once_told_and_over_once_it_accepts(house, collector, caplog):
    id = house.add("http", to(collector))
    collector.status = 401
    for _ in range(3):
        house.deliver()
    until(lambda: house.state(id)["destination"]["rejected"] == "It answers 401.")
    assert [each.levelname for each in caplog.records if "refuses the trail" in each.message] == ["ERROR"]
    assert told(house, id) == ["deliveries.added", "deliveries.rejected"]
    [lag] = house.courier.lag()
    assert (lag.view, lag.parked, lag.positions > 0) == (id, 1, True)
    house.do(id, "secret", secret="another")
    collector.status = 200
    house.deliver()
    until(lambda: house.state(id)["destination"]["rejected"] == "")
    house.deliver()
    assert told(house, id) == [
        "deliveries.added",
        "deliveries.rejected",
        "deliveries.secret-changed",
        "deliveries.accepted",
    ]
    assert collector.got[-1].headers["authorization"] == "Bearer another"


def test_a_private_address_is_refused_unless_the_operator_names_the_host(house, collector):
    id = house.add("http", to(collector).replace(HOST, "inside.example").replace("http:", "https:"))
    plain = house.add("http", to(collector).replace(HOST, "inside.example"))
    house.deliver()
    until(lambda: house.state(id)["destination"]["rejected"] and house.state(plain)["destination"]["rejected"])
    assert "not public" in house.state(id)["destination"]["rejected"]
    assert "https" in house.state(plain)["destination"]["rejected"]
    assert collector.tried == 0
    # The control: the same address, once its host is named.
    house.hosts |= {"inside.example"}
    house.again()
    assert whole(house, collector)


def test_one_that_is_away_keeps_no_other_waiting(house, collector):
    house.add("http", f"http://{HOST}:1/in")
    house.add("http", to(collector))
    assert whole(house, collector)


def test_lag_is_measured_by_destination(house, collector):
    id = house.add("http", to(collector))
    metrics = Metrics(CollectorRegistry())
    collector.status = 500
    house.deliver()
    metrics.delivered(house.tenant.id, house.courier.lag())
    behind = f'everlog_destination_lag_events{{destination="{id}"}} '
    lines = generate_latest(metrics.registry).decode().splitlines()
    [told] = [line for line in lines if line.startswith(behind)]
    assert float(told.removeprefix(behind)) > 0
    collector.status = 200
    house.deliver()
    metrics.delivered(house.tenant.id, house.courier.lag())
    assert f"{behind}0.0" in generate_latest(metrics.registry).decode().splitlines()
