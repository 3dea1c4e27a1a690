"""The fault that `make faults` does on more rows."""

from tests.faults import planted
from tests.faults.trial import Trial


def test_a_planted_row_is_found_and_repaired_for_its_tenant_alone(tmp_path, seed, monkeypatch):
    monkeypatch.setattr(planted, "BESIDE", 100)
    found = planted.run(Trial(tmp_path, 1, seed))
    assert found.violations == []
    assert found.acknowledged == found.attempted > 0
    assert found.control_red
