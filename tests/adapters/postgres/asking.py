"""Read models asked in a loop of their own, for tests that are not asynchronous."""

import asyncio
from contextlib import asynccontextmanager

from adapters.postgres.database import Database
from adapters.postgres.reads import ReadModels
from domain.kernel import Refused
from projections.audit import activity, actors, audit
from projections.funnel import funnel
from projections.prospects import prospects
from tests.story import Clear, story

MODELS = (prospects, funnel, audit, activity, actors)
EVENTS = story(300, 21, prospects=60)
ROWS = prospects.fold([], EVENTS)


@asynccontextmanager
async def models(migrated, secret=b"secret", **options):
    database = Database(migrated.addresses.app, size=2)
    await database.start()
    try:
        yield ReadModels(database, MODELS, secret, lambda tenant: Clear(), **options)
    finally:
        await database.stop()


def ask(migrated, tenant, *queries, **options):
    """The answers, or the codes of refusals."""

    async def answers():
        async with models(migrated, **options) as made:
            reads = made.of(tenant)
            found = []
            for query in queries:
                try:
                    found.append(await (query(reads) if callable(query) else query.answer(reads)))
                except Refused as refused:
                    found.append(refused.code)
            return found

    return asyncio.run(answers())
