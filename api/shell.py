"""What operators do from the command line: tenants, keys, predictions, the trail, the views."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID, uuid4

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

from api import bootstrap
from api import settings as configuration
from api.bootstrap import Product
from api.settings import Unset
from application.api_keys import Revoke, mint
from application.kernel import Caller
from application.pipeline import Asked
from application.tenancy import Create, provision
from domain.access import Role
from domain.kernel import Actor, Recorded
from domain.tenancy import Created
from projections.audit import Trail
from tenants.context import SYSTEM

T = TypeVar("T")
OPERATOR = Actor("operator", SYSTEM)


def _fits(_: object, name: str) -> None:
    """The bounds are those of the command that takes the name."""
    try:
        msgspec.convert({"name": name}, Create)
    except msgspec.ValidationError as problem:
        raise ValueError(str(problem)) from problem


Json = Annotated[bool, Parameter(name="--json", negative="")]
Flag = Annotated[bool, Parameter(negative="")]
Name = Annotated[str, Parameter(validator=_fits)]
Days = Annotated[int | None, Parameter(validator=Number(gte=1, lte=36500))]
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=200))]
Sample = Annotated[int, Parameter(validator=Number(gte=0))]

tenants = App("tenants")
api_keys = App("api-keys")
predictions = App("predictions")
audit = App("audit")
views = App("views")
audit.command("api.bundle:bundle", name="bundle")


def say(answer: Any, words: str, *, json: bool) -> None:
    """Words for a person, or one JSON object for a machine."""
    sys.stdout.write((msgspec.json.encode(answer).decode() if json else words) + "\n")


def ask(work: Callable[[Product], Awaitable[T]], tenant: UUID | None = None) -> T:
    """Work with the product as this installation's operator, for a tenant that has to be there. Raises `Unset`."""

    async def run() -> T:
        with bootstrap.product(configuration.of_running(configuration.read())) as product:
            if tenant and product.logs.of(tenant).head() == (0, 0):
                raise Unset(f"There is no organisation {tenant} here. `everlog tenants list` names those that are.")
            await product.database.start()
            product.link.start()
            try:
                return await work(product)
            finally:
                await product.database.stop()

    return asyncio.run(run())


@tenants.command(name="create")
def create_tenant(name: Name, *, json: Json = False) -> None:
    """Create an organisation and a first API key with the role Admin.

    Args:
        name: What the organisation is called.
        json: Answer with one JSON object.
    """
    made = found(name)
    say(made, f"Organisation {made['tenant']}\nAPI key {made['id']} (Admin), shown only now:\n{made['key']}", json=json)


def found(name: str) -> dict[str, str]:
    """A new organisation and its first key: `tenant`, `name`, and the key's `id`, `role` and text as `key`."""

    async def work(product: Product) -> dict[str, str]:
        tenant = uuid4()
        await provision(product.pipeline, product.logs, OPERATOR, tenant, name, OPERATOR.id)
        return {"tenant": str(tenant), "name": name, **await _issue(product, tenant, "first key", "Admin", None)}

    return ask(work)


@tenants.command(name="list")
def list_tenants(*, json: Json = False) -> None:
    """The organisations of this installation, in the order in which they were created.

    Args:
        json: Answer with one JSON object.
    """
    known = [
        {"tenant": str(each.id), "name": each.fact.name, "created_at": f"{each.at:%Y-%m-%dT%H:%M:%SZ}"}
        for each in ask(_created)
        if isinstance(each.fact, Created)
    ]
    lines = [f"{each['tenant']}  {each['created_at']}  {each['name']}" for each in known]
    say({"tenants": known}, "\n".join(lines) or "None yet.", json=json)


async def _created(product: Product) -> list[Recorded]:
    log, known, position = product.logs.of(SYSTEM), list[Recorded](), 0
    while batch := await log.tail(position):
        known += [each for each in batch if isinstance(each.fact, Created)]
        position = batch[-1].position
    return known


async def named(product: Product) -> dict[UUID, str]:
    """What each organisation of this installation is called."""
    return {each.id: each.fact.name for each in await _created(product) if isinstance(each.fact, Created)}


@api_keys.command(name="create")
def create_key(
    tenant: UUID, *, role: Role = "Member", name: Name = "key", days: Days = None, json: Json = False
) -> None:
    """Issue an API key. Its text is shown now and never again.

    Args:
        tenant: The organisation.
        role: What the key may do: Admin, Manager, Member, Viewer or Auditor.
        name: What the key is for.
        days: After how many days it expires; never, if left out.
        json: Answer with one JSON object.
    """
    made = ask(lambda product: _issue(product, tenant, name, role, days), tenant)
    say(made, f"API key {made['id']} ({role}), shown only now:\n{made['key']}", json=json)


