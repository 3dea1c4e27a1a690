"""AWS KMS as key service: signed as it wants it, bound to name and place, told apart where refused, away or wrong."""

from uuid import UUID

import pytest

from adapters.keyring import Cache, Keys, Ring
from adapters.kms import AwsKMS, Credentials, Unnamed, named
from adapters.outbound import Outbound
from tenants.keys import EPOCH, KMS, Denied, Destroyed, Misplaced, Missing, Unserved, over_tenant_key
from tests.adapters.kms.transit import certified
from tests.adapters.kms.trent import ALIAS, ARN, REGION, Trent, credentials, serving

ONE, TWO = UUID(int=1), UUID(int=2)
PLACES = [over_tenant_key(tenant, "subjects", epoch) for tenant in (ONE, TWO) for epoch in (1, 2)]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certified(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trent():
    return Trent()


@pytest.fixture
def file(trent, tmp_path):
    return credentials(tmp_path / "credentials", trent)


@pytest.fixture
def options(trent, certificate, file):
    with serving(trent, *certificate) as url:
        yield f"endpoint={url}&credentials={file}&ca={certificate[0]}"


@pytest.fixture
def setting(options):
    return f"aws:{ARN}?{options}"


@pytest.fixture
def kms(setting, tmp_path):
    return named(setting, tmp_path)


def test_it_is_a_key_service(kms):
    assert isinstance(kms, KMS)
    assert isinstance(kms, AwsKMS)


@pytest.mark.parametrize("key", [ARN, f"{ALIAS}?region={REGION}", f"{ARN.rpartition('/')[2]}?region={REGION}"])
def test_what_is_wrapped_is_unwrapped_by_another_process(options, trent, tmp_path, key):
    setting = f"aws:{key}{'&' if '?' in key else '?'}{options}"
    kms = named(setting, tmp_path)
    kms.create("a.subjects.1")
    kms.create("a.subjects.1")
    wrapped = kms.wrap("a.subjects.1", b"secret", b"bound")
    assert b"secret" not in wrapped
    assert named(setting, tmp_path).unwrap("a.subjects.1", wrapped, b"bound") == b"secret"
    assert [action for action, _ in trent.asked] == ["GenerateDataKey", "Decrypt", "Decrypt"]
    assert {str(asked["EncryptionContext"]) for _, asked in trent.asked} == {"{'everlog': 'a.subjects.1'}"}


def test_the_folder_holds_nothing_that_opens_by_itself(kms, tmp_path):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    [blob] = [each.read_bytes() for each in tmp_path.rglob("a")]
    assert len(blob) > 32
    assert b"secret" not in wrapped


def test_a_request_that_another_has_signed_is_refused(kms, trent, file):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    trent.secrets["AKIDFIRST"] = "changed"
    with pytest.raises(Denied, match="InvalidSignatureException"):
        kms.unwrap("a", wrapped, b"")
    credentials(file, trent)
    assert kms.unwrap("a", wrapped, b"") == b"secret"


def test_credentials_that_pass_come_with_their_token(kms, trent, file):
    trent.token = "a session"
    with pytest.raises(Denied, match="UnrecognizedClientException"):
        kms.create("a")
    credentials(file, trent)
    kms.create("a")
    file.unlink()
    with pytest.raises(Denied, match="cannot be read"):
        kms.create("b")


def test_the_server_looks_at_what_was_signed(kms, trent, certificate, monkeypatch):
    """The control: of what arrives otherwise than it was signed, nothing is answered."""
    send = Outbound.send
    for change in (
        lambda headers, body: (headers, body.replace(b"AES_256", b"AES_128")),
        lambda headers, body: ({**headers, "x-amz-date": "20150830T123600Z"}, body),
        lambda headers, body: ({**headers, "X-Amz-Target".lower(): "TrentService.Encrypt"}, body),
        lambda headers, body: ({name: value for name, value in headers.items() if name != "authorization"}, body),
    ):

        def altered(self, method, url, headers, body, change=change):
            return send(self, method, url, *change(headers, body))

        monkeypatch.setattr(Outbound, "send", altered)
        with pytest.raises(Denied):
            kms.create("a")
    assert trent.asked == []


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


def exchanged(kms, tmp_path):
    """Whether what lies under one name opens after the folder's two files changed places."""
    for name in ("a", "b"):
        kms.create(name)
    wrapped = kms.wrap("a", b"secret", b"")
    one, other = (next(tmp_path.rglob(name)) for name in ("a", "b"))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    try:
        return kms.unwrap("b", wrapped, b"") == b"secret"
    except Misplaced:
        return False


def test_no_data_key_opens_under_the_name_of_another(kms, tmp_path):
    assert not exchanged(kms, tmp_path)


def test_without_an_encryption_context_it_would(kms, trent, tmp_path):
    trent.binds = False
    assert exchanged(kms, tmp_path)


def test_a_destroyed_key_is_gone_for_ever_and_its_name_is_never_used_again(kms, setting, tmp_path):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    blob = next(tmp_path.rglob("a")).read_bytes()
    for _ in range(2):
        kms.destroy("a")
    for service in (kms, named(setting, tmp_path)):
        with pytest.raises(Destroyed):
            service.unwrap("a", wrapped, b"")
        with pytest.raises(Destroyed):
            service.create("a")
    assert all(blob not in each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())


def test_a_key_that_never_was_is_missing_not_destroyed(kms, trent):
    with pytest.raises(Missing, match="holds no key never"):
        kms.unwrap("never", bytes(40), b"")
    assert trent.asked == []


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion", "no grant"])
def test_what_its_owner_takes_back_is_refused_and_comes_back(kms, trent, state):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    trent.state, trent.grants = ("Enabled", False) if state == "no grant" else (state, True)
    with pytest.raises(Denied):
        kms.unwrap("a", wrapped, b"")
    trent.state, trent.grants = "Enabled", True
    assert kms.unwrap("a", wrapped, b"") == b"secret"


def test_another_key_of_aws_is_refused_and_no_erasure(options, tmp_path):
    other = named(f"aws:{ARN[:-4]}beef?{options}", tmp_path)
    with pytest.raises(Denied, match="NotFoundException"):
        other.create("a")


PASSING = [(400, "ThrottlingException"), (500, "KMSInternalException"), (503, ""), (400, "x#RequestTimeoutException:")]


@pytest.mark.parametrize("trouble", PASSING)
def test_what_passes_is_tried_three_times(kms, trent, trouble):
    kms.create("a")
    trent.troubles = [trouble] * 2
    wrapped = kms.wrap("a", b"secret", b"")
    trent.troubles = [trouble] * 3
    with pytest.raises(Unserved):
        kms.unwrap("a", wrapped, b"")
    assert trent.troubles == []
    assert kms.unwrap("a", wrapped, b"") == b"secret"


def test_aws_of_another_authority_is_asked_nothing(setting, trent, tmp_path):
    with pytest.raises(Unserved, match="SSLCertVerificationError"):
        named(setting.partition("&ca=")[0], tmp_path).create("a")
    assert trent.asked == []


def test_credentials_are_where_aws_s_own_tools_look_for_them(tmp_path):
    given = {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "from there", "AWS_SESSION_TOKEN": "t"}
    signer = Credentials(environment=given).signer(REGION)
    assert (signer.access, signer.secret, signer.token, signer.service) == ("AKIDENV", "from there", "t", "kms")
    with pytest.raises(Denied, match="environment"):
        Credentials(environment={}).signer(REGION)
    (tmp_path / "some").write_text("[other]\naws_access_key_id = AKIDFILE\naws_secret_access_key = per%cent\n")
    assert Credentials(tmp_path / "some", "other").signer(REGION).secret == "per%cent"
    for wrong in (Credentials(tmp_path / "some"), Credentials(tmp_path / "none")):
        with pytest.raises(Denied, match="cannot be read"):
            wrong.signer(REGION)


@pytest.mark.parametrize(
    "wrong",
    [
        "aws:",
        "aws:alias/everlog",
        "aws:anything?region=eu-central-1",
        f"aws:{ARN}?endpoint=http://127.0.0.1:1",
        f"aws:{ARN}?secret=x",
        f"aws:{ARN}?ca=/nowhere/ca.pem",
    ],
)
def test_a_setting_that_names_no_key_is_told(wrong, tmp_path):
    with pytest.raises(Unnamed, match=r"EVERLOG_KMS|authorities"):
        named(wrong, tmp_path / "keys")
    assert not (tmp_path / "keys").exists()


def test_a_tenants_keys_live_under_it(kms, database, tenant, trent):
    def process():
        return Ring(Keys(tenant, database, kms, lambda: EPOCH * 100.0), database, Cache())

    first, subject = process(), UUID(int=7)
    first.ensure([subject])
    made = {asked["EncryptionContext"]["everlog"] for action, asked in trent.asked if action == "GenerateDataKey"}
    assert made == {f"{tenant}.subjects.100", f"{tenant}.tokens.1", f"{tenant}.requests.1"}
    assert process().token("mail", "a") == first.token("mail", "a")
    box = first.get(subject).seal(b"secret", "here")
    assert process().fetch([subject])[subject].open(box, "here") == b"secret"
    trent.troubles = [(503, "")] * 3
    with pytest.raises(Unserved):
        process().fetch([subject])
