"""The object store of these tests accepts what AWS publishes as signed, and nothing that was changed."""

import pytest
from msgspec.structs import replace

from tests.destinations.collector import Got, signed

ACCOUNT = "AKIA" + "IOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NAMES = "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class"
PUBLISHED = Got(
    "PUT",
    "/test%24file.text",
    {
        "authorization": f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={NAMES},Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        "date": "Fri, 24 May 2013 00:00:00 GMT",
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    },
    b"Welcome to Amazon S3.",
)


def test_the_published_example_is_signed():
    assert signed(PUBLISHED, ACCOUNT, SECRET, "us-east-1")


@pytest.mark.parametrize(
    "changed",
    [
        replace(PUBLISHED, method="GET"),
        replace(PUBLISHED, path="/test%24file.txt"),
        replace(PUBLISHED, headers=PUBLISHED.headers | {"x-amz-storage-class": "STANDARD"}),
        replace(PUBLISHED, headers=PUBLISHED.headers | {"x-amz-content-sha256": "0" * 64}),
    ],
)
def test_control_what_was_changed_is_not(changed):
    assert not signed(changed, ACCOUNT, SECRET, "us-east-1")
    assert not signed(PUBLISHED, ACCOUNT, SECRET + "x", "us-east-1")
    assert not signed(PUBLISHED, ACCOUNT, SECRET, "eu-west-1")
