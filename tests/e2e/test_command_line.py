"""The command line, each command in a process of its own, as an operator and a script meet it."""

import os
import re
import socket
import subprocess
import sys
from contextlib import closing, suppress
from uuid import uuid4

import httpx2
import msgspec
import psycopg
import pytest

from api.main import GROUPS
from api.settings import Unset, of_running, read
from tests.adapters.supervising import ROOT
from tests.e2e.conftest import APPLICATIONS
from tests.served import environment, everlog, free_port, started
from tests.waiting import until

HEAVY = ("sklearn", "river", "litestar", "psycopg", "numpy", "nats", "sqlalchemy")
ALONE = ("serve", "api", "worker", "migrate", "check-walls", "demo")


def test_help_is_light():
    """`-X importtime` tells of every import; the control is a command that has to work."""
    for words, light in ((["--help"], True), (["views", str(APPLICATIONS)], False)):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "api.main", *words],
            env=environment(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
        assert "cyclopts" in loaded
        assert light == loaded.isdisjoint(HEAVY)


def test_help_says_what_each_command_does():
    whole = everlog(["--help"], environment()).stdout
    for name in (*ALONE, *GROUPS):
        assert f" {name} " in whole
    assert "everlog serve" in whole


@pytest.mark.parametrize("words", [["serve"], ["demo"], ["tenants", "create"], ["api-keys", "create"], ["audit"]])
def test_help_names_every_parameter(words):
    done = everlog([*words, "--help"], environment())
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: everlog {' '.join(words)}")


def test_wrong_usage_is_2_and_says_what_is_wrong():
    for words, what in (
        (["frobnicate"], "frobnicate"),
        (["tenants", "create"], "tenants create"),
        (["tenants", "create", ""], "Invalid value"),
        (["tenants", "create", "x" * 201], "Invalid value"),
        (["audit", "x"], "UUID"),
        (["audit", str(uuid4()), "--limit", "0"], "--limit"),
        (["api-keys", "create", str(uuid4()), "--name", ""], "--name"),
        (["api-keys", "create", str(uuid4()), "--days", "-1"], "--days"),
        (["api-keys", "create", str(uuid4()), "--days", "9999999"], "--days"),
    ):
        done = everlog(words, environment())
        assert done.returncode == 2, (words, done)
        assert what in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["tenants", "create", "Acme"], ["check-walls"], ["migrate"], ["worker", "views"]])
def test_where_nothing_runs_it_says_how_to_start(words, tmp_path):
    done = everlog(words, environment(EVERLOG_HOME=str(tmp_path / "empty")))
    assert done.returncode == 1
    assert done.stderr.startswith("everlog: No server runs in ")
    assert "everlog serve" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EVERLOG_PORT", "many"),
        ("EVERLOG_PORT", "99999"),
        ("EVERLOG_POLL_SECONDS", "-1"),
        ("EVERLOG_REQUESTS_PER_MINUTE", "0"),
        ("EVERLOG_DATABASE_URL", "dbname=secret"),
        ("EVERLOG_DATABASE_URL", "postgresql://host/secret"),
        ("EVERLOG_DATABASE_URL", "postgresql://app:secret@host/everlog"),
        ("EVERLOG_NATS_URL", "nats://host"),
        ("EVERLOG_OWNER_URL", "secret"),
    ],
)
def test_a_wrong_setting_is_named_in_a_plain_message(name, value, tmp_path):
    done = everlog(["serve"], environment(EVERLOG_HOME=str(tmp_path / "home"), **{name: value}))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert name in done.stderr
    assert "secret" not in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_data_folder_that_is_a_file_is_a_plain_message(tmp_path):
    (tmp_path / "home").touch()
    for words in (["serve"], ["tenants", "list"]):
        done = everlog(words, environment(EVERLOG_HOME=str(tmp_path / "home"), EVERLOG_PORT=str(free_port())))
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert str(tmp_path / "home") in done.stderr


def test_what_another_user_runs_is_a_plain_message(tmp_path, monkeypatch):
    (tmp_path / "serving.json").write_text('{"pid": "1"}')

    def denied(*_):
        raise PermissionError

    monkeypatch.setattr("os.kill", denied)
    with pytest.raises(Unset, match="another user"):
        of_running(read({"EVERLOG_HOME": str(tmp_path)}))


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_cannot_be_is_wrong_usage(port):
    for command in ("serve", "demo"):
        done = everlog([command, "--port", port], environment())
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert "--port" in done.stdout + done.stderr


