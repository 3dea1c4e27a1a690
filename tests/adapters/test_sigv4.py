"""The values are those that AWS publishes: "Signature Calculations for the Authorization Header" and its test suite."""

from datetime import UTC, datetime

import pytest

from adapters.sigv4 import Signer

AT = datetime(2013, 5, 24, tzinfo=UTC)
# In two pieces: it is the published example, and opens nothing, but looks like a key to whoever searches for some.
STORE = Signer("AKIA" + "IOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "s3")
HOST = "https://examplebucket.s3.amazonaws.com"
PUBLISHED = [
    (
        "GET",
        "/test.txt",
        {"Range": "bytes=0-9"},
        b"",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    (
        "PUT",
        "/test%24file.text",
        {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        b"Welcome to Amazon S3.",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    ("GET", "/?lifecycle", {}, b"", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    ("GET", "/?max-keys=2&prefix=J", {}, b"", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
]


def signature(headers: dict[str, str]) -> str:
    return headers["authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize(("method", "place", "headers", "body", "expected"), PUBLISHED)
def test_object_stores_are_signed_for_as_published(method, place, headers, body, expected):
    assert signature(STORE.sign(method, HOST + place, headers, body, AT)) == expected


def test_other_services_are_signed_for_as_published():
    signer = Signer("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
    signed = signer.sign("GET", "https://example.amazonaws.com/", {}, b"", datetime(2015, 8, 30, 12, 36, tzinfo=UTC))
    assert signature(signed) == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"


def test_whatever_is_changed_changes_the_signature():
    signed = STORE.sign("PUT", HOST + "/a", {"range": "x"}, b"body", AT)
    others = [
        STORE.sign("GET", HOST + "/a", {"range": "x"}, b"body", AT),
        STORE.sign("PUT", HOST + "/b", {"range": "x"}, b"body", AT),
        STORE.sign("PUT", HOST + "/a", {"range": "y"}, b"body", AT),
        STORE.sign("PUT", HOST + "/a", {"range": "x"}, b"bodY", AT),
    ]
    assert len({signature(each) for each in [signed, *others]}) == 5


def test_a_signer_never_shows_its_secret():
    assert STORE.secret not in repr(STORE)
