"""given(decider, *facts).when(decision, ...).then(*facts), or .refused(code)."""

import pytest

from domain.kernel import Refused


class given:
    def __init__(self, decider, *facts):
        self.state = decider.fold(facts)

    def when(self, decide, *args, **named):
        self.decide = lambda: decide(self.state, *args, **named)
        return self

    def then(self, *facts):
        assert self.decide() == list(facts)

    def refused(self, code):
        with pytest.raises(Refused) as refusal:
            self.decide()
        assert refusal.value.code == code
