"""Keys in a folder: made once, never replaced, bound to their names, gone when destroyed, closed to others."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.kms import Exposed, FileKMS
from tenants.keys import KMS, Destroyed, Misplaced, Missing


@pytest.fixture
def kms(tmp_path) -> FileKMS:
    return FileKMS(tmp_path / "keys")


def test_it_is_a_key_service(kms):
    assert isinstance(kms, KMS)


def test_what_is_wrapped_is_unwrapped_by_another_process(kms, tmp_path):
    kms.create("a.subjects.1")
    wrapped = kms.wrap("a.subjects.1", b"secret", b"bound")
    assert b"secret" not in wrapped
    assert FileKMS(tmp_path / "keys").unwrap("a.subjects.1", wrapped, b"bound") == b"secret"


def test_what_is_wrapped_belongs_to_its_key_and_its_place(kms):
    kms.create("a")
    kms.create("b")
    wrapped = kms.wrap("a", b"secret", b"bound")
    for name, ad, box in (("b", b"bound", wrapped), ("a", b"elsewhere", wrapped), ("a", b"bound", wrapped[:-1])):
        with pytest.raises(Misplaced):
            kms.unwrap(name, box, ad)
    with pytest.raises(Misplaced, match="format"):
        kms.unwrap("a", b"\x02" + wrapped[1:], b"bound")


def test_a_key_is_made_once_however_many_want_it(tmp_path):
    folder = tmp_path / "keys"
    services = [FileKMS(folder) for _ in range(8)]

    def use(kms):
        kms.create("shared")
        return kms.wrap("shared", b"secret", b"")

    with ThreadPoolExecutor(8) as threads:
        wrapped = list(threads.map(use, services))
    assert {FileKMS(folder).unwrap("shared", box, b"") for box in wrapped} == {b"secret"}
    assert [each.name for each in folder.iterdir()] == ["shared"]


def test_making_a_key_again_changes_nothing(kms):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    kms.create("a")
    assert kms.unwrap("a", wrapped, b"") == b"secret"


def test_a_destroyed_key_is_gone_for_everybody_and_for_ever(kms, tmp_path):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    key = (tmp_path / "keys" / "a").read_bytes()
    kms.destroy("a")
    kms.destroy("a")
    for service in (kms, FileKMS(tmp_path / "keys")):
        with pytest.raises(Destroyed):
            service.unwrap("a", wrapped, b"")
        with pytest.raises(Destroyed):
            service.create("a")
    assert all(key not in each.read_bytes() for each in (tmp_path / "keys").iterdir())


def test_what_another_process_destroyed_is_gone_here_too(kms, tmp_path):
    kms.create("a")
    wrapped = kms.wrap("a", b"secret", b"")
    assert kms.unwrap("a", wrapped, b"") == b"secret"
    FileKMS(tmp_path / "keys").destroy("a")
    with pytest.raises(Destroyed):
        kms.unwrap("a", wrapped, b"")


def test_a_folder_that_is_another_user_s_is_refused(tmp_path, monkeypatch):
    FileKMS(tmp_path / "keys")
    monkeypatch.setattr("os.geteuid", lambda: (tmp_path / "keys").stat().st_uid + 1)
    with pytest.raises(Exposed, match="belongs to another user"):
        FileKMS(tmp_path / "keys")


def test_a_key_that_never_was_is_missing_not_destroyed(kms):
    with pytest.raises(Missing, match="Is it the one"):
        kms.unwrap("never", b"\x01" + bytes(40), b"")


def test_a_damaged_key_file_is_told(kms, tmp_path):
    (tmp_path / "keys" / "a").write_bytes(b"short")
    with pytest.raises(Missing, match="damaged"):
        kms.wrap("a", b"secret", b"")


def test_files_and_folder_are_their_owner_s_alone(kms, tmp_path):
    before = os.umask(0)
    try:
        FileKMS(tmp_path / "open" / "keys").create("a")
    finally:
        os.umask(before)
    assert (tmp_path / "open" / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "open" / "keys" / "a").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_others_may_look_into_is_refused(tmp_path):
    (tmp_path / "keys").mkdir(mode=0o755)
    with pytest.raises(Exposed, match="chmod 700"):
        FileKMS(tmp_path / "keys")


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".a", "A", "a.destroyed", "a" * 200])
def test_a_name_that_could_lead_elsewhere_is_refused(kms, name):
    with pytest.raises(ValueError, match="cannot name a key"):
        kms.create(name)
