"""The Dockerfile, the compose file and what they bring: judged by their own linters, schemas and servers.

No container engine is needed, and none is run: what only a build or a start can show is not shown here.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from adapters.embedded import binaries
from adapters.nats import streams
from api import settings
from api.main import app
from tests.house.sources import ROOT, python

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
NATS = {f"NATS_ROUTE_{n}": f"nats://route:made-up@nats-{n}:6222" for n in (1, 2, 3)} | {"NATS_PASSWORD": "made-up"}
ROOTED = {"nats-folders"}
"""Runs as root, once, without a network, to give fresh volumes away."""
SCRIPTS = sorted(DEPLOY.glob("postgres/*.sh"))


def tool(name: str, *arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    program = name if Path(name).is_absolute() else str(Path(sys.executable).with_name(name))
    words = [program, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment or None)


def judged(file: Path, text: str, linter: Any) -> tuple[int, str]:
    """What a linter says of a file with another text."""
    file.write_text(text)
    done = linter(file)
    return done.returncode, done.stdout + done.stderr


def hadolint(file: Path) -> subprocess.CompletedProcess[str]:
    return tool("hadolint", "--no-color", file)


def schema(file: Path) -> subprocess.CompletedProcess[str]:
    return tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)


def shellcheck(file: Path) -> subprocess.CompletedProcess[str]:
    return tool("shellcheck", "--norc", file)


def nats(file: Path) -> subprocess.CompletedProcess[str]:
    return tool(str(binaries.installed().nats), "-t", "-c", file, **NATS)


@pytest.mark.parametrize(
    ("file", "linter", "whole", "broken"),
    [
        (DEPLOY / "Dockerfile", hadolint, "USER 10001:10001\n", "RUN apt-get install curl\n"),
        (COMPOSE, schema, "cap_drop: [ALL]\n", "cap_drops: [ALL]\n"),
        (DEPLOY / "postgres/primary.sh", shellcheck, '"$PGDATA/pg_hba.conf"', "$PGDATA/pg_hba.conf"),
        (DEPLOY / "postgres/replica.sh", shellcheck, 'rm -rf "$fresh"', "rm -rf $fresh"),
        (DEPLOY / "nats/nats.conf", nats, "store_dir: /data", "store_dirs: /data"),
    ],
    ids=lambda each: each.name if isinstance(each, Path) else "",
)
def test_its_own_linter_finds_nothing_but_what_is_planted(tmp_path, file, linter, whole, broken):
    done = linter(file)
    assert done.returncode == 0, done.stdout + done.stderr
    text = file.read_text()
    assert whole in text
    status, said = judged(tmp_path / file.name, text.replace(whole, broken), linter)
    assert status != 0, said


def test_every_script_is_linted():
    assert [script.name for script in SCRIPTS] == ["primary.sh", "replica.sh"]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(COMPOSE)
    return found


def soft(services: dict[str, Any]) -> set[str]:
    """Services that could do more than they have to."""
    return {
        name
        for name, service in services.items()
        if not service.get("read_only")
        or service.get("cap_drop") != ["ALL"]
        or service.get("security_opt") != ["no-new-privileges:true"]
        or (str(service.get("user", "0")).startswith("0") and name not in ROOTED)
        or service.get("privileged")
    }


def test_no_service_can_do_more_than_it_has_to(compose):
    services = compose["services"]
    assert soft(services) == set()
    assert {name for name, service in services.items() if service.get("cap_add")} == ROOTED
    assert services["nats-folders"]["network_mode"] == "none"


@pytest.mark.parametrize("change", [{"read_only": False}, {"cap_drop": []}, {"user": "0"}, {"security_opt": []}])
def test_a_service_that_can_is_found(compose, change):
    assert soft({"api": {**compose["services"]["api"], **change}}) == {"api"}


def test_everything_that_is_named_exists(compose):
    services, volumes = compose["services"], compose["volumes"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert set(service.get("networks", ())) <= set(compose["networks"])
        for each in service.get("volumes", ()):
            source = each.split(":")[0]
            assert (COMPOSE.parent / source).exists() if source.startswith(".") else source in volumes


def test_the_program_knows_every_variable_it_is_given(compose):
    known = set(settings.NAMES.values()) | set(streams.NAMES.values())
    known |= set(re.findall(r'"(EVERLOG_[A-Z_]+)"', "".join(path.read_text() for path in python(ROOT, "adapters"))))
    image = set(re.findall(r"\b(EVERLOG_[A-Z_]+)=", (DEPLOY / "Dockerfile").read_text()))
    given = {
        variable
        for service in compose["services"].values()
        if str(service["image"]).startswith("everlog")
        for variable in service["environment"]
        if variable.startswith("EVERLOG_")
    }
    assert given | image <= known
    assert {"EVERLOG_DATABASE_URL", "EVERLOG_NATS_URL", "EVERLOG_KEYS"} <= given | image


def cramped(services: dict[str, Any], image: list[str]) -> list[str]:
    """Services that check organisations, and have no disk of their user's for what is folded anew: /tmp is memory."""
    return [
        name
        for name, service in services.items()
        if service.get("command", [""])[0] == "worker"
        and "check" in service["command"]
        and not any(
            each.split(":")[1] == service["environment"].get("TMPDIR") and each.split(":")[1] in image
            for each in service["volumes"]
        )
    ]


def test_a_check_of_a_large_organisation_has_a_disk(compose):
    image = (DEPLOY / "Dockerfile").read_text().split()
    assert "check" in compose["services"]["sealer"]["command"]
    assert cramped(compose["services"], image) == []
    without = {**compose["services"]["sealer"], "volumes": ["keys:/var/lib/everlog/keys"]}
    assert cramped({"sealer": without}, image) == ["sealer"]
    assert cramped(compose["services"], []) == ["sealer"]


def test_every_password_is_asked_for_and_none_stands_here():
    needed = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text()))
    asked = re.findall(r"^(\w+)=(.*)$", (DEPLOY / ".env.example").read_text(), re.MULTILINE)
    assert {name for name, _ in asked} == needed
    assert all(value == "" for _, value in asked)


def test_every_command_is_one_of_the_program(compose):
    given = {
        service["command"][0] for service in compose["services"].values() if str(service["image"]).startswith("everlog")
    }
    assert given == {"migrate", "api", "worker"}
    assert all(command in app for command in given)


def test_keys_and_databases_never_meet(compose):
    """Who reads the database's files or memory must not find there what personal data are encrypted under."""
    for name, service in compose["services"].items():
        holds = {each.split(":")[0] for each in service.get("volumes", ())}
        assert ("keys" in holds) == str(service["image"]).startswith("everlog"), name
        assert holds <= {"keys", "journal", "scratch"} or "keys" not in holds, name
    owners = [name for name, service in compose["services"].items() if "OWNER" in str(service.get("environment"))]
    assert owners == ["migrate", "postgres"]


def test_nothing_but_the_api_can_be_reached(compose):
    assert compose["networks"]["data"]["internal"]
    open_ = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert list(open_) == ["api"]
    assert all(each.startswith("127.0.0.1:") for each in open_["api"])
    assert [name for name, service in compose["services"].items() if "edge" in service.get("networks", ())] == ["api"]


def test_the_image_holds_what_the_wheel_is_made_of_and_no_more():
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[1] == "*"
    assert all((ROOT / each).exists() for each in let_in)
    packages = re.findall(r'^    "(\w+)", "\w+\.\*",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert len(packages) == 7
    assert set(packages) < let_in
    assert not {".git", ".everlog", ".venv", "tests"} & let_in
