"""Attacks by the database's superuser are found where they were done, and nothing is where nobody attacked."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

import msgspec
import psycopg
import pytest

from adapters.proofs.looks import Looks
from application.proofs import Looked
from tests.adapters.supervising import ROOT
from tests.attacks import silence
from tests.attacks.__main__ import stolen
from tests.attacks.book import ATTACKS, Theft
from tests.attacks.deeds import PLACE
from tests.attacks.silence import SILENCES
from tests.attacks.stage import staged
from tests.served import environment

SHORT = (
    "edit-body",
    "drop-one",
    "re-sign",
    "change-prediction",
    "edit-view-row-and-digest",
    "restore-erased-key",
    "read-signing-key",
    "lie-to-the-app",
    "append-a-look",
)


def told(*words):
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks", "--json", *words],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, [msgspec.json.decode(line) for line in done.stdout.splitlines()], done.stderr


def test_some_attacks_are_found_in_their_place_and_clean_runs_stay_clean():
    code, (*lines, total), complaints = told(*SHORT, "--runs", "1")
    assert [each["attack"] for each in lines if each["detected"]] == list(SHORT), complaints
    assert total == {"attacks": len(SHORT), "detected": len(SHORT), "clean_runs": 1, "false_alarms": 0}
    assert code == 0


@pytest.mark.long
def test_every_attack_is_found_and_a_hundred_clean_runs_stay_clean():
    code, (*lines, total), complaints = told("--runs", "100")
    assert not [each for each in lines if not each.get("detected")], complaints
    assert len(ATTACKS) >= 30
    assert (total["detected"], total["false_alarms"], code) == (len(ATTACKS), 0, 0)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with staged(tmp_path_factory.mktemp("attacked") / "home") as stage:
        yield stage


@pytest.mark.long
def test_an_event_appended_by_hand_is_outside_the_claim_where_nothing_personal_is_in_it(stage):
    """As docs/explanation/trust.md says; `forge-prediction` and `append-copy` are those that something gives away."""
    [org] = stage.found(1)
    head = org.head
    with stage.attacker() as connection:
        by_hand(connection, org)
    stage.settled(org)
    assert org.head > head
    assert stage.verdict(org).sound


class Believing(Looks):
    """What a worker went by before it remembered: the last look that the log tells of."""

    def __init__(self, stage):
        super().__init__(stage.settings.keys)
        self.stage = stage

    def last(self, tenant):
        with self.stage.attacker() as connection:
            sql = "select max(recorded_at) from everlog.events where tenant_id = %s and type = 'proofs.checked'"
            [(at,)] = connection.execute(sql, [tenant]).fetchall()
        return Looked(at, sound=True) if at else super().last(tenant)

    def all(self):
        return {}


@pytest.mark.long
def test_a_worker_that_goes_by_the_log_and_the_database_is_silenced(stage):
    """The control of the attacks that silence it."""
    for name in ("append-a-look", "hide-from-the-worker"):
        org, other = stage.found(2)
        assert silence.told(stage, SILENCES[name], org, other, Believing(stage))["detected"] is False
        assert silence.told(stage, SILENCES[name], org, other)["detected"] is True


@pytest.mark.long
@pytest.mark.parametrize("name", ["read-signing-key", "read-signing-key-by-program"])
def test_a_key_that_the_server_may_read_is_said_to_be_read(stage, name):
    """The control: the same attempt on a key that lies open; and no file at all is not taken for one out of reach."""
    [org] = stage.found(1)
    key, theft = Path(org.keys, "proofs", f"{org.id}.key"), ATTACKS[name]
    assert isinstance(theft, Theft)
    assert stolen(stage, theft, key)["detected"] is True
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        copy = Path(shutil.copy(key, folder))
        copy.chmod(0o644)
        assert stolen(stage, theft, copy) == {"detected": False, "position": None, "why": "The key was read."}
        with stage.attacker() as connection, pytest.raises((psycopg.Error, ValueError)) as missing:
            theft.read(connection, copy.with_suffix(".missing"))
        assert not isinstance(missing.value, psycopg.errors.InsufficientPrivilege)


def by_hand(connection, org):
    """A prospect is won that nobody won: well-formed in everything, with the head moved."""
    event = f"{uuid4()}"
    meta = f'{{"event":"{event}","actor":{{"kind":"user","id":"{uuid4()}"}},"permission":"prospects.win"}}'
    connection.execute(
        """insert into everlog.events
            (tenant_id, position, stream, version, type, event_id, recorded_at, meta, body, salt, generation)
        select tenant_id, %s, stream, version + 1, 'prospects.won', %s, now(), %s, %s, sha256(salt)::bytea, generation
        from everlog.events where tenant_id = %s and position = %s""",
        [
            org.head + 1,
            event,
            meta.encode(),
            b'{"type":"prospects.won","left":"new","value":100,"currency":"EUR"}',
            org.id,
            PLACE,
        ],
    )
    connection.execute("update everlog.heads set position = position + 1 where tenant_id = %s", [org.id])
