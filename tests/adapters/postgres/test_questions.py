"""What cannot be asked, and where a cursor leads no further."""

import asyncio
from uuid import UUID, uuid4

import pytest

from adapters.postgres.cursors import Cursors
from adapters.postgres.views import Views
from domain.kernel import Refused
from projections.funnel import funnel
from projections.kernel import Is, Within
from projections.prospects import List, prospects
from projections.runner import Runner
from tests.adapters.postgres.asking import EVENTS, MODELS, ask, models
from tests.story import START, Clear, Told


@pytest.mark.parametrize(
    ("code", "query"),
    [
        ("query.personal-field", List(sort="email")),
        ("query.personal-field", List(sort="-name")),
        ("query.personal-field", lambda reads: reads.page(prospects, [Is("name", "Ada")])),
        ("query.personal-field", lambda reads: reads.page(prospects, [Within("email", "a", "b")])),
        ("query.unknown-field", List(sort="shoe_size")),
        ("query.unknown-field", List(fields=("shoe_size",))),
        ("query.unknown-field", lambda reads: reads.page(prospects, [Is("shoe_size", 1)])),
        ("query.unknown-field", lambda reads: reads.counts(funnel, ("shoe_size",))),
        ("query.not-sortable", List(sort="stage")),
        ("query.not-filterable", lambda reads: reads.page(prospects, [Is("notes", 1)])),
        ("query.not-filterable", lambda reads: reads.page(prospects, [Within("stage", "a", "b")])),
        ("query.wrong-type", lambda reads: reads.page(prospects, [Is("stage", 1)])),
        ("query.wrong-type", lambda reads: reads.page(prospects, [Is("stage", "zero \0")])),
        ("query.wrong-type", lambda reads: reads.page(prospects, [Is("email", 1)])),
        ("query.wrong-type", lambda reads: reads.page(prospects, [Within("signals", 2**63)])),
        ("query.wrong-type", lambda reads: reads.page(prospects, [Within("captured_at", START.replace(tzinfo=None))])),
        ("query.wrong-type", lambda reads: reads.one(prospects, "id")),
        ("query.limit", List(limit=0)),
        ("query.limit", List(limit=201)),
        ("query.cursor", List(cursor="nonsense")),
        ("query.cursor", List(cursor="é")),
        ("query.cursor", List(cursor="A" * 100)),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_code(migrated, full, code, query):
    assert ask(migrated, full, query) == [code]


def test_a_cursor_fits_its_question_its_tenant_and_its_secret_alone(migrated, full, keeper, tenant):

    Runner(Told(tenant, EVENTS), Views(tenant, keeper, Clear()), MODELS).catch_up()
    [page] = ask(migrated, full, List(limit=2))
    good = List(limit=2, cursor=page.cursor)
    others = (
        List(limit=2, cursor=page.cursor, stage="met"),
        List(limit=2, cursor=page.cursor, sort="captured_at"),
        List(limit=2, cursor=page.cursor[:-2] + "AA"),
    )
    [after, *refused] = ask(migrated, full, good, *others)
    assert len(after.rows) == 2
    assert refused == ["query.cursor"] * 3
    assert ask(migrated, tenant, good) == ["query.cursor"]
    assert ask(migrated, full, good, secret=b"another") == ["query.cursor"]


def test_a_cursor_ends_with_the_generation_of_the_log(migrated, keeper, tenant):

    store = Views(tenant, keeper, Clear())
    Runner(Told(tenant, EVENTS), store, MODELS).catch_up()

    async def across():
        async with models(migrated) as made:
            page = await made.of(tenant).page(prospects, limit=2)
            Runner(Told(tenant, EVENTS, generation=2), store, MODELS).catch_up()
            with pytest.raises(Refused, match=r"query\.cursor"):
                await made.of(tenant).page(prospects, limit=2, cursor=page.cursor)
            return await made.of(tenant).page(prospects, limit=2)

    assert len(asyncio.run(across()).rows) == 2


def test_a_cursor_holds_no_more_than_a_place():
    cursors, tenant = Cursors(b"secret"), uuid4()
    cursor = cursors.write(tenant, 1, ("q",), (START, tenant))
    assert cursors.read(tenant, 1, ("q",), cursor, tuple.__class_getitem__((type(START), UUID))) == (START, tenant)
    with pytest.raises(Refused):
        cursors.read(tenant, 2, ("q",), cursor, tuple)
