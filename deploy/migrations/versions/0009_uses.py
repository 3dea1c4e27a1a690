"""What processes had a key service open, until the trail tells of it."""

from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = """
create table everlog.key_uses (
    tenant_id uuid not null,
    process uuid not null,
    program text not null,
    own boolean not null,
    batch uuid not null default '00000000-0000-0000-0000-000000000000',
    since timestamptz not null default clock_timestamp(),
    until timestamptz not null default clock_timestamp(),
    opened bigint not null,
    refused bigint not null,
    primary key (tenant_id, batch, process, own)
);
"""


def upgrade() -> None:
    op.execute(TABLES)