@api_keys.command(name="revoke")
def revoke_key(tenant: UUID, id: UUID, *, json: Json = False) -> None:
    """Revoke an API key. It stops working within a second.

    Args:
        tenant: The organisation.
        id: The key's id, as `api-keys create` answered it.
        json: Answer with one JSON object.
    """
    ask(lambda product: product.pipeline.run(Caller(tenant=tenant, actor=OPERATOR), Asked(Revoke(), id)), tenant)
    say({"revoked": str(id)}, f"Key {id} is revoked.", json=json)


@predictions.command
def recompute(id: UUID, *, tenant: UUID | None = None, json: Json = False) -> None:
    """Make a past prediction again from the log and compare: equal (bit for bit), superseded by erasure, or differs.

    Exit code 1 where it differs.

    Args:
        id: The prediction.
        tenant: Whose it is; found among all organisations if left out.
        json: Answer with one JSON object.
    """
    from api.recompute import recomputed

    # Seconds for an early prediction, minutes for one that half a million facts came before.
    with Console(stderr=True).status("Folding the log up to the prediction."):
        found = recomputed(configuration.of_running(configuration.read()), id, tenant)
    words = f"{found.verdict}: probability {found.made.probability!r}, made at position {found.made.position}"
    if found.superseded_at:
        words += f", superseded by an erasure at position {found.superseded_at}"
    if found.differing:
        words += f"; differing: {', '.join(found.differing)}"
    answer = {
        "id": str(id),
        "verdict": found.verdict,
        "position": found.made.position,
        "probability": found.made.probability,
        "again": found.again.probability if found.again else None,
        "differing": found.differing,
    }
    say(answer, words, json=json)
    sys.exit(1 if found.verdict == "differs" else 0)


@audit.default
def ask_trail(
    tenant: UUID,
    *,
    actor: UUID | None = None,
    type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """The latest events of an organisation's trail.

    Args:
        tenant: The organisation.
        actor: Only what this user, key or model did.
        type: Only this kind of event, such as prospects.won.
        since: Only from this time on (ISO 8601; without a zone, this machine's).
        until: Only before this time.
        limit: At most so many, 1 to 200.
        json: Answer with one JSON object.
    """
    asked = Trail(actor=actor, type=type, since=zoned(since), before=zoned(until), limit=limit)
    page = ask(lambda product: product.pipeline.ask(Caller(tenant=tenant, actor=OPERATOR), asked), tenant)
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


@views.default
def lag(tenant: UUID, *, json: Json = False) -> None:
    """How far each read model of an organisation is behind its log.

    Args:
        tenant: The organisation.
        json: Answer with one JSON object.
    """
    found = ask(lambda product: product.reads.of(tenant).lag(), tenant)
    lines = [f"{each.view:<16} {each.positions:>8} behind  {each.parked} parked" for each in found]
    say(msgspec.to_builtins(found), "\n".join(lines) or "Nothing yet.", json=json)


@views.command
def parked(tenant: UUID, *, limit: Limit = 100, json: Json = False) -> None:
    """The events that a read model could not apply, and those that wait behind them.

    They are tried again when a worker takes up the organisation, as one of a new release does. Nothing else waits.

    Args:
        tenant: The organisation.
        limit: At most so many, 1 to 200.
        json: Answer with one JSON object.
    """
    found = ask(lambda product: asyncio.to_thread(bootstrap.store(product, tenant).parked, limit), tenant)
    form = "{0.view:<16} {1.position:>8}  {1.type:<28} {1.why}"
    lines = [form.format(each, each.event) for each in found]
    told = [
        {
            "view": each.view,
            "position": each.event.position,
            "type": each.event.type,
            "why": each.event.why,
            "behind": each.event.behind,
            "since": each.since,
        }
        for each in found
    ]
    say(told, "\n".join(lines) or "Nothing.", json=json)


def check_walls(*, json: bool) -> None:
    """Say what is wrong with the walls, and exit with 1 if anything is."""
    findings = bootstrap.holes(configuration.of_running(configuration.read()))
    say({"findings": [str(each) for each in findings]}, "\n".join(map(str, findings)) or "No hole found.", json=json)
    sys.exit(1 if findings else 0)


def zoned(at: datetime | None) -> datetime | None:
    """A time without a zone is meant as this machine's clock shows it."""
    try:
        return at.astimezone() if at else None
    except (OverflowError, ValueError):
        # So long ago, or so far ahead, that no zone's clock reaches it.
        return at.replace(tzinfo=UTC) if at else None


async def _issue(product: Product, tenant: UUID, name: str, role: Role, days: int | None) -> dict[str, str]:
    expires = datetime.now().astimezone() + timedelta(days=days) if days else None
    minted = mint(tenant, name, role, None, expires)
    await product.pipeline.run(Caller(tenant=tenant, actor=OPERATOR), Asked(minted.issue, minted.id))
    return {"id": str(minted.id), "role": role, "key": minted.text}
