"""Whatever keeps the embedded servers from starting is said plainly, with what to do about it."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import msgspec
import pytest

from adapters.embedded import CannotStart, Servers, Settings, binaries, lock, memory, ports, running, wipe
from tests.adapters.supervising import AS_ROOT, ODD, begin, supervisor

root_only = pytest.mark.skipif(not AS_ROOT, reason="takes root")


def known(folder: Path) -> memory.Memory:
    found = memory.load(folder)
    assert found
    return found


def refusal(folder: Path, settings: Settings | None = None) -> str:
    with pytest.raises(CannotStart) as problem, running(folder, settings or Settings()):
        pass
    return str(problem.value)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A folder that has been used, and where its servers' own files lie."""
    folder = tmp_path_factory.mktemp("used")
    with running(folder) as servers:
        home = servers.home
    yield folder, home
    wipe(folder)


@pytest.fixture
def begun(used: tuple[Path, Path]) -> Iterator[tuple[Path, Path]]:
    """The same, put in order again after a test has broken something."""
    folder, home = used
    data = home / "postgres"
    kept = {file: file.read_bytes() for file in (data / "PG_VERSION", data / "global" / "pg_control")}
    remembered = known(folder)
    yield used
    for file, content in kept.items():
        file.write_bytes(content)
        os.chown(file, data.stat().st_uid, data.stat().st_gid)
    memory.save(folder, remembered)


