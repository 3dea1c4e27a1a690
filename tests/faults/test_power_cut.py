"""The power cuts that `make faults` does, once at each commit; and the disk that they are done to."""

import os
from random import Random

import pytest

from tests.faults.disk.drive import Missing, drive, needed
from tests.faults.disk.volume import PAGE, ROOT, Volume
from tests.faults.power_cut import endure
from tests.faults.trial import Trial

FILE = 0o100600


@pytest.fixture
def fuse():
    try:
        needed()
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.long
def test_a_power_cut_loses_nothing_that_was_acknowledged(fuse, tmp_path, seed):
    found, _ = endure(Trial(tmp_path, 1, seed), 60)
    assert found.violations == []
    assert found.acknowledged == found.attempted > 0
    assert found.control_red


def test_what_was_not_synced_is_gone_after_a_cut(fuse, tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    with drive(tmp_path) as disk:
        with (tmp_path / "synced").open("wb") as file:
            file.write(b"kept")
            file.flush()
            os.fsync(file.fileno())
            file.write(b" and lost")
        direct = os.open(tmp_path / "direct", os.O_WRONLY | os.O_CREAT | os.O_DSYNC)
        os.write(direct, b"kept")
        os.close(direct)
        (tmp_path / "lost").write_bytes(b"lost")
        (tmp_path / "old").rename(tmp_path / "renamed")
        disk.cut()
        with pytest.raises(OSError, match="Input/output error"):
            (tmp_path / "new").write_bytes(b"")
        disk.power()
        found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == {"old": b"old", "synced": b"kept", "direct": b"kept"}
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_full_disk_says_so_and_one_that_lies_loses_what_was_synced(fuse, tmp_path):
    with drive(tmp_path) as disk:
        disk.fill(3 * PAGE)
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "large").write_bytes(bytes(10 * PAGE))
        disk.fill(None)
        disk.lie()
        with (tmp_path / "file").open("wb") as file:
            file.write(b"synced, it says")
            file.flush()
            os.fsync(file.fileno())
        disk.cut()
        disk.power()
        assert list(tmp_path.iterdir()) == []


def test_names_outlast_a_cut_with_their_folder_or_their_file():
    volume = Volume()
    folder = volume.make(ROOT, b"folder", 0o40700, 0, 0).number
    synced = volume.make(folder, b"synced", FILE, 0, 0).number
    volume.make(folder, b"lost", FILE, 0, 0)
    volume.sync(synced)
    volume.cut()
    assert volume.nodes[ROOT].names == {b"folder": folder}
    assert volume.nodes[folder].names == {b"synced": synced}
    volume.rename(folder, b"synced", ROOT, b"moved")
    volume.sync(ROOT)
    volume.cut()
    assert volume.nodes[ROOT].names == {b"folder": folder, b"moved": synced}
    assert volume.nodes[folder].names == {}


def test_a_removed_file_comes_back_unless_its_folder_was_synced():
    volume = Volume()
    number = volume.make(ROOT, b"file", FILE, 0, 0).number
    volume.write(number, 0, b"content")
    volume.sync(number)
    volume.remove(ROOT, b"file")
    assert volume.used == 0
    volume.cut()
    assert volume.read(number, 0, 10) == b"content"
    volume.remove(ROOT, b"file")
    volume.sync(ROOT)
    assert number not in volume.nodes


def test_what_survives_by_lot_is_whole_sectors_of_what_was_written(seed):
    volume, dice = Volume(), Random(seed)
    number = volume.make(ROOT, b"file", FILE, 0, 0).number
    volume.write(number, 0, b"a" * 5 * PAGE)
    volume.sync(number)
    volume.write(number, 100, b"b" * 6 * PAGE)
    volume.cut(dice)
    left = bytes(volume.nodes[number].data)
    assert left[:100] == b"a" * 100
    assert 5 * PAGE <= len(left) <= 6 * PAGE + 100
    for start in range(512, len(left), 512):
        assert len(set(left[start : min(start + 512, 6 * PAGE)])) <= 1


def test_a_file_cut_shorter_is_as_long_as_before_where_it_was_not_synced():
    volume = Volume()
    number = volume.make(ROOT, b"file", FILE, 0, 0).number
    volume.write(number, 0, b"x" * 2 * PAGE)
    volume.sync(number)
    volume.resize(number, 10)
    volume.write(number, 5000, b"y")
    volume.cut()
    assert volume.nodes[number].data == b"x" * 2 * PAGE
