"""What the environment names, and what it leaves to files."""

from urllib.parse import quote

import pytest

from api import http, settings
from api.settings import Unset
from api.transport import Insecure
from projections.proofs.note import COSIGNATURE, verifier_key

URL = "postgresql://everlog_app:made-up@127.0.0.1/everlog"
WITNESS = verifier_key("witness.example/w", bytes(32), COSIGNATURE)
NATS = {"EVERLOG_NATS_URL": "nats://127.0.0.1:4222"}


def test_a_secret_is_read_from_a_file_and_is_in_no_child_s_environment(tmp_path, monkeypatch):
    file = tmp_path / "url"
    file.write_text(f"{URL}\n")
    environment = {"EVERLOG_DATABASE_URL_FILE": str(file), "EVERLOG_OWNER_URL_FILE": str(file), **NATS}
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    read = settings.read()
    assert (read.database, read.owner) == (URL, URL)
    child = settings.environment(read)
    assert not any("made-up" in text for text in child.values())
    assert "EVERLOG_OWNER_URL_FILE" not in child
    assert settings.read(child).database == URL
    # The control: what came in the environment goes on in it.
    monkeypatch.delenv("EVERLOG_DATABASE_URL_FILE")
    monkeypatch.setenv("EVERLOG_DATABASE_URL", URL)
    assert settings.environment(settings.read())["EVERLOG_DATABASE_URL"] == URL


def test_a_file_that_is_not_there_or_a_value_given_twice_is_refused(tmp_path):
    with pytest.raises(Unset, match="cannot be read"):
        settings.read({"EVERLOG_DATABASE_URL_FILE": str(tmp_path / "none"), **NATS})
    with pytest.raises(Unset, match="not both"):
        settings.read({"EVERLOG_DATABASE_URL_FILE": str(tmp_path), "EVERLOG_DATABASE_URL": URL, **NATS})


FAR = "postgresql://everlog_app:made-up@db.example/everlog"


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("EVERLOG_DATABASE_URL", f"{FAR}?sslmode=require", "database"),
        ("EVERLOG_REPLICA_URL", f"{FAR}?sslmode=disable", "database"),
        ("EVERLOG_NATS_URL", "tls://nats-1.example,nats://nats-2.example", "nats"),
        ("EVERLOG_WITNESSES", f"http://witness.example {WITNESS}", "witnesses"),
    ],
)
def test_what_would_go_to_another_machine_in_plain_text_is_refused_unless_it_is_said(name, text, what):
    known = {"EVERLOG_DATABASE_URL": URL, **NATS, name: text}
    with pytest.raises(Insecure, match=f"EVERLOG_PLAINTEXT={what}") as problem:
        settings.read(known)
    assert "made-up" not in str(problem.value)
    settings.read({**known, "EVERLOG_PLAINTEXT": f"api, {what}"})
    with pytest.raises(Insecure):
        settings.read({**known, "EVERLOG_PLAINTEXT": "everything"})


@pytest.mark.parametrize("host", ["127.0.0.1:5432", "localhost", "[::1]:5432", "", "%2Fvar%2Frun", "127.0.0.1,[::1]"])
def test_this_machine_needs_no_tls(host):
    url = f"postgresql://everlog_app:made-up@{host}/everlog"
    assert settings.read({"EVERLOG_DATABASE_URL": url, **NATS}).database == url


def test_another_machine_s_database_is_verified_without_being_told(tmp_path):
    own = settings.read({"EVERLOG_DATABASE_URL": FAR, **NATS, "EVERLOG_TLS_CA": str(tmp_path / "ca.pem")})
    assert own.database == f"{FAR}?sslmode=verify-full&sslrootcert={quote(str(tmp_path / 'ca.pem'), safe='')}"
    assert settings.read({"EVERLOG_DATABASE_URL": own.database, **NATS}).database == own.database
    mixed = URL.replace("127.0.0.1", "127.0.0.1,db.example:6432")
    assert "sslmode=verify-full&sslrootcert=" in settings.read({"EVERLOG_DATABASE_URL": mixed, **NATS}).database
    system = settings.read({"EVERLOG_DATABASE_URL": f"{FAR}?sslrootcert=/x.pem", **NATS}).database
    assert system == f"{FAR}?sslrootcert=/x.pem&sslmode=verify-full"


def test_the_api_listens_for_other_machines_with_a_certificate_or_a_word_alone():
    everywhere = {"EVERLOG_HOST": "::"}
    with pytest.raises(Insecure, match="EVERLOG_PLAINTEXT=api"):
        http.listening(settings.read(everywhere), None)
    http.listening(settings.read({**everywhere, "EVERLOG_PLAINTEXT": "api"}), None)
    http.listening(settings.read({}), None)