def test_a_port_that_is_taken_is_a_plain_message(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        done = everlog(["serve", "--port", str(port)], environment(EVERLOG_HOME=str(tmp_path / "home")))
    assert done.returncode == 1
    assert done.stderr.startswith(f"everlog: Port {port} on 127.0.0.1 cannot be used")
    assert not (tmp_path / "home" / "postgres").exists()


def test_an_api_beside_the_server_has_a_port_of_its_own(house, run):
    """The control is the port that is taken: the server's."""
    port = free_port()
    with started(["api"], house.environment | {"EVERLOG_PORT": str(port)}) as beside:
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60)
        beside.terminate()
        assert beside.wait(60) == 0
    done = run("api")
    assert done.returncode == 1
    assert done.stderr.startswith(f"everlog: Port {house.port} on 127.0.0.1 cannot be used")


def answers(url):
    with suppress(httpx2.TransportError):
        return httpx2.get(url).is_success


def test_a_folder_that_is_in_use_is_a_plain_message(house):
    done = everlog(["serve", "--port", str(free_port())], house.environment)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert str(house.home) in done.stderr


def test_a_part_that_no_worker_has_is_a_plain_message(run):
    done = run("worker", "vews")
    assert done.returncode == 1
    assert done.stderr == "everlog: A worker has the parts views, relay, learning, seal, check, deliver, and no vews.\n"


def test_what_serve_says_is_where_it_answers(house):
    assert f"http://127.0.0.1:{house.port}" in house.told()


def test_a_tenants_first_key_is_an_admins(ask, house):
    made = ask("tenants", "create", "Umbrella")
    answer = httpx2.get(f"{house.url}/v1/audit", headers={"Authorization": f"Bearer {made['key']}"})
    assert (made["role"], answer.status_code) == ("Admin", 200)


def test_a_key_does_what_its_role_may_until_it_is_revoked(run, ask, acme, house):
    said = run("api-keys", "create", str(acme.tenant), "--role", "Viewer").stdout
    made = ask("api-keys", "create", str(acme.tenant), "--role", "Viewer", "--days", "1")
    assert re.match(r"API key [0-9a-f-]{36} \(Viewer\), shown only now:\neverlog_", said)
    headers = {"Authorization": f"Bearer {made['key']}"}
    ways = {path: f"{house.url}{path}" for path in ("/v1/prospects", "/v1/audit")}
    assert {path: httpx2.get(way, headers=headers).status_code for path, way in ways.items()} == {
        "/v1/prospects": 200,
        "/v1/audit": 403,
    }
    assert ask("api-keys", "revoke", str(acme.tenant), made["id"]) == {"revoked": made["id"]}
    # The process that revokes is not the one that serves.
    until(lambda: httpx2.get(ways["/v1/prospects"], headers=headers).status_code != 200)
    assert httpx2.get(ways["/v1/prospects"], headers=headers).json()["code"] == "auth.revoked"


def test_a_key_that_never_was_cannot_be_revoked(run, acme):
    done = run("api-keys", "revoke", str(acme.tenant), str(acme.tenant))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.splitlines()[-1].startswith("everlog: api_keys.unknown: ")


@pytest.mark.parametrize("words", [["api-keys", "create"], ["audit"], ["views"]])
def test_a_tenant_that_never_was_is_a_plain_message(run, words):
    nobody = uuid4()
    done = run(*words, str(nobody))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"everlog: There is no organisation {nobody} here" in done.stderr


def test_tenants_are_listed_with_their_names(ask, acme):
    known = {each["tenant"]: each["name"] for each in ask("tenants", "list")["tenants"]}
    assert known[str(acme.tenant)] == "Acme"


