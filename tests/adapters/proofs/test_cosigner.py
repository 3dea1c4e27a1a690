"""Checkpoints are brought to a witness that runs by itself: cosigned, caught up with, and refused where they fork."""

import subprocess
import sys
import time
from base64 import b64decode
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.outbound import Outbound
from adapters.proofs.anew import Anew
from adapters.proofs.cosigner import Cosigned, Cosigner
from adapters.proofs.proven import Proven
from adapters.proofs.sealer import Sealer
from adapters.proofs.witness import Witness
from domain.kernel import Refused
from projections.proofs.found import Findings
from projections.proofs.note import base64, verifier_key
from projections.proofs.submission import witnesses
from tests.adapters.proofs.test_witness import LOG, NAME, PUBLIC, ROOT, process
from tests.served import free_port


class House:
    """A log that is sealed, and a witness of it, for as long as one stands."""

    def __init__(self, tenant, keeper, signer, grow, folder):
        self.tenant, self.keeper, self.signer, self.grow, self.folder = tenant, keeper, signer, grow, folder
        self.sealer, self.proven = Sealer(tenant, keeper, signer), Proven(keeper, signer)
        self.port, self.told, self.time, self.disputes = free_port(), {}, 0.0, []
        self.seal(3)
        self.key = signer.key(tenant)
        self.witness = made(folder, self.key)
        self.again()

    def again(self):
        """Begin as a process does that starts: it remembers nothing."""
        [named] = witnesses(f"http://127.0.0.1:{self.port} {self.witness}")
        cosigner = Cosigner(named, Outbound(private=True), lambda: self.time)
        self.cosigned = Cosigned(self.tenant, self.keeper, cosigner, self.told.__setitem__, self._disputed)
        self.proven = Proven(self.keeper, self.signer, [named])

    def _disputed(self, tenant, why):
        self.disputes.append(why)

    def seal(self, many):
        self.grow(many)
        while self.sealer.seal():
            pass

    @contextmanager
    def standing(self, *start, keys=()):
        with process(self.folder, *start, keys=keys or [self.key], port=self.port):
            yield

    def step(self):
        # Whatever pause was made is over.
        self.time += 1000
        return self.cosigned.step(1)

    @property
    def behind(self):
        [lag] = self.cosigned.lag()
        return lag.positions

    def verified(self, file, key="", text=""):
        file.write_text(text or self.proven.checkpoint(self.tenant, 0), encoding="utf-8")
        verifier = ROOT / "clients" / "verifier" / "everlog_verify.py"
        asked = [sys.executable, "-I", verifier, file, "--key", self.key, "--witness", key or self.witness]
        return subprocess.run(asked, capture_output=True, check=False).returncode


def made(folder, key):
    """The verifier key of a witness that is to stand there."""
    witness = Witness(folder, NAME, [key])
    witness.close()
    return witness.key


@pytest.fixture
def house(tenant, keeper, signer, grow, tmp_path):
    return House(tenant, keeper, signer, grow, tmp_path / "witness")


def lines(house):
    return house.proven.checkpoint(house.tenant, 0).partition("\n\n")[2].splitlines()


def test_each_new_checkpoint_is_cosigned_and_shown_with_the_witness_s_line(house, tmp_path):
    file = tmp_path / "checkpoint"
    assert (len(lines(house)), house.verified(file)) == (1, 1)
    with house.standing():
        assert house.step() == 3
        assert (house.verified(file), house.behind) == (0, 0)
        house.seal(300)
        assert house.step() == 300
        assert house.step() == 0
        [seen] = house.proven.witnesses(house.tenant)
        assert (seen.name, seen.key, seen.size, seen.sealed) == (NAME, house.witness, 303, 303)
        assert abs(seen.cosigned_at.timestamp() - time.time()) < 600
    assert (len(lines(house)), lines(house)[1].split()[1]) == (2, NAME)
    assert house.verified(file) == 0
    # The control: one bit of the witness's line, and another witness's key.
    head, _, last = house.proven.checkpoint(house.tenant, 0).rpartition(" ")
    raw = b64decode(last)
    assert house.verified(file, text=f"{head} {base64(bytes([*raw[:-1], raw[-1] ^ 1]))}\n") == 1
    other = made(tmp_path / "other", house.key)
    assert house.verified(file, other) == 1


def test_the_last_checkpoint_that_enough_have_cosigned_is_asked_for(house, tmp_path):
    with pytest.raises(Refused, match=r"proofs\.uncosigned"):
        house.proven.checkpoint(house.tenant, 1)
    with house.standing():
        house.step()
    house.seal(2)
    text = house.proven.checkpoint(house.tenant, 1)
    assert text.splitlines()[1] == "3"
    assert house.verified(tmp_path / "checkpoint", text=text) == 0
    assert house.proven.checkpoint(house.tenant, 0).splitlines()[1] == "5"
    with pytest.raises(Refused, match=r"proofs\.uncosigned"):
        house.proven.checkpoint(house.tenant, 2)


