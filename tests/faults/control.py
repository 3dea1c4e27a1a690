"""The control: each thing that may go wrong, done to the very log that was found right, and looked at again."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from domain.kernel import Recorded
from tests.faults.evidence import Ledger, wrong


def unseen(ledger: Ledger, log: Sequence[Recorded]) -> list[str]:
    """What of it the account does not see; nothing, where the account is to be trusted."""
    which = next(number for number, each in enumerate(log) if each.type == "prospects.signal-observed")
    made = next(number for number, each in enumerate(log) if each.type == "predictions.made")
    signal, last = log[which], log[-1]
    after = last.position + 1
    lacking = [*log[:which], *log[which + 1 :]]
    stranger = replace(signal, stream=f"prospects/{UUID(int=0)}", version=1, position=after, at=last.at)
    again = replace(signal, version=signal.version + 1, position=after, at=last.at)
    more = replace(log[made], stream=f"predictions/{UUID(int=0)}", position=after, at=last.at)
    done = {
        "positions": lacking,
        "acknowledged at": [replace(each, position=number) for number, each in enumerate(lacking, 1)],
        "never attempted": [*log, stranger],
        "repeated": [*log, again],
        "predictions of": [*log, more],
        "positions ": [*log[:which], log[which + 1], signal, *log[which + 2 :]],
    }
    missed = [what for what, changed in done.items() if not any(what in each for each in wrong(ledger, changed))]
    if not wrong(Ledger(ledger.attempted, [(after, *ledger.attempted[0])]), log):
        missed.append("acknowledged beyond the end")
    return missed
