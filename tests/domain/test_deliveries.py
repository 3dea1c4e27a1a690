"""A destination is added once, paused and resumed, replayed, removed; its troubles are told once."""

import pytest
from msgspec.structs import replace

from domain.deliveries import (
    Accepted,
    Added,
    Paused,
    Rejected,
    Removed,
    Replayed,
    Resumed,
    SecretChanged,
    accept,
    add,
    change_secret,
    deliveries,
    pause,
    reject,
    remove,
    replay,
    resume,
)
from tests.given import given

SIEM = Added("SIEM", "http", "https://siem.example/in", b"box")
BUCKET = Added("Archive", "s3", "https://s3.example/logs/everlog", b"box", "AKIA", "eu-west-1")


@pytest.mark.parametrize(
    "added",
    [SIEM, BUCKET, Added("S", "syslog", "syslog://logs.example:6514", b""), replace(SIEM, kind="splunk")],
)
def test_a_destination_is_added_once(added):
    given(deliveries).when(add, added).then(added)
    given(deliveries, added).when(add, added).refused("deliveries.exists")


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("http", "ftp://siem.example"),
        ("http", "https://user:word@siem.example"),
        ("http", "https://siem.example/in?token=1"),
        ("http", "https://siem.example/\r\nX: 1"),
        ("http", "syslog://logs.example"),
        ("syslog", "https://logs.example"),
        ("syslog", "syslog://logs.example/path"),
        ("s3", "https://s3.example"),
        ("s3", "https://s3.example/UPPER"),
    ],
)
def test_an_address_fits_its_kind(kind, address):
    of = BUCKET if kind == "s3" else SIEM
    given(deliveries).when(add, replace(of, kind=kind, address=address)).refused("deliveries.address")


def test_a_bucket_alone_has_an_account():
    given(deliveries).when(add, replace(BUCKET, account="")).refused("deliveries.account")
    given(deliveries).when(add, replace(SIEM, account="AKIA")).refused("deliveries.account")


def test_it_is_paused_resumed_replayed_and_removed():
    given(deliveries, SIEM).when(pause).then(Paused())
    given(deliveries, SIEM, Paused()).when(pause).then()
    given(deliveries, SIEM, Paused()).when(resume).then(Resumed())
    given(deliveries, SIEM).when(resume).then()
    given(deliveries, SIEM).when(replay, 7).then(Replayed(7))
    given(deliveries, SIEM).when(change_secret, b"new").then(SecretChanged(b"new"))
    given(deliveries, SIEM).when(remove).then(Removed())
    given(deliveries, SIEM, Removed()).when(remove).then()
    assert deliveries.fold([SIEM, SecretChanged(b"new"), Replayed(7)]).round == 2


@pytest.mark.parametrize(("decide", "more"), [(pause, ()), (resume, ()), (replay, (1,)), (change_secret, (b"x",))])
def test_what_is_not_there_is_unknown(decide, more):
    given(deliveries).when(decide, *more).refused("deliveries.unknown")
    given(deliveries, SIEM, Removed()).when(decide, *more).refused("deliveries.unknown")
    given(deliveries).when(remove).refused("deliveries.unknown")


def test_a_refusal_is_told_once_and_so_is_its_end():
    refused = Rejected("It answers 401.", 3)
    given(deliveries, SIEM).when(reject, "It answers 401.", 3).then(refused)
    given(deliveries, SIEM, refused).when(reject, "It answers 403.", 3).then()
    given(deliveries, SIEM, refused).when(accept).then(Accepted())
    given(deliveries, SIEM).when(accept).then()
    given(deliveries, SIEM, Removed()).when(reject, "It answers 401.", 3).then()