@pytest.fixture
def entered() -> Iterator[Path]:
    """A folder of ours that everyone may enter; pytest's own are closed to other users."""
    folder = Path(mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def reachable(entered: Path) -> Path:
    """A folder of nobody's, with a name that needs care wherever it is quoted."""
    folder = entered / ODD
    folder.mkdir(mode=0o700)
    account = pwd.getpwnam("nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def test_a_second_supervisor(servers: Servers):
    assert f"process {os.getpid()}) already runs the servers in {servers.folder}" in refusal(servers.folder)
    with pytest.raises(CannotStart, match="already runs"):
        wipe(servers.folder)


def test_a_supervisor_in_another_process(servers: Servers):
    _, said = begin(servers.folder).communicate()
    assert f"process {os.getpid()}) already runs the servers in {servers.folder}" in said


@root_only
def test_a_copy_of_a_data_folder_that_points_to_the_same_servers(servers: Servers, tmp_path):
    shutil.copytree(servers.folder, tmp_path / "copy")
    assert f"already runs the servers in {servers.home}" in refusal(tmp_path / "copy")


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    said = refusal(tmp_path / "file")
    assert str(tmp_path / "file") in said
    assert "Choose a folder that you may write to" in said


def test_a_link_where_the_lock_should_be(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotStart, match="cannot be opened"), lock.held(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


@root_only
def test_a_folder_that_an_ordinary_user_may_not_write_to(entered):
    _, said = begin(entered, user="nobody").communicate()
    assert "cannot be used: Permission denied. Choose a folder that you may write to" in said


@root_only
def test_an_ordinary_user_runs_in_the_data_folder_itself(reachable):
    with supervisor(reachable, user="nobody") as servers:
        assert servers.home == str(reachable)
        owners = set()
        for pid in servers.servers():
            # One of PostgreSQL's may have come to its end meanwhile.
            with suppress(FileNotFoundError):
                owners.add(Path(f"/proc/{pid}").stat().st_uid)
        assert owners == {pwd.getpwnam("nobody").pw_uid}
    assert (reachable / "postgres" / "PG_VERSION").exists()
    said = refusal(reachable)
    assert f"belongs to uid {pwd.getpwnam('nobody').pw_uid}. Start as that user" in said
    with pytest.raises(CannotStart, match="Start as that user"):
        wipe(reachable)


@root_only
def test_an_ordinary_user_in_a_folder_that_root_began(reachable):
    with running(reachable):
        pass
    _, said = begin(reachable, user="nobody").communicate()
    wipe(reachable)
    assert "lock belongs to uid 0: start as that user, or choose a data folder of your own" in said


@root_only
def test_no_room(folder, entered):
    if subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=100m,mode=755", "none", entered], check=False
    ).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        said = refusal(folder, Settings(places=(entered,)))
    finally:
        subprocess.run(["/bin/umount", entered], check=True)
    assert "MB left, the servers need 256 MB. Make room" in said


def test_data_of_another_postgres(begun):
    folder, home = begun
    (home / "postgres" / "PG_VERSION").write_text("17\n")
    assert "holds data of PostgreSQL 17, this release runs 18. Dump it" in refusal(folder)


def test_data_that_is_no_cluster(begun):
    folder, home = begun
    (home / "postgres" / "PG_VERSION").unlink()
    assert "is no PostgreSQL cluster" in refusal(folder)


def test_a_damaged_cluster_tells_in_the_servers_own_words(begun):
    folder, home = begun
    (home / "postgres" / "global" / "pg_control").unlink()
    said = refusal(folder)
    assert "PostgreSQL ended at its start (exit code" in said
    assert "pg_control" in said


def test_a_data_folder_of_another_format(begun):
    folder, _ = begun
    memory.save(folder, msgspec.structs.replace(known(folder), format=99))
    assert "format 99, this release reads 1" in refusal(folder)


def test_a_damaged_memory(begun):
    folder, _ = begun
    memory.path(folder).write_text("{")
    assert "is damaged" in refusal(folder)


def test_a_password_that_does_not_fit(begun):
    folder, _ = begun
    memory.save(folder, msgspec.structs.replace(known(folder), superuser="forgotten"))
    assert "password authentication failed" in refusal(folder)


@root_only
def test_the_servers_own_files_are_missing(begun):
    folder, home = begun
    home.rename(home.with_suffix(".away"))
    said = refusal(folder)
    home.with_suffix(".away").rename(home)
    assert f"keeps its servers' data in {home}, which is missing. Put it back" in said


def test_a_port_that_is_taken_each_time(folder, monkeypatch, servers):
    """Between the look at a port and its use, someone else may take it; here the look itself is made to lie."""
    taken = int(servers.addresses.nats.rpartition(":")[2])
    monkeypatch.setattr(ports, "choose", lambda remembered, besides=taken: besides)
    assert "Three times another program took a port" in refusal(folder)
    monkeypatch.undo()
    free = ports.choose()
    monkeypatch.setattr(ports, "choose", lambda remembered, besides=None: taken if besides else free)
    assert "Three times another program took a port" in refusal(folder)


def test_a_package_that_is_not_installed():
    with pytest.raises(CannotStart, match="The package embedded-mysql is not installed"):
        binaries._wheel("embedded-mysql")


@root_only
def test_a_program_that_is_missing_or_may_not_be_executed(tmp_path):
    programs = binaries.copied(tmp_path)
    programs.initdb.chmod(0o644)
    with (
        pytest.raises(CannotStart, match="initdb is missing")
        if not AS_ROOT
        else pytest.raises(CannotStart, match="initdb may not be executed")
    ):
        binaries.copied(tmp_path)
    programs.initdb.unlink()
    with pytest.raises(CannotStart, match="initdb is missing"):
        binaries.copied(tmp_path)


@root_only
@pytest.mark.parametrize(
    ("account", "says"),
    [("no-such-account", "There is no account no-such-account"), ("root", "refuses to run as root")],
)
def test_an_account_that_cannot_run_them(folder, account, says):
    assert says in refusal(folder, Settings(account=account))


@root_only
def test_no_place_that_the_account_can_reach(folder, tmp_path, entered):
    tmp_path.chmod(0o700)
    entered.chmod(0o777)
    said = refusal(folder, Settings(places=(tmp_path / "closed", entered)))
    assert "No place where the account nobody can run the servers" in said
    assert f"{tmp_path / 'closed'}: " in said
    assert "not a folder of root's that only root may change" in said
