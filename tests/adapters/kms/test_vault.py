"""A Vault as key service: bound to name and place, gone when destroyed, told apart from lost, refused and away."""

from functools import partial
from uuid import UUID

import pytest

from adapters.keyring import Cache, Keys, Ring
from adapters.kms import FileKMS, Unnamed, VaultKMS, named
from tenants.keys import EPOCH, KMS, Denied, Destroyed, Misplaced, Missing, Unserved, over_tenant_key
from tests.adapters.kms.transit import Transit, certified, serving

ONE, TWO = UUID(int=1), UUID(int=2)
PLACES = [over_tenant_key(tenant, "subjects", epoch) for tenant in (ONE, TWO) for epoch in (1, 2)]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certified(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def transit():
    return Transit()


@pytest.fixture
def token(tmp_path, transit):
    path = tmp_path / "token"
    path.write_text(transit.token + "\n")
    return path


@pytest.fixture
def setting(transit, certificate, token):
    with serving(transit, *certificate) as url:
        yield f"vault:{url}?token={token}&ca={certificate[0]}"


@pytest.fixture
def kms(setting, tmp_path):
    return named(setting, tmp_path)


def test_it_is_a_key_service(kms):
    assert isinstance(kms, KMS)
    assert isinstance(kms, VaultKMS)


def test_what_is_wrapped_is_unwrapped_by_another_process(kms, setting, tmp_path):
    kms.create("a.subjects.1")
    kms.create("a.subjects.1")
    wrapped = kms.wrap("a.subjects.1", b"secret", b"bound")
    assert b"secret" not in wrapped
    assert named(setting, tmp_path).unwrap("a.subjects.1", wrapped, b"bound") == b"secret"


def swapped(kms):
    """How many wrapped keys open in another's place, of every pair of tenants and epochs."""
    kms.create("a")
    wrapped = [kms.wrap("a", b"secret", place) for place in PLACES]
    opened = 0
    for at, place in enumerate(PLACES):
        for box in wrapped[:at] + wrapped[at + 1 :]:
            try:
                opened += kms.unwrap("a", box, place) == b"secret"
            except Misplaced:
                continue
    return opened


def test_no_wrapped_key_opens_in_the_place_of_another_tenant_or_epoch(kms):
    assert swapped(kms) == 0


def test_without_associated_data_they_would(kms, transit):
    transit.binds = False
    assert swapped(kms) == 12


def test_a_wrapped_key_belongs_to_its_name_and_is_not_to_be_altered(kms):
    kms.create("a")
    kms.create("b")
    wrapped = kms.wrap("a", b"secret", b"")
    for name, box in (("b", wrapped), ("a", wrapped[:-8] + b"AAAAAAA="), ("a", b"\x01" + bytes(40))):
        with pytest.raises(Misplaced):
            kms.unwrap(name, box, b"")


def test_what_was_wrapped_before_the_vault_rotated_its_key_still_opens(kms, transit):
    kms.create("a")
    old = kms.wrap("a", b"old", b"")
    transit.answer("POST", "keys/a/rotate", {})
    new = kms.wrap("a", b"new", b"")
    assert (old[:9], new[:9]) == (b"vault:v1:", b"vault:v2:")
    assert (kms.unwrap("a", old, b""), kms.unwrap("a", new, b"")) == (b"old", b"new")


def test_a_destroyed_key_is_gone_for_ever_and_its_name_is_never_used_again(kms, transit):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    material = transit.keys["a"]["versions"][1]
    kms.destroy("a")
    kms.destroy("a")
    kms.destroy("never")
    assert material not in transit.keys["a"]["versions"].values()
    for name in ("a", "never"):
        for use in (
            partial(kms.create, name),
            partial(kms.wrap, name, b"x", b""),
            partial(kms.unwrap, name, wrapped, b""),
        ):
            with pytest.raises(Destroyed):
                use()


@pytest.mark.parametrize("served", range(1, 5))
def test_a_destruction_that_was_cut_short_is_finished_by_the_next(kms, transit, served):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    answer, left = transit.answer, [served]

    def cut(method, path, body):
        left[0] -= 1
        if left[0] < 0:
            raise ConnectionError
        return answer(method, path, body)

    transit.answer = cut
    with pytest.raises(Unserved):
        kms.destroy("a")
    transit.answer = answer
    kms.destroy("a")
    with pytest.raises(Destroyed):
        kms.unwrap("a", wrapped, b"")


def test_a_key_that_never_was_is_missing_not_destroyed_and_not_made_in_passing(kms, transit):
    with pytest.raises(Missing, match="holds no key never"):
        kms.unwrap("never", b"vault:v1:AAAA", b"")
    with pytest.raises(Missing):
        kms.wrap("never", b"secret", b"")
    assert transit.upserts
    assert not transit.keys


def test_another_mount_is_missing_too(setting, tmp_path, kms):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    with pytest.raises(Missing):
        named(setting + "&mount=other", tmp_path).unwrap("a", wrapped, b"")


def test_a_key_that_may_not_be_used_just_now_is_refused_and_comes_back(kms, transit):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    transit.answer("POST", "keys/a/rotate", {})
    transit.answer("POST", "keys/a/config", {"min_decryption_version": 2})
    with pytest.raises(Denied):
        kms.unwrap("a", wrapped, b"")
    transit.answer("POST", "keys/a/config", {"min_decryption_version": 1})
    assert kms.unwrap("a", wrapped, b"") == b"secret"


def test_a_token_is_read_again_and_one_that_is_refused_is_no_erasure(kms, transit, token):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    transit.token = "second"
    with pytest.raises(Denied, match="renew it"):
        kms.unwrap("a", wrapped, b"")
    token.write_text("second")
    assert kms.unwrap("a", wrapped, b"") == b"secret"
    token.unlink()
    with pytest.raises(Denied, match="cannot be read"):
        kms.unwrap("a", wrapped, b"")


@pytest.mark.parametrize("state", [429, 500, 503])
def test_what_passes_is_tried_three_times(kms, transit, state):
    kms.create("a")
    transit.states = [state, state]
    wrapped = kms.wrap("a", b"secret", b"")
    transit.states, transit.asked = [state] * 3, []
    with pytest.raises(Unserved, match=str(state)):
        kms.unwrap("a", wrapped, b"")
    assert len(transit.asked) == 3
    assert kms.unwrap("a", wrapped, b"") == b"secret"


def test_a_vault_of_another_authority_is_shown_no_token(setting, transit, tmp_path):
    with pytest.raises(Unserved, match="SSLCertVerificationError"):
        named(setting.partition("&ca=")[0], tmp_path).create("a")
    assert transit.asked == []


@pytest.mark.parametrize(
    "wrong",
    [
        "vault:http://127.0.0.1:8200?token=x",
        "vault:https://127.0.0.1",
        "vault:https://h?token=x&tokne=y",
        "vault:https://h?token=x&ca=/nowhere/ca.pem",
        "vault:",
        "file:",
        "s3:x",
    ],
)
def test_a_setting_that_names_no_key_service_is_told(wrong, tmp_path):
    with pytest.raises(Unnamed, match=r"EVERLOG_KMS|authorities"):
        named(wrong, tmp_path / "keys")
    assert not (tmp_path / "keys").exists()


def test_a_folder_is_named_or_the_usual_one(tmp_path):
    for setting, folder in (("", tmp_path / "usual"), (f"file:{tmp_path}/named", tmp_path / "named")):
        assert isinstance(named(setting, tmp_path / "usual"), FileKMS)
        assert folder.is_dir()


def test_a_tenants_keys_live_under_it(kms, database, tenant, transit):
    def process():
        return Ring(Keys(tenant, database, kms, lambda: EPOCH * 100.0), database, Cache())

    first, subject = process(), UUID(int=7)
    first.ensure([subject])
    assert set(transit.keys) == {f"{tenant}.subjects.100", f"{tenant}.tokens.1", f"{tenant}.requests.1"}
    assert process().token("mail", "a") == first.token("mail", "a")
    box = first.get(subject).seal(b"secret", "here")
    assert process().fetch([subject])[subject].open(box, "here") == b"secret"
    transit.states = [503] * 3
    with pytest.raises(Unserved):
        process().fetch([subject])
