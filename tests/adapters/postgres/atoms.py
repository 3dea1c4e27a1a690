"""Atoms for tests, and what must be true of every log afterwards."""

import os
from collections import defaultdict
from uuid import uuid4

from adapters.postgres import drain
from adapters.postgres.atom import Atom, Entry
from adapters.postgres.claims import claim
from adapters.postgres.drain import Waiting


def entry(stream, version, body=b"body"):
    return Entry(stream, version, "tests.happened", body, event_id=uuid4(), meta=b"meta", salt=os.urandom(16))


def stream():
    return f"tests/{uuid4()}"


def atom(stream, first, count=1, **claims):
    return Atom([entry(stream, first + n) for n in range(count)], **claims)


def waiting(tenant, *atoms):
    return [Waiting(tenant, each, claim(each), 0.0, print) for each in atoms]


def together(link, tenant, *atoms):
    """What each of these atoms is answered, looked at and written in one drain over a link to the database."""
    members = waiting(tenant, *atoms)
    [row] = link.append(drain.parameters([(tenant, members)]))
    return [told for _, told in drain.outcomes(drain.answer(row), 0, members)]


def log(database, tenant):
    """position, stream, version, event id, recorded at: all of a tenant's events."""
    return database.query(
        tenant, "select position, stream, version, event_id, recorded_at from everlog.events order by position"
    )


def flaws(rows, acknowledged, refused):
    """What is wrong with a log, given the atoms that were acknowledged, with their answers, and those refused."""
    found = []
    if [row[0] for row in rows] != list(range(1, len(rows) + 1)):
        found.append("positions have a gap, or one twice")
    versions = defaultdict(list)
    for _, stream, version, _, _ in rows:
        versions[stream].append(version)
    found += [f"versions of {name}: {got}" for name, got in versions.items() if got != list(range(1, len(got) + 1))]
    times = [row[4] for row in rows]
    if times != sorted(times):
        found.append("recorded time went back")
    at = {row[3]: row[0] for row in rows}
    if len(at) != len(rows):
        found.append("an event is there twice")
    for atom, answer in acknowledged:
        if [at.get(entry.event_id) for entry in atom.entries] != list(range(answer.first, answer.last + 1)):
            found.append(f"acknowledged at {answer.first} to {answer.last}, but not there")
    found += ["refused, but there" for atom in refused for entry in atom.entries if entry.event_id in at]
    return found
