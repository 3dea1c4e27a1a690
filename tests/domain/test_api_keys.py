"""An API key's life, and the text that its owner holds."""

from uuid import UUID

import pytest
from hypothesis import given as forall
from hypothesis import strategies

from domain.api_keys import Issued, Revoked, api_keys, issue, prefix, read, revoke, write
from tests.given import given

issued = Issued("ci", "everlog_a_b", b"#" * 32, "Viewer")
tenant, id, secret = UUID(int=7), UUID(int=8), bytes(range(32))


def test_a_key_is_issued_once():
    given(api_keys).when(issue, issued).then(issued)
    given(api_keys, issued).when(issue, issued).then()


def test_another_key_under_the_same_id_is_refused():
    given(api_keys, issued).when(issue, Issued("ci", "everlog_a_b", b"!" * 32, "Admin")).refused("api_keys.exists")


def test_a_key_is_revoked_once():
    given(api_keys, issued).when(revoke).then(Revoked())
    given(api_keys, issued, Revoked()).when(revoke).then()


def test_what_was_never_issued_is_not_revoked():
    given(api_keys).when(revoke).refused("api_keys.unknown")


@forall(strategies.uuids(), strategies.uuids(), strategies.binary(min_size=32, max_size=32))
def test_a_key_says_whose_it_is(tenant, id, secret):
    assert read(write(tenant, id, secret)) == (tenant, id, secret)


@forall(strategies.text())
def test_other_texts_are_no_keys(text):
    assert read(text) is None


@pytest.mark.parametrize(
    "spoil",
    [str.upper, lambda text: text + "a", lambda text: text[:-1], lambda text: text.replace("_", "-"), lambda _: "",
     lambda text: text[:-1] + "b", lambda text: text + "_", lambda text: text.replace("everlog", "everlot")],
)  # fmt: skip
def test_there_is_one_way_to_write_a_key(spoil):
    text = write(tenant, id, secret)
    assert read(text)
    assert read(spoil(text)) is None


def test_a_prefix_tells_the_key_and_not_the_secret():
    assert write(tenant, id, secret).startswith(prefix(tenant, id) + "_")
    assert prefix(tenant, id).count("_") == 2
