"""Whatever the trail is filtered by, an index leads to it: read from PostgreSQL's own plans, as the app's role."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace

from adapters.postgres import questions
from adapters.postgres.database import found
from adapters.postgres.questions import Shape
from adapters.postgres.spoken import spoken
from adapters.postgres.tables import table
from adapters.postgres.views import Views
from domain.audit import Denial
from domain.kernel import Actor, Circumstances
from projections.audit import FOUND_BY, Trail, audit
from projections.audit.trail import SAID
from projections.runner import Runner
from tests.story import Clear, Told, story

BUSY = 2000
"""Entries of a tenant in which what is looked for is rare: there no index but the filter's own is worth its while."""
RARE = UUID(int=7)
NAMED: dict[str, Any] = {
    "actor": RARE,
    "actor_kind": "operator",
    "on_behalf_of": f"user:{RARE}",
    "type": "audit.refused",
    "capability": "audit",
    "resource": RARE,
    "asked_permission": "rare",
    "rule": "rare",
    "outcome": "refused",
    "code": "rare",
    "command": "rare",
    "event": RARE,
    "causation": RARE,
    "correlation": RARE,
    "trace": "rare",
    "subject": RARE,
    "model": "conversion",
    "model_version": "rare",
} | dict.fromkeys(FOUND_BY, "rare")
LEADS: dict[str, str] = {
    "asked_permission": "permission",
    "outcome": "type",
    "code": "type",
    "command": "type",
    "model": "capability",
    "subject": "token",
} | {part: f"circumstances_{part}_token" for part in FOUND_BY}
"""The column whose index leads to what is asked for, where it has another name."""


def test_every_filter_is_in_this_table():
    spans = {"since", "before", "position_least", "position_below", "limit", "cursor", "facts"}
    assert set(Trail.__struct_fields__) - spans == {*NAMED, *SAID}


def events():
    told = story(BUSY, seed=20261126, predicted=0.001)
    told = [
        replace(
            each,
            told=replace(
                each.meta,
                correlation=uuid4(),
                causation=uuid4(),
                trace=f"t{each.position}",
                circumstances=Circumstances("10.0.0.1", "usual", "usual", "usual"),
            ),
        )
        for each in told
    ]
    last = told[BUSY // 2]
    rare = replace(
        last.meta,
        event=RARE,
        actor=Actor("operator", RARE),
        on_behalf_of=Actor("user", RARE),
        permission="rare",
        rule="rare",
        subjects=(RARE,),
        circumstances=Circumstances(*["rare"] * 4),
    )
    refused = Denial("rare", "rare", "rare", f"prospects/{RARE}")
    told[BUSY // 2] = replace(last, told=rare, fact=refused, type="audit.refused", stream=f"audit/{RARE}")
    return told


@pytest.fixture(scope="module")
def busy(keeper, database, migrated):
    """A tenant with a trail that the planner knows the sizes of."""
    tenant = uuid4()
    found(database, tenant)
    Runner(Told(tenant, events()), Views(tenant, keeper, Clear()), (audit,)).catch_up()
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as connection:
        connection.execute(f"analyze {table(audit).name}")
        connection.execute(f"analyze everlog.{spoken(audit, 'a').table.name}")
    return tenant


def plan(migrated, tenant, query, without=""):
    """How the trail's first page is found; `without` a column, its indexes dropped for this plan."""
    stored = table(audit)
    asked = questions.asked(stored, query.where())
    names = tuple(each.name for each in stored.columns)
    sort = "position" if asked.words else "at"
    sql = questions.page(stored, "a", Shape(asked.conditions, sort, True, False, names, tuple(asked.words)))
    values = asked.values | dict.fromkeys(asked.hidden, b"rare" * 8)
    values |= {name: word.encode() for name, (_, word) in asked.words.items()}
    values |= {"tenant": tenant, "limit": 51, "generation": 1}
    role = migrated.addresses.superuser if without else migrated.addresses.app
    with psycopg.connect(role) as connection:
        connection.execute("select set_config('app.tenant', %s, true)", [str(tenant)])
        for index in stored.table.indexes if without else ():
            if without in index.columns:
                connection.execute(f"drop index everlog.{index.name}")
        if without == "token":
            said = spoken(audit, "a").table.name
            connection.execute(f"alter table everlog.{said} drop constraint {said}_pkey")
        lines = connection.execute(f"explain {sql}", values).fetchall()
        connection.rollback()
    return "\n".join(line for (line,) in lines)


def led(text, column):
    return any("Index Cond" in line and f"{column} = " in line for line in text.splitlines())


@pytest.mark.parametrize("name", NAMED)
def test_an_index_leads_to_what_is_asked_for(migrated, busy, name):
    text = plan(migrated, busy, Trail(**{name: NAMED[name]}))
    assert led(text, LEADS.get(name, name)), text


@pytest.mark.parametrize("name", ["correlation", "trace"])
def test_what_was_read_for_a_request_is_found_by_the_index_of_words(migrated, busy, name):
    asked = Trail(**{name: NAMED[name]})
    text = plan(migrated, busy, asked)
    assert led(text, "token"), text
    assert "Seq Scan" not in text, text
    without = plan(migrated, busy, asked, without="token")
    assert not led(without, "token"), "the control"


def test_the_control_finds_a_filter_without_its_index(migrated, busy):
    text = plan(migrated, busy, Trail(rule="rare"), without="rule")
    assert not led(text, "rule"), text


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("text", ["rare", "prospects"])
def test_a_word_is_found_by_its_token_whether_rare_or_not(migrated, busy, name, text):
    lines = plan(migrated, busy, Trail(**{name: text}))
    assert led(lines, "token"), lines
    assert "Sort" not in lines, lines


def test_the_control_finds_words_without_their_index(migrated, busy):
    lines = plan(migrated, busy, Trail(q="rare"), without="token")
    assert not led(lines, "token"), lines
