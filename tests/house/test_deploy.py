"""The files of deploy/ speak of settings and commands that there are."""

import re

from api.main import app
from tests.house.sources import ROOT

DEPLOY = ROOT / "deploy"
PASSWORDS = {"EVERLOG_APP_PASSWORD", "EVERLOG_WORKER_PASSWORD", "EVERLOG_OWNER_PASSWORD"}


def strange(text, known):
    return set(re.findall(r"\bEVERLOG_[A-Z_]+\b", text)) - known - PASSWORDS


def known():
    return set(re.findall(r"`(EVERLOG_[A-Z_]+)`", (ROOT / "docs/reference/configuration.md").read_text()))


def test_each_setting_is_one_of_the_products():
    for name in ("compose.yaml", "Dockerfile"):
        assert strange((DEPLOY / name).read_text(), known()) == set()
    assert strange("EVERLOG_DATABASE_URI: x", known()) == {"EVERLOG_DATABASE_URI"}


def test_each_password_of_compose_is_asked_for():
    needed = set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text()))
    given = set(re.findall(r"^(\w+)=$", (DEPLOY / ".env.example").read_text(), re.MULTILINE))
    assert needed == given


def test_each_command_is_one_of_everlogs():
    commands = re.findall(r"^    command: \[(\w+)", (DEPLOY / "compose.yaml").read_text(), re.MULTILINE)
    assert set(commands) == {"migrate", "api", "worker"}
    assert all(command in app for command in commands)


def test_the_image_does_not_run_as_root():
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE)[-1] == "10001"
    assert "read_only: true" in (DEPLOY / "compose.yaml").read_text()
