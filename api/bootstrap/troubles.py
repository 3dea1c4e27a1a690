"""Which exceptions of the adapters mean what to those who ask."""

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from adapters.embedded import CannotStart
from adapters.embedded.backup import Unusable
from adapters.erasures import Outdated
from adapters.kms import Exposed, Unnamed
from adapters.ledger import Damaged
from adapters.nats.link import Away
from adapters.nats.streams import TooOld
from adapters.parcel.identity import Unfit
from adapters.postgres.atom import Busy, Failing, Full, Unsettled
from adapters.postgres.check import Unsafe
from adapters.promotion import Unpromoted
from adapters.proofs.signer import Refusing
from adapters.proofs.witness import Unready
from adapters.trust import Untrusted
from projections.proofs.note import Unsound
from tenants.keys import Denied, Left, Misplaced, Missing, Revoked, Unserved

PLAIN = (
    *(Away, CannotStart, Exposed, TooOld, Unsafe, psycopg.OperationalError, PoolTimeout),
    *(Damaged, Denied, Missing, Outdated, Unfit, Unnamed, Unpromoted, Unready, Unserved, Untrusted, Unusable),
)
"""Whose message is all that somebody at a terminal needs."""
UNAVAILABLE = (psycopg.OperationalError, PoolTimeout, PoolClosed, Busy, Failing, Unsettled)
"""Troubles that pass: the request may be sent again."""
FULL = (psycopg.errors.DiskFull, Full)
"""Those of them that pass when somebody makes room."""
KEYLESS = (Denied, Unserved)
"""Troubles of the key service: personal data can be neither read nor written until it serves us again."""
LEFT = (Left,)
"""The organisation was forgotten here."""
REVOKED = (Revoked,)
"""An organisation's own key service refuses us."""
MISPLACED = (Misplaced,)
"""What is stored was recorded elsewhere, or changed: it is not shown."""
MISSING = (Missing,)
"""A tenant key that nobody destroyed is not there."""
UNVERIFIABLE = (Refusing, Unsound, OSError, psycopg.Error)
"""What the look at a whole organisation ends with where there is nothing to measure by, or nobody answers."""
REFUSING = (Outdated, Unpromoted, Unsafe)
"""Why the product would not work on a database that is not the one it left."""
UNOPENED = (Misplaced, Missing, LookupError)
"""What opening a sealed value says where its key is not the one it was sealed under."""