def test_walls_without_a_hole_are_0_and_with_one_1(run, ask, house):
    assert run("check-walls").stdout == "No hole found.\n"
    assert ask("check-walls") == {"findings": []}
    with psycopg.connect(house.settings.owner, autocommit=True) as owner:
        owner.execute("alter table everlog.stamps no force row level security")
        try:
            done = run("check-walls", "--json")
        finally:
            owner.execute("alter table everlog.stamps force row level security")
    assert done.returncode == 1
    assert "stamps" in " ".join(msgspec.json.decode(done.stdout)["findings"])
    assert run("check-walls").returncode == 0


def test_the_trail_is_asked_by_kind_and_number(run, ask, lived):
    rows = ask("audit", str(lived.tenant), "--type", "prospects.captured", "--limit", "3")
    assert [each["type"] for each in rows] == ["prospects.captured"] * 3
    assert rows[0]["position"] > rows[1]["position"]
    lines = run("audit", str(lived.tenant), "--limit", "2").stdout.splitlines()
    assert len(lines) == 2
    assert ask("audit", str(lived.tenant), "--before", "2001-01-01") == []


def test_a_bundle_of_a_running_product_is_verified_by_python_alone(run, ask, lived, tmp_path):
    file, last = tmp_path / "bundle", lived.position.rpartition(":")[2]
    span = ("--tenant", str(lived.tenant), "--last", last, "-o", str(file))
    assert ask("audit", "bundle", *span, "--type", "prospects.won", "--type", "prospects.lost")["events"] == int(last)
    checked = [sys.executable, "-I", "-S", ROOT / "clients" / "verifier" / "everlog_verify.py", file, "--json"]
    told = msgspec.json.decode(subprocess.run(checked, capture_output=True, check=True).stdout)
    assert (told["verified"], told["events"]) == (True, int(last))
    assert 0 < told["shown"] < told["events"]
    done = run("audit", "bundle", "--tenant", str(lived.tenant), "--first", "9" * 9, "-o", str(tmp_path / "none"))
    assert (done.returncode, "sealed up to position" in done.stderr, (tmp_path / "none").exists()) == (1, True, False)


def test_no_view_is_behind(run, ask, lived):
    assert {each["positions"] for each in ask("views", str(lived.tenant))} == {0}
    assert "0 behind  0 parked" in run("views", str(lived.tenant)).stdout


@pytest.fixture(scope="module")
def booked(lived):
    """The last prediction: it rests on all that was learned before."""
    [found] = lived.get("/v1/predictions", model="prospects.conversion", sort="-number", limit=1)["items"]
    assert found["learned"] > 0
    return found


def test_a_prediction_is_made_again_bit_for_bit_under_any_hash_seed(run, ask, lived, booked):
    for seed in ("0", "4711"):
        again = ask("predictions", "recompute", booked["id"], "--tenant", str(lived.tenant), PYTHONHASHSEED=seed)
        assert (again["verdict"], again["differing"]) == ("equal", [])
        assert again["again"] == again["probability"] == booked["probability"]
    said = run("predictions", "recompute", booked["id"])
    assert (said.returncode, said.stdout.partition(":")[0]) == (0, "equal")


def test_a_prediction_that_never_was_is_a_plain_message(run, lived):
    done = run("predictions", "recompute", str(lived.tenant))
    assert done.returncode == 1
    assert "There is no prediction" in done.stderr.splitlines()[-1]


def test_a_prediction_is_the_same_after_a_restart(house, ask, lived, booked):
    house.stop()
    house.start()
    assert ask("predictions", "recompute", booked["id"], "--tenant", str(lived.tenant))["verdict"] == "equal"
    assert lived.get(f"/v1/predictions/{booked['id']}") == booked


def test_a_record_that_cannot_be_looked_at_is_neither_sound_nor_unsound(tmp_path):
    done = everlog(["audit", "verify", "--tenant", str(uuid4())], environment(EVERLOG_HOME=str(tmp_path)))
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing could be verified" in done.stderr


def test_an_ordinary_users_database_server_can_read_what_the_product_can(tmp_path):
    given = {"EVERLOG_HOME": str(tmp_path)}
    as_root = os.geteuid() == 0
    assert read(given).shared != as_root
    if as_root:
        os.chown(tmp_path, 65534, -1)
        assert read(given).shared
    assert not read({**given, "EVERLOG_DATABASE_URL": "postgresql://app@x/y", "EVERLOG_NATS_URL": "tls://x"}).shared
