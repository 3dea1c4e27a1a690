"""What models keep of their past, so that a prediction is made again without the whole log."""

from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = """
create table everlog.model_folds (
    tenant_id uuid not null,
    fold uuid not null,
    model text not null,
    build text not null,
    generation integer not null,
    begun_at timestamptz not null,
    position bigint not null default 0 check (position >= 0),
    erased_at bigint,
    primary key (tenant_id, fold)
);

create table everlog.model_notes (
    tenant_id uuid not null,
    fold uuid not null,
    kind text collate "C" not null,
    position bigint not null check (position > 0),
    body bytea not null,
    primary key (tenant_id, fold, kind, position)
);
"""


def upgrade() -> None:
    op.execute(TABLES)
