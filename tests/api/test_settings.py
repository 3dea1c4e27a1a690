"""What the environment names, and what it leaves to files."""

import pytest

from api import settings
from api.settings import Unset

URL = "postgresql://everlog_app:made-up@127.0.0.1/everlog"
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
