"""What the runner of the views keeps beside their rows. The views' own tables are made from their row types."""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
create table everlog.checkpoints (
    tenant_id uuid not null,
    view text collate "C" not null,
    version integer not null,
    slot text collate "C" not null check (slot in ('a', 'b')),
    generation integer not null,
    position bigint not null check (position >= 0),
    mark bytea not null,
    at timestamptz,
    digest bytea not null,
    rows bigint not null,
    parked bigint not null check (parked >= 0),
    primary key (tenant_id, view, version, slot)
) with (fillfactor = 50);

create table everlog.pointers (
    tenant_id uuid not null,
    view text collate "C" not null,
    version integer not null,
    slot text collate "C" not null check (slot in ('a', 'b')),
    generation integer not null,
    moved_at timestamptz not null default now(),
    primary key (tenant_id, view, version)
);

create table everlog.parked (
    tenant_id uuid not null,
    view text collate "C" not null,
    version integer not null,
    slot text collate "C" not null,
    position bigint not null,
    stream text collate "C" not null,
    type text collate "C" not null,
    why text not null,
    "column" text collate "C" not null,
    value bytea,
    behind bigint,
    parked_at timestamptz not null default now(),
    primary key (tenant_id, view, version, slot, position)
);

-- Leases belong to no tenant: their rows are the system tenant's, and `leased` says who is worked for. A worker leases
-- itself too, so that the others know how many they are.
create table everlog.leases (
    tenant_id uuid not null,
    job text collate "C" not null,
    leased uuid not null,
    worker uuid not null,
    until timestamptz not null,
    primary key (tenant_id, job, leased)
) with (fillfactor = 50);
"""


def upgrade() -> None:
    op.execute(TABLES)