def test_while_the_witness_is_away_appends_are_sealed_and_later_it_catches_up(house, tmp_path):
    for _ in range(3):
        house.seal(4)
        assert house.step() == 0
    assert (house.behind, house.told) == (15, {})
    with house.standing():
        assert house.step() == 15
    assert (house.behind, house.verified(tmp_path / "checkpoint")) == (0, 0)


def test_what_the_witness_remembers_beyond_us_is_gone_on_from(house, owner):
    """It had cosigned, and the process ended before that was kept."""
    with house.standing():
        house.step()
        owner.execute("delete from everlog.cosignatures where tenant_id = %s", [house.tenant])
        house.again()
        assert house.step() == 3
        owner.execute("delete from everlog.cosignatures where tenant_id = %s", [house.tenant])
        house.seal(5)
        house.again()
        assert house.step() == 8
    assert (len(lines(house)), house.told) == (2, {})


def test_a_line_that_somebody_put_into_the_database_is_not_shown(house, owner, tmp_path):
    with house.standing():
        house.step()
    good = lines(house)
    assert found(house) == []
    [(line,)] = owner.execute("select line from everlog.cosignatures where tenant_id = %s", [house.tenant]).fetchall()
    for witness, forged in (("nonsense", line), (house.key, line), (house.witness.replace("w1", "w2"), "nonsense")):
        owner.execute("insert into everlog.cosignatures values (%s, 1, 3, %s, %s)", [house.tenant, witness, forged])
    assert lines(house) == good
    assert house.verified(tmp_path / "checkpoint") == 0
    assert [(each.kind, each.position) for each in found(house)] == [("cosignature", 3)]


def found(house):
    findings = Findings()
    Anew(house.tenant, house.keeper, house.signer, findings).look()
    return [each for each in findings.kept if each.kind == "cosignature"]


def rewound(house, owner, size):
    """The whole installation as it was at that size, database and key folder, as from an old backup."""
    for sql in (
        "delete from everlog.events where tenant_id = %s and position > %s",
        "delete from everlog.seals where tenant_id = %s and size > %s",
        "delete from everlog.cosignatures where tenant_id = %s and size > %s",
    ):
        owner.execute(sql, [house.tenant, size])
    owner.execute("delete from everlog.tiles where tenant_id = %s", [house.tenant])
    owner.execute("delete from everlog.seals where tenant_id = %s", [house.tenant])
    owner.execute("alter table everlog.heads disable trigger guard")
    try:
        owner.execute("update everlog.heads set position = %s where tenant_id = %s", [size, house.tenant])
    finally:
        owner.execute("alter table everlog.heads enable trigger guard")
    [last] = Path(house.signer._folder).glob("*.last")
    last.unlink()


FORGETFUL = """
from adapters.proofs.witness import Witness
from api.main import main
Witness._last = lambda *_: None
main()
"""


@pytest.mark.parametrize(("grown", "why"), [(9, "another history"), (5, "another history"), (2, "no more than")])
def test_a_restored_and_rewritten_log_is_refused_by_the_witness_and_told_of(house, owner, grown, why):
    with house.standing():
        house.seal(5)
        assert house.step() == 8
        rewound(house, owner, 3)
        house.seal(grown)
        house.again()
        assert house.step() == 0
        assert why in house.told[house.tenant]
        [lag] = house.cosigned.lag()
        assert lag.parked == 1
        house.step()
        # Told once, and whatever was agreed on before the process began anew is told before that.
        assert (len(house.disputes), house.disputes[0], why in house.disputes[1]) == (2, "", True)
        [seen] = house.proven.witnesses(house.tenant)
        assert (seen.size, seen.sealed, seen.cosigned_at) == (0, 3 + grown, None)
    assert len(lines(house)) == 1


def test_a_witness_that_forgets_cosigns_the_fork_which_is_what_its_memory_is_for(house, owner):
    """The control: all is done as above, and only the witness's memory is taken out."""
    with house.standing(sys.executable, "-c", FORGETFUL, "witness"):
        house.seal(5)
        house.step()
        rewound(house, owner, 3)
        owner.execute("delete from everlog.cosignatures where tenant_id = %s", [house.tenant])
        house.seal(9)
        house.again()
        assert house.step() == 12
    assert house.told == {}


@pytest.mark.parametrize(("origin", "why", "alarm"), [(LOG, "was not told of", 0), ("", "by another key", 1)])
def test_a_log_that_the_witness_does_not_know_or_knows_by_another_key(house, tmp_path, origin, why, alarm):
    known = verifier_key(origin or f"everlog/{house.tenant}", PUBLIC)
    with process(tmp_path / "strange", keys=[known], port=house.port) as (_, _, house.witness):
        house.again()
        assert house.step() == 0
        assert why in house.told[house.tenant]
        [lag] = house.cosigned.lag()
        assert (lag.parked, lag.positions) == (alarm, 3)


def test_an_answer_by_another_key_than_the_witness_s_is_not_kept(house, tmp_path):
    other = made(tmp_path / "other", house.key)
    house.witness = other
    house.again()
    with house.standing():
        assert house.step() == 0
    assert "none of its key" in house.told[house.tenant]
    assert len(lines(house)) == 1
