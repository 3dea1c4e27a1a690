"""Frames come back whole and in order, or not at all; a file is carried over by one process at a time."""

from adapters.journal.segment import Segment


def written(folder, *payloads):
    segment = Segment.create(folder)
    segment.write(list(payloads))
    return segment


def test_what_was_written_comes_back_in_order(tmp_path):
    assert list(written(tmp_path, b"a", b"", b"ccc").frames()) == [b"a", b"", b"ccc"]


def test_a_torn_end_is_left_out_wherever_it_is_torn(tmp_path):
    segment = written(tmp_path, b"first", b"second")
    whole = segment.path.read_bytes()
    for size in range(len(whole)):
        segment.path.write_bytes(whole[:size])
        assert list(segment.frames()) == [b"first"] * (size >= 13)


def test_a_changed_byte_is_found(tmp_path):
    segment = written(tmp_path, b"first", b"second")
    content = bytearray(segment.path.read_bytes())
    content[-1] ^= 1
    segment.path.write_bytes(content)
    assert list(segment.frames()) == [b"first"]


def test_a_file_is_somebodys_until_its_process_lets_go(tmp_path):
    segment = written(tmp_path, b"a")
    assert Segment.abandoned(segment.path) is None
    segment.close()
    found = Segment.abandoned(segment.path)
    assert found
    assert list(found.frames()) == [b"a"]
    assert Segment.abandoned(segment.path) is None
    found.drop()
    assert list(tmp_path.iterdir()) == []
