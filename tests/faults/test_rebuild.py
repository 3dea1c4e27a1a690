"""The fault that `make faults` does on more events."""

from tests.faults import rebuild
from tests.faults.trial import Trial


def test_no_read_fails_while_every_view_is_rebuilt(tmp_path, seed, monkeypatch):
    # How long it takes is for `make faults` to judge.
    monkeypatch.setattr(rebuild, "LONGEST", 1e9)
    monkeypatch.setattr(rebuild, "CALM", 1e9)
    found = rebuild.run(Trial(tmp_path, 1, seed))
    assert found.violations == []
    assert found.acknowledged == found.attempted > 0
    assert found.notes["reads"]
    assert found.control_red
