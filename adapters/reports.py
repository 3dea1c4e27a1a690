"""The schedules of one tenant's reports that are due, as its read models have them."""

from datetime import datetime

from psycopg import sql

from adapters.postgres.database import Database
from adapters.postgres.tables import table
from adapters.postgres.views import Views
from application.reports import Due
from projections.reports import schedules
from tenants.isolation import SCHEMA


class Schedules:
    """The database's role is the worker's."""

    def __init__(self, views: Views, database: Database) -> None:
        self._views = views
        self._database = database

    def due(self, now: datetime) -> list[Due]:
        slot = self._views.live().get((schedules.name, schedules.version), "a")
        query = sql.SQL("select id, since from {} where tenant_id = %s and due <= %s").format(
            sql.Identifier(SCHEMA, table(schedules, slot).table.name)
        )
        with self._database.transaction(self._views.tenant) as connection:
            found = connection.execute(query, [self._views.tenant, now])
            return [Due(id, since) for id, since in found]
