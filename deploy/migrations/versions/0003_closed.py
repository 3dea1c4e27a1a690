"""A log that is read and not written to: its tenant is moving to another installation, or arriving from one."""

from alembic import op

revision = "0003"
down_revision = "0002"

COLUMN = """
alter table everlog.heads add column closed text collate "C" check (closed in ('left', 'arriving'))
"""


def upgrade() -> None:
    op.execute(COLUMN)
