"""The log: events, heads, and what commits together with them."""

from alembic import op

revision = "0001"
down_revision = None

PARTITIONS = 8

TABLES = """
create table everlog.heads (
    tenant_id uuid not null primary key,
    position bigint not null default 0 check (position >= 0),
    generation integer not null default 1 check (generation >= 1),
    recorded_at timestamptz not null default '1970-01-01 00:00+00'
) with (fillfactor = 50);

create table everlog.events (
    tenant_id uuid not null,
    position bigint not null check (position >= 1),
    stream text collate "C" not null,
    version bigint not null check (version >= 0),
    type text collate "C" not null,
    event_id uuid not null,
    recorded_at timestamptz not null,
    meta bytea not null,
    body bytea not null,
    salt bytea not null,
    generation integer not null,
    primary key (tenant_id, position),
    unique (tenant_id, stream, version)
) partition by hash (tenant_id);

create table everlog.stamps (
    tenant_id uuid not null,
    credential uuid not null,
    key bytea not null,
    request bytea not null,
    first bigint not null,
    last bigint not null,
    stream text collate "C",
    recorded_at timestamptz not null,
    generation integer not null,
    primary key (tenant_id, credential, key)
);

create table everlog.reservations (
    tenant_id uuid not null,
    scope text collate "C" not null,
    token bytea not null,
    stream text collate "C" not null,
    primary key (tenant_id, scope, token)
);

create table everlog.tenant_keys (
    tenant_id uuid not null,
    purpose text collate "C" not null,
    epoch integer not null,
    kms_key text not null,
    wrapped bytea not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, purpose, epoch)
);

create table everlog.subject_keys (
    tenant_id uuid not null,
    subject uuid not null,
    epoch integer not null,
    wrapped bytea,
    erased_at timestamptz,
    primary key (tenant_id, subject),
    check ((wrapped is null) = (erased_at is not null))
);

create table everlog.snapshots (
    tenant_id uuid not null,
    stream text collate "C" not null,
    version bigint not null,
    position bigint not null,
    schema text not null,
    state bytea not null,
    primary key (tenant_id, stream)
);

create table everlog.tracking (
    tenant_id uuid not null,
    application text collate "C" not null,
    notification bigint not null,
    primary key (tenant_id, application)
) with (fillfactor = 50);
"""


def upgrade() -> None:
    op.execute(TABLES)
    for part in range(PARTITIONS):
        op.execute(
            f"create table everlog.events_{part} partition of everlog.events"
            f" for values with (modulus {PARTITIONS}, remainder {part})"
        )
