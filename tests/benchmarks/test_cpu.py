from benchmarks import cpu


def proc(tmp_path, name, ticks, *processes):
    """A /proc of one look: the system's ticks, and (pid, parent, name, ticks spent by it, ticks of children)."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "stat").write_text("cpu  " + " ".join(map(str, ticks)) + " 0 0\ncpu0 1 1 1 1\n")
    (folder / "uptime").write_text("1")
    for pid, parent, title, own, waited in processes:
        (folder / str(pid)).mkdir()
        rest = ["S", parent, *[0] * 9, own, 0, waited, 0, *[0] * 5]
        (folder / str(pid) / "stat").write_text(f"{pid} ({title}) " + " ".join(map(str, rest)))
    return folder


def test_what_others_used_is_what_is_busy_and_not_of_our_tree(tmp_path):
    before = proc(tmp_path, "1", [100, 0, 0, 900, 0, 0, 0, 0], (7, 1, "us", 50, 0), (9, 1, "other", 50, 0))
    after = proc(
        tmp_path,
        "2",
        [160, 0, 20, 1000, 0, 0, 0, 20],
        *[(7, 1, "us", 60, 10), (8, 7, "a child) of (ours", 20, 0), (9, 1, "other", 90, 0)],
    )
    # 200 ticks went by, 100 of them busy or stolen, 40 of these ours: 60 of 200 were not.
    assert cpu.foreign(cpu.look(before, 7), cpu.look(after, 7)) == 60 / 200


def test_the_kernel_is_nobodys_neighbour(tmp_path):
    threads = (2, 0, "kthreadd", 0, 0), (5, 2, "kworker/0:1", 30, 0)
    look = cpu.look(proc(tmp_path, "1", [30, 0, 0, 0, 0, 0, 0, 0], (7, 1, "us", 0, 0), *threads), 7)
    assert look.own == 30


def test_a_process_that_is_no_kernel_thread_does_not_pass_for_one(tmp_path):
    look = cpu.look(proc(tmp_path, "1", [30, 0, 0, 0, 0, 0, 0, 0], (7, 1, "us", 0, 0), (2, 1, "kthreadd", 30, 0)), 7)
    assert look.own == 0


def test_nothing_went_by():
    look = cpu.Look(1, 1, 1)
    assert cpu.foreign(look, look) == 0


def test_this_machine_can_be_looked_at():
    look = cpu.look()
    assert 0 < look.own <= look.busy <= look.total
