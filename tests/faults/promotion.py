"""A replica that was behind is promoted: what it lacks never happened, and whoever saw that finds back to the log."""

import time
from pathlib import Path

from api.demo.applications import prospect
from tests.clusters import caught_up, cut_off
from tests.faults.aftermath import late, settled
from tests.faults.evidence import Ledger
from tests.faults.lost_tail import Witnesses, tokens
from tests.faults.replicated import replicated
from tests.faults.trial import Found, Trial

KEPT, LOST, AFTER = 20, 30, 40
"""Applications: those up to here are replicated, are lost, come afterwards."""


def run(trial: Trial) -> Found:
    found = Found(control_red=True)
    for cycle in range(trial.cycles):
        one = once(trial.home / str(cycle))
        found.add(one)
        found.control_red &= one.control_red
    return found


def once(home: Path) -> Found:
    with replicated(home) as two:
        them = Witnesses(two.product)
        them.send(0, KEPT, them.ledger)
        settled(two.product.settings, them.tenant, KEPT, time.monotonic())
        caught_up(two.primary, two.replica)
        cut_off(two.replica)
        # What is sent now is acknowledged and will be gone: nobody is promised more of a replica that nobody waits for.
        them.send(KEPT, LOST, Ledger())
        settled(two.product.settings, them.tenant, LOST, time.monotonic())
        given, erased = tokens(them.client, prospect(them.tenant, 0)), prospect(them.tenant, 1)
        them.read()
        them.erase(erased)
        two.primary.kill()
        two.promote()
        wrong, lag = them.again(given, erased, KEPT + AFTER - LOST, LOST, AFTER)
        two.product.stop()
        found = them.judged()
    found.notes["views then after, s"] = round(lag, 1)
    found.late = late(lag)
    found.violations += wrong
    return found
