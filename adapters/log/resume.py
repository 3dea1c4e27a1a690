"""A new generation of logs that may have lost a tail, recorded as the first fact of it."""

from collections.abc import Iterable
from os import urandom
from uuid import UUID

from adapters.codec import Codec
from adapters.crypto import SubjectKey
from adapters.log.draft import SALT, event_id
from adapters.postgres.roles import Connection
from adapters.postgres.walls import enter
from domain.kernel import Actor, Meta
from domain.tenancy import Cause, Resumed, tenancy
from tenants.context import SYSTEM

PERMISSION = "tenancy.resume"
_HEAD = """
    select position, generation, greatest(recorded_at, clock_timestamp()), closed is not null
    from everlog.heads where tenant_id = %s for no key update"""
_VERSION = "select coalesce(max(version), 0) + 1 from everlog.events where tenant_id = %s and stream = %s"
_RECORD = "insert into everlog.events values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_MOVE = "update everlog.heads set position = %s, generation = %s, recorded_at = %s where tenant_id = %s"
_POINT = "update everlog.pointers set generation = %s where tenant_id = %s"
"""Readers' cursors are bound to it: those of the lost tail are refused before the views have moved on."""


def resume(connection: Connection, tenants: Iterable[UUID], generation: int, cause: Cause) -> int:
    """Begin the generation in each of these logs; how many that were.

    Logs that stand in it already are left alone; so are those that are closed, which go on in another installation.

    The connection is the owner's (or a superuser's), in autocommit. Nobody may write to a log before this is done, or a
    position of the lost tail is given out twice in the same generation.
    """
    codec = Codec([tenancy])
    done = 0
    for tenant in tenants:
        with connection.transaction():
            enter(connection, tenant)
            done += _resume(connection, codec, tenant, generation, cause)
    return done


def _resume(connection: Connection, codec: Codec, tenant: UUID, generation: int, cause: Cause) -> bool:
    [(position, previous, at, closed)] = connection.execute(_HEAD, [tenant])
    if closed or previous >= generation:
        return False
    stream = f"{tenancy.name}/{tenant}"
    [(version,)] = connection.execute(_VERSION, [tenant, stream])
    fact = Resumed(generation=generation, previous=previous, after=position, cause=cause)
    shape = codec.of(fact)
    meta = Meta(event=event_id(), actor=Actor("operator", SYSTEM), permission=PERMISSION, schema=shape.schema)
    row = [tenant, position + 1, stream, version, shape.tag, meta.event, at]
    row += [codec.encode_meta(meta, stream, version, _nobody), codec.encode(fact, stream, version, _nobody)]
    connection.execute(_RECORD, [*row, urandom(SALT), generation])
    connection.execute(_MOVE, [position + 1, generation, at, tenant])
    connection.execute(_POINT, [generation, tenant])
    return True


def _nobody(_: UUID) -> SubjectKey:
    raise AssertionError("The fact is about no person.")
