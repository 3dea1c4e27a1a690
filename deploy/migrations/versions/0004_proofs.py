"""The tree over each log, in tiles, and the checkpoints that were signed of it."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = """
create table everlog.tiles (
    tenant_id uuid not null,
    generation integer not null,
    level integer not null check (level >= 0),
    index bigint not null check (index >= 0),
    hashes bytea not null,
    primary key (tenant_id, generation, level, index)
) with (fillfactor = 70);

create table everlog.seals (
    tenant_id uuid not null,
    generation integer not null,
    size bigint not null check (size >= 1),
    note text not null,
    primary key (tenant_id, generation, size)
);
"""


def upgrade() -> None:
    op.execute(TABLES)
