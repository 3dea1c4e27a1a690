"""What a batch makes of a build, as the statements that write it with all their parameters in binary."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from adapters.postgres import spoken, statements
from adapters.postgres.arrays import arrays
from adapters.postgres.given import Given
from adapters.postgres.tables import Stored, sums, table
from projections.builds import Build, Change, Changes, Parked, Slot
from projections.kernel import Aggregate
from tenants.keys import Tokens

Statement = tuple[bytes, Sequence[Any]]


class Sheet(Struct, frozen=True):
    build: Build
    statements: list[Statement]


def packed(tenant: UUID, build: Build, changes: Changes, tokens: Tokens) -> Sheet:
    """Raises whatever packing says of a value that does not fit its column."""
    stored = table(build.view, build.slot)
    made = [*_rows(tenant, stored, changes, tokens)]
    if changes.words and (found := spoken.packed(changes.words, tokens)):
        made.append((spoken.spoken(build.view, build.slot).insert, [tenant, *found]))
    for each in build.aggregates:
        made += _sums(tenant, each, build.slot, changes.sums.get(each.name, []))
    place = (tenant, build.view.name, build.view.version, build.slot)
    made += [(statements.PARK.encode(), (*place, *_parked(each))) for each in changes.parked]
    return Sheet(build, made)


def _rows(tenant: UUID, stored: Stored, changes: Changes, tokens: Tokens) -> Iterator[Statement]:
    made, given = statements.of(stored), Given(stored, tokens)
    if changes.gone:
        yield made.delete, [tenant, stored.columns[0].kind.array(changes.gone)]
    if changes.new:
        _, values = given.arrays(changes.new)
        yield made.insert, [tenant, *values]
    if changes.changed:
        names, values = given.arrays(changes.changed, changes.columns | {stored.view.key})
        yield statements.update(stored, names), [*values, tenant]


def _sums(tenant: UUID, aggregate: Aggregate[Any], slot: Slot, changed: Sequence[Change]) -> Iterator[Statement]:
    if changed:
        made = statements.of_sums(aggregate, sums(aggregate, slot))
        flat = [(each.day, *each.group, each.by) for each in changed]
        yield made.add, [tenant, *arrays(made.kinds, zip(*flat, strict=True))]


def _parked(each: Parked) -> tuple[Any, ...]:
    value = msgspec.json.encode(each.value)
    return each.position, each.stream, each.type, each.why, each.column, value, each.behind
