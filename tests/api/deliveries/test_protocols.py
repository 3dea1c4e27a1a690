"""Each protocol against a server that speaks it: Splunk's collector, S3, syslog over TLS."""

import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from application.proofs import Check, hear
from domain.kernel import Actor, Meta
from domain.proofs import Checked, Fault
from tenants.context import SYSTEM
from tests.api.deliveries.house import HOST, REASON, TOKEN, to
from tests.certificates import Authority
from tests.destinations.collector import Collector, Store, running
from tests.destinations.receiver import Receiver, receiving
from tests.waiting import until


def test_splunk_gets_envelopes_with_its_own_scheme(house, collector):
    house.add("splunk", to(collector))
    head = house.deliver()
    assert {each.headers["authorization"] for each in collector.got} == {f"Splunk {TOKEN}"}
    assert [each["event"]["unmapped"]["position"] for each in collector.records] == list(range(1, head + 1))


def test_an_object_store_gets_objects_that_are_signed_and_have_digests(house):
    account = "AKIA" + "TEST"
    with running(Store(account, TOKEN, "eu-west-1")) as store:
        id = house.add("s3", f"http://{HOST}:{store.port}/trail/everlog", account=account, region="eu-west-1")
        head = house.deliver()
        assert store.positions == list(range(1, head + 1))
        [name] = store.objects
        assert name == f"/trail/everlog/{house.tenant.id}/1/{1:016}-{head:016}.ndjson"
        # The control: signed with another secret it is refused.
        house.do(id, "secret", secret="wrong")
        house.work()
        house.deliver()
        until(lambda: house.state(id)["destination"]["rejected"] == "It answers 403.")
        assert len(store.objects) == 1


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@contextmanager
def listening(house, authority, name=HOST):
    with receiving(Receiver(), *authority.issue(name)) as receiver:
        more = {"authority": authority.file.read_text(), "secret": "", "circumstances": True}
        yield receiver, house.add("syslog", f"syslog://{HOST}:{receiver.port}", **more)


def test_syslog_gets_counted_messages_over_tls(house, authority):
    house.work()
    with listening(house, authority) as (receiver, _):
        head = house.deliver()
        records: list[Any] = [json.loads(each.text) for each in receiver.got]
        assert [each["unmapped"]["position"] for each in records] == list(range(1, head + 1))
        assert REASON in {each["unmapped"].get("reason") for each in records}
        assert {(each.app, each.process) for each in receiver.got} == {("everlog", str(house.tenant.id))}
        assert {each.priority for each in receiver.got} == {108, 109}
        assert re.findall(r'sequenceId="(\d+)"', receiver.got[0].data) == ["1"]


def test_a_record_that_is_not_sound_raises_the_receiver_s_alarm(house, authority):
    log = house.world.logs.of(house.tenant.id)
    fault = Fault("altered", 1, 2)
    look = Checked(datetime.now(UTC), 1.0, True, 1, 9, 9, 1, ("prospects",), True, 0, ())
    for version, found in enumerate((look, replace(look, sound=False, faults=(fault,)))):
        meta = Meta(event=uuid4(), actor=Actor("system", SYSTEM), permission=Check.permission)
        log.submit(f"proofs/{log.tenant}", version, [found], meta).result(30)
    hear(log, "w.example", "remembers another history of the first 2 events")
    with listening(house, authority) as (receiver, _):
        house.deliver()
        told = [(each.priority, json.loads(each.text)) for each in receiver.got if each.id.startswith("proofs.")]
        assert [(priority, made["severity_id"], made["status"]) for priority, made in told] == [
            (109, 1, "Success"),
            (105, 5, "Failure"),
            (105, 5, "Failure"),
        ]
        assert [made["message"] for _, made in told[1:]] == [
            "the record is not sound: altered",
            "a witness disputes the record: remembers another history of the first 2 events",
        ]


def test_a_receiver_that_does_not_confirm_has_not_got_it(house, authority):
    with listening(house, authority) as (receiver, id):
        receiver.confirms = False
        house.deliver()
        assert house.state(id)["served"]["position"] == 0
        receiver.confirms = True
        head = house.deliver()
        assert len(receiver.got) >= head


def test_a_receiver_that_is_not_whom_it_says_gets_nothing(house, authority):
    with listening(house, authority, "other.example") as (receiver, id):
        house.deliver()
        assert receiver.got == []
        assert house.state(id)["served"]["tries"] == 1


def _pem(pair):
    return "".join(each.read_text() for each in pair)


def test_a_receiver_that_wants_to_know_who_sends_is_shown_a_certificate(house, authority, tmp_path):
    other = Authority(tmp_path, "other")
    certificate, key = authority.issue(HOST)
    with receiving(Receiver(), certificate, key, authority.file) as receiver:
        more = {"authority": authority.file.read_text(), "secret": _pem(authority.issue("everlog.example"))}
        id = house.add("syslog", f"syslog://{HOST}:{receiver.port}", **more)
        head = house.deliver()
        assert [json.loads(each.text)["unmapped"]["position"] for each in receiver.got] == list(range(1, head + 1))
        # The control: nobody gets anything in with another authority's certificate, or without any.
        taken = len(receiver.got)
        for secret in (_pem(other.issue("everlog.example")), ""):
            house.do(id, "secret", secret=secret)
            house.deliver()
            assert (len(receiver.got), house.state(id)["served"]["tries"] > 0) == (taken, True)


def test_a_certificate_over_http_is_shown_instead_of_a_token(house, authority):
    shown = _pem(authority.issue("everlog.example"))
    with running(Collector(), authority.issue(HOST), authority.file) as collector:
        address = f"https://{HOST}:{collector.port}/in"
        house.add("http", address, secret=shown, authority=authority.file.read_text())
        head = house.deliver()
        assert collector.positions == list(range(1, head + 1))
        assert not any("authorization" in each.headers for each in collector.got)


@pytest.mark.parametrize(
    ("address", "kind", "cut"),
    [
        (f"https://{HOST}/in", "splunk", lambda pem: pem),
        (f"http://{HOST}/in", "http", lambda pem: pem),
        (f"syslog://{HOST}:6514", "syslog", lambda pem: pem[:300]),
        (f"https://{HOST}/in", "http", lambda pem: pem[::-1]),
    ],
)
def test_what_is_no_certificate_for_such_a_destination_is_refused(house, authority, address, kind, cut):
    secret = cut(_pem(authority.issue("everlog.example")))
    body = {"name": "SIEM", "kind": kind, "address": address, "secret": secret}
    answer = house.ask("POST", "", json=body)
    assert answer.status_code == 422, answer.text
    assert "PRIVATE" not in answer.text
    assert answer.json()["code"] == ("deliveries.secret" if secret.startswith("-----BEGIN ") else "request.invalid")
