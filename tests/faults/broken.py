"""The model's fault: so many examples, and the product with one rule broken at a time, which must be found out."""

from collections import Counter
from typing import Any
from unittest.mock import patch

from adapters.codec import Codec
from adapters.log import TenantLog
from application.kernel import Once
from domain.kernel import Meta
from projections.runner import Runner
from projections.waiting import Waiting
from tests.faults.house import housed
from tests.faults.model import Ground, examined, ground
from tests.faults.trial import Found, Trial

_submit, _load = TenantLog.submit, TenantLog.load


def _keyless(self: TenantLog, stream: str, expected: int, facts: Any, meta: Meta, _: Once | None = None) -> Any:
    return _submit(self, stream, expected, facts, meta, None)


def _unchecked(self: TenantLog, stream: str, _: int, facts: Any, meta: Meta, once: Once | None = None) -> Any:
    return _submit(self, stream, len(list(self.stream(stream))), facts, meta, once)


async def _stale(self: TenantLog, stream: str, decider: Any) -> Any:
    known = vars(self).setdefault("known", {})
    if stream not in known:
        known[stream] = await _load(self, stream, decider)
    return known[stream]


BROKEN: dict[str, tuple[Any, str, Any]] = {
    "idempotency keys are ignored": (TenantLog, "submit", _keyless),
    "expected versions are ignored": (TenantLog, "submit", _unchecked),
    "mail addresses are not reserved": (Codec, "unique", lambda *_: ()),
    "a state is not brought up to date": (TenantLog, "load", _stale),
    "nothing waits for what is parked": (Waiting, "behind", lambda *_: None),
    "a rebuild does nothing": (Runner, "rebuild", lambda *_: None),
}
"""The controls: the product with one rule broken on purpose."""
ENOUGH = 200
"""Examples in which each has to be found out."""


def overlooked(ground: Ground, seed: int) -> list[str]:
    """Which of them are not found out."""
    missed = []
    for name, (owner, method, broken) in BROKEN.items():
        with patch.object(owner, method, broken):
            try:
                examined(ground, ENOUGH, seed, shrink=False)
            except (AssertionError, ExceptionGroup):
                continue
            missed.append(name)
    return missed


def run(trial: Trial) -> Found:
    """A cycle is an example."""
    with housed(trial.home / "home") as house, ground(house.servers.addresses, trial.home) as here:
        found = Found()
        try:
            calls = examined(here, trial.cycles, trial.seed)
        except (AssertionError, ExceptionGroup) as problem:
            found.violations.append(f"{type(problem).__name__}: {problem}"[:300])
            calls = Counter()
        missed = overlooked(here, trial.seed)
    found.acknowledged = calls["appended"]
    found.attempted = sum(calls[each] for each in ("appended", "conflict", "taken", "reused"))
    found.control_red = not missed
    found.notes = {**calls, "overlooked by the control": ", ".join(missed)}
    return found
