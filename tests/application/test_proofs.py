"""That a witness disputes a log's history is in that log, once."""

from application.proofs import hear
from domain.proofs import Agreed, Disputed, proofs


def test_a_dispute_is_recorded_once_and_so_is_its_end(log):
    hear(log, "w1", "")
    hear(log, "w1", "another history")
    hear(log, "w1", "another history of more events")
    hear(log, "w1", "")
    hear(log, "w1", "")
    found = list(log.stream(f"{proofs.name}/{log.tenant}"))
    assert [each.fact for each in found] == [Disputed("w1", "another history"), Agreed("w1")]
    assert {each.meta.permission for each in found} == {"proofs.check"}
