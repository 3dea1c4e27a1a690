"""Frames come back in order, what is damaged is told, and a file is carried over by one process at a time."""

from adapters.journal.segment import HEAD, Segment, Unread

PAYLOADS = [b"first", b"second!", b"", b"the last"]


def written(folder, *payloads):
    segment = Segment.create(folder)
    segment.write(list(payloads))
    return segment


def whole(segment):
    return [each for each in segment.frames() if isinstance(each, bytes)]


def places(segment):
    return [each for each in segment.frames() if isinstance(each, Unread)]


def test_what_was_written_comes_back_in_order(tmp_path):
    assert list(written(tmp_path, b"a", b"", b"ccc").frames()) == [b"a", b"", b"ccc"]


def test_a_torn_end_is_left_out_wherever_it_is_torn(tmp_path):
    segment = written(tmp_path, b"first", b"second")
    content = segment.path.read_bytes()
    for size in range(len(content)):
        segment.path.write_bytes(content[:size])
        assert list(segment.frames()) == [b"first"] * (size >= HEAD + 5)


def test_an_end_that_the_disk_never_wrote_is_torn_too(tmp_path):
    segment = written(tmp_path, b"first", b"s" * 100)
    content = segment.path.read_bytes()
    for size in range(HEAD + 5, len(content) - 16):
        segment.path.write_bytes(content[:size].ljust(len(content), b"\0"))
        assert list(segment.frames()) == [b"first"]


def test_no_bit_that_flips_hides_what_follows_nor_what_it_spoilt(tmp_path):
    segment = written(tmp_path, *PAYLOADS)
    content = segment.path.read_bytes()
    ends = [HEAD * (n + 1) + sum(map(len, PAYLOADS[: n + 1])) for n in range(len(PAYLOADS))]
    for bit in range(len(content) * 8):
        spoilt = bytearray(content)
        spoilt[bit // 8] ^= 1 << bit % 8
        segment.path.write_bytes(spoilt)
        hit = next(n for n, end in enumerate(ends) if bit // 8 < end)
        assert whole(segment) == [each for n, each in enumerate(PAYLOADS) if n != hit], bit
        assert len(places(segment)) == 1, bit


def test_a_hole_over_several_frames_is_one_place(tmp_path):
    segment = written(tmp_path, *[b"payload %d" % number for number in range(9)])
    content = bytearray(segment.path.read_bytes())
    each = HEAD + 9
    content[each + 3 : 4 * each - 2] = b"?" * (3 * each - 5)
    segment.path.write_bytes(content)
    assert whole(segment) == [b"payload %d" % number for number in (0, 4, 5, 6, 7, 8)]
    assert len(places(segment)) == 1


def test_damage_before_a_torn_end_is_told_and_the_torn_end_is_not(tmp_path):
    segment = written(tmp_path, b"first", b"second", b"third")
    content = bytearray(segment.path.read_bytes())
    content[HEAD + 5 + HEAD] ^= 4
    segment.path.write_bytes(content[:-2])
    assert whole(segment) == [b"first"]
    assert len(places(segment)) == 1


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
