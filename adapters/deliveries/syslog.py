"""Records as syslog messages (RFC 5424), counted out as they go over TLS (RFC 5425)."""

import re
from datetime import UTC
from typing import Final
from uuid import UUID

from adapters.deliveries.record import Record
from projections import ocsf

PORT: Final = 6514
_FACILITY = 13
"""Log audit, as RFC 5424 numbers facilities."""
_SEVERITIES = {ocsf.INFORMATIONAL: 5, ocsf.MEDIUM: 4, ocsf.HIGH: 2, ocsf.CRITICAL: 1}
"""Notice, warning, critical, and alert: "action must be taken immediately" (RFC 5424, 6.2.1)."""
_LONGEST = 2**31 - 1
"""What `sequenceId` goes up to; then it begins anew."""
_UNPRINTABLE = re.compile(r"[^!-~]")


def message(record: Record, tenant: UUID) -> bytes:
    """Header, structured data, and the record as JSON; everything in it is printable ASCII, so it is one line.

    The organisation is the process's identifier, and the kind of event the message's.
    """
    priority = _FACILITY * 8 + _SEVERITIES[record.severity]
    at = record.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    kind = _UNPRINTABLE.sub("?", record.type)[:32] or "-"
    sequence = (record.position - 1) % _LONGEST + 1
    data = f'[origin software="Everlog"][meta sequenceId="{sequence}"]'
    return f"<{priority}>1 {at} - everlog {tenant} {kind} {data} ".encode() + record.body


def frame(message: bytes) -> bytes:
    return b"%d %b" % (len(message), message)
