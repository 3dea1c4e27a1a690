"""Whose erasure came with an organisation from elsewhere, and what is left of them here: few, and asked for often."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("create index brought on everlog.subject_keys (tenant_id) where epoch = -1")
