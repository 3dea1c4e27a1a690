"""`everlog serve` by an ordinary user, whose database server can read the signing key: they are told so."""

import shutil
import subprocess
import sys

import pytest

from api.serve import SHARED
from tests.adapters.supervising import AS_ROOT, ROOT, interpreter
from tests.clusters import account, reachable
from tests.served import environment, free_port
from tests.waiting import until

READY = "Everlog answers on "


@pytest.fixture
def folder():
    folder = reachable()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def told(folder):
    """What `everlog serve` has said once it answers, started by nobody, or by whoever runs the tests."""
    known = environment(
        EVERLOG_HOME=str(folder / "home"),
        EVERLOG_PORT=str(free_port()),
        PYTHONPATH=":".join([str(ROOT), *filter(None, sys.path)]),
        PYTHONDONTWRITEBYTECODE="1",
    )
    python, log = interpreter("nobody") if AS_ROOT else sys.executable, folder / "log"
    words = [python, "-m", "api.main", "serve"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            words, env=known, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, **account()
        ) as process,
    ):
        try:
            until(lambda: READY in log.read_text() or process.poll() is not None, 240)
            yield log.read_text()
        finally:
            process.terminate()
            process.wait(120)


def test_an_ordinary_user_is_told_what_checkpoints_do_not_prove_then(told):
    assert READY in told, told
    assert SHARED in told
    assert "can read the key that checkpoints are signed with" in told


@pytest.mark.skipif(not AS_ROOT, reason="an ordinary user's house is like the other")
def test_control_where_the_server_is_another_user_s_nothing_is_said(house):
    until(lambda: READY in house.told())
    assert SHARED not in house.told()
