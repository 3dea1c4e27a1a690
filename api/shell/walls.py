"""Holes between tenants, looked for."""

import sys

from api import bootstrap
from api import settings as configuration
from api.shell import say


def check_walls(*, json: bool) -> None:
    """Say what is wrong with the walls, and exit with 1 if anything is."""
    findings = bootstrap.holes(configuration.of_running(configuration.read()))
    say({"findings": [str(each) for each in findings]}, "\n".join(map(str, findings)) or "No hole found.", json=json)
    sys.exit(1 if findings else 0)
