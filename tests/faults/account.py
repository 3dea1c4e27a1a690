"""A log of which account is kept: what is asked for, and where it stands once that is acknowledged."""

from collections.abc import Sequence

from application.kernel import Once
from application.pending import Pending
from application.ports import Appended, Log
from domain.kernel import Fact, Meta
from tests.faults.evidence import Ledger


class Account:
    """Appends go through it; the ledger knows of an answer before whoever waits for it does."""

    def __init__(self, log: Log) -> None:
        self.ledger = Ledger()
        self._log = log

    def submit(
        self, stream: str, expected: int, facts: Sequence[Fact], meta: Meta, once: Once | None = None
    ) -> Pending[Appended]:
        kinds = [str(each.__struct_config__.tag) for each in facts]
        self.ledger.attempted += [(stream, kind) for kind in kinds]
        told = Pending[Appended]()

        def hear(done: Pending[Appended]) -> None:
            if problem := done.exception():
                told.set_exception(problem)
                return
            answer = done.result()
            self.ledger.acknowledged += [(position, stream, kind) for position, kind in enumerate(kinds, answer.first)]
            told.set_result(answer)

        self._log.submit(stream, expected, facts, meta, once).add_done_callback(hear)
        return told
