"""A process of the product that cannot work is not started again and again without a pause."""

import os
import signal
import subprocess
import sys
import time

import pytest

from api import serve, settings
from api.serve import Child
from tests.adapters.kms.transit import Transit, certified, serving
from tests.served import environment, everlog

WAITS = "import time; time.sleep(600)"


class Told(Child):
    """A child that does what it is told, and tells of each start."""

    def __init__(self, words):
        self.words, self.starts = words, 0
        super().__init__("told", settings.read({}), os.open(os.devnull, os.O_RDONLY))

    def _start(self):
        self._began, self.starts = time.monotonic(), self.starts + 1
        return subprocess.Popen([sys.executable, "-c", self.words])

    def ended(self):
        """Let its process end; the pause that is made then."""
        self.process.wait(60)
        self.tend()
        return self._pause


@pytest.fixture
def slow(monkeypatch):
    """A machine on which nothing that starts is quick."""
    monkeypatch.setattr(serve, "QUICK", 0.0)


def test_who_gives_up_by_itself_waits_longer_each_time_however_long_that_took(slow):
    child, pauses = Told("raise SystemExit(1)"), []
    for _ in range(3):
        pauses.append(child.ended())
        # The pause is over.
        child._next = time.monotonic()
        child.tend()
    assert child.starts == 4
    assert 0 < pauses[0] < pauses[1] < pauses[2] <= serve.LONGEST
    child.stop()


def test_who_was_at_work_and_is_killed_is_started_again_at_once(slow):
    """The control: what is killed is missed."""
    child = Told(WAITS)
    child.process.send_signal(signal.SIGKILL)
    assert child.ended() == 0
    child.tend()
    assert child.starts == 2
    child.stop()


def test_with_its_vault_sealed_the_product_says_so_and_ends(migrated, tmp_path):
    transit = Transit()
    transit.states = [503] * 1000
    certificate, private = certified(tmp_path)
    token = tmp_path / "token"
    token.write_text(transit.token)
    with serving(transit, certificate, private) as url:
        known = {"EVERLOG_DATABASE_URL": migrated.addresses.app, "EVERLOG_WORKER_URL": migrated.addresses.worker}
        known["EVERLOG_NATS_URL"] = migrated.addresses.nats
        kms = f"vault:{url}?token={token}&ca={certificate}"
        done = everlog(["worker", "relay"], environment(**known, EVERLOG_KMS=kms, EVERLOG_HOME=str(tmp_path)))
    assert (done.returncode, "does not serve" in done.stderr, "Traceback" in done.stderr) == (1, True, False), (
        done.stderr
    )
