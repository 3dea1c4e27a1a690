"""How far each destination of the trail has been served."""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLE = """
create table everlog.delivered (
    tenant_id uuid not null,
    destination uuid not null,
    round integer not null,
    generation integer not null,
    position bigint not null check (position >= 0),
    at timestamptz,
    tries integer not null default 0,
    failing_since timestamptz,
    why text not null default '',
    primary key (tenant_id, destination)
);
"""


def upgrade() -> None:
    op.execute(TABLE)
