"""One look at one organisation's whole record, in a process of its own: what `api.checking` starts.

Prints what was found as JSON and exits with 0, whether it is sound or not; with 2, and the kind of problem, where it
could not be looked at, and with 3 where the organisation's owner has closed its keys.
"""

import sys
from datetime import UTC, datetime
from time import monotonic
from uuid import UUID

import msgspec

from api import bootstrap, serve, verify
from api import settings as configuration
from api.checking import WITHHELD
from api.settings import Settings
from application.kernel import Caller
from domain.kernel import Actor
from domain.proofs import Checked
from tenants.context import SYSTEM

MOST = 2_000_000
"""Events up to which read models are folded anew: beyond, a look would keep the database too long from clearing what
was written over since."""


def look(settings: Settings, tenant: UUID) -> Checked:
    """What is found, and recorded where that can be. Raises what `api.verify.verify` does."""
    at, began = datetime.now(UTC), monotonic()
    verdict = verify.verify(settings, tenant, 1, [], most=MOST)
    if not verdict.sound:
        # What passes by itself, such as an erasure that was under way, is no alarm.
        verdict = verify.verify(settings, tenant, 1, [], most=MOST)
    found = verify.checked(verdict, at, monotonic() - began)
    if why := verify.note(settings, tenant, found, Caller(tenant=tenant, actor=Actor("system", SYSTEM))):
        sys.stderr.write(f"everlog: the look at {tenant} is not in its trail: {why}\n")
    return found


def main() -> None:
    serve.follow()
    try:
        found = look(configuration.of_running(configuration.read()), UUID(sys.argv[1]))
    except bootstrap.REVOKED:
        sys.exit(WITHHELD)
    except Exception as problem:  # noqa: BLE001 - whatever it is, nothing was looked at
        # Its words may quote what a row says.
        sys.stdout.write(type(problem).__name__)
        sys.exit(verify.UNKNOWN)
    sys.stdout.write(msgspec.json.encode(found).decode())


if __name__ == "__main__":
    main()
