"""The trail: asked, handed over in bundles, and verified."""

import sys
from typing import Annotated
from uuid import UUID

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from api.shell import Flag, Json, Limit, Told, ask, operator, say
from api.shell.trail import EVERYTHING, Filters
from projections.audit import Trail

Sample = Annotated[int, Parameter(validator=Number(gte=0))]

audit = App("audit")
audit.command("api.bundle:bundle", name="bundle")
audit.command("api.exports.terminal:export", name="export")


@audit.default
def ask_trail(tenant: UUID, *, filters: Filters = EVERYTHING, limit: Limit = 20, json: Json = False) -> None:
    """The latest events of an organisation's trail.

    Args:
        tenant: The organisation.
        filters: Which events.
        limit: At most so many, 1 to 200.
        json: Answer with one JSON object.
    """
    given = filters.given()
    asked = Trail(**given, limit=limit)
    told = Told("audit", given | {"limit": limit})
    page = ask(lambda product: product.pipeline.ask(operator(tenant), asked), tenant, told=told)
    form = "{0.position:>8}  {0.at:%Y-%m-%d %H:%M:%S}  {0.actor_kind}:{0.actor}  {0.type}"
    lines = [form.format(row) for row in page.rows]
    say(msgspec.to_builtins(page.rows), "\n".join(lines) or "Nothing.", json=json)


@audit.command
def verify(*, tenant: UUID, predictions: Sample = 10, whole: Flag = False, json: Json = False) -> None:
    """Read an organisation's whole record anew. Exit code 0: sound; 1: not, and where; 2: it could not be looked at.

    Args:
        tenant: The organisation.
        predictions: How many predictions to compute again, drawn by chance.
        whole: Compute all of them again, which takes long.
        json: Answer with one JSON object.
    """
    from api import verify as look

    sys.exit(look.run(tenant, None if whole else predictions, json=json))
