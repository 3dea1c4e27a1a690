"""How alembic reaches the database: `adapters.postgres.migrate` hands it a connection inside a transaction."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="migrations",
    version_table_schema="everlog",
    transaction_per_migration=False,
)
context.run_migrations()
