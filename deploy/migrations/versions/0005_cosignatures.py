"""What witnesses have cosigned: a line for each checkpoint and witness, under the witness's verifier key."""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLE = """
create table everlog.cosignatures (
    tenant_id uuid not null,
    generation integer not null,
    size bigint not null check (size >= 1),
    witness text not null,
    line text not null,
    primary key (tenant_id, generation, size, witness)
);

create index cosigned on everlog.cosignatures (tenant_id, generation, witness, size);
"""


def upgrade() -> None:
    op.execute(TABLE)
