"""What operators do from the command line: the product put together for one command, and what is said of it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from api import bootstrap
from api import settings as configuration
from api.bootstrap import Product
from api.settings import Settings, Unset
from application.audit import operated
from application.kernel import Caller
from application.tenancy import Create
from domain.kernel import Actor, Circumstances
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
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=200))]


def say(answer: Any, words: str, *, json: bool) -> None:
    """Words for a person, or one JSON object for a machine."""
    sys.stdout.write((msgspec.json.encode(answer).decode() if json else words) + "\n")


def operator(tenant: UUID) -> Caller:
    """Whoever sits at this terminal, as far as the machine knows them, and why, as `EVERLOG_REASON` has it."""
    who = os.environ.get("SUDO_USER") or str(os.getuid())
    circumstances = Circumstances(
        session=f"terminal:{os.getsid(0)}",
        agent=f"everlog {version('everlog')}, user {who}"[:300],
        reason=configuration.read().reason,
    )
    return Caller(tenant=tenant, actor=OPERATOR, circumstances=circumstances)


class Told(NamedTuple):
    """What the tenant's trail is told before an operator is shown something that leaves no other fact."""

    command: str
    given: dict[str, object]


def ask(
    work: Callable[[Product], Awaitable[T]],
    tenant: UUID | None = None,
    *,
    worker: bool = False,
    told: Told | None = None,
) -> T:
    """Work with the product as this installation's operator, for a tenant that has to be there. Raises `Unset`.

    `worker` is for what only the worker's role may do.
    """

    async def run(product: Product) -> T:
        if tenant and product.logs.of(tenant).head() == (0, 0):
            raise Unset(f"There is no organisation {tenant} here. `everlog tenants list` names those that are.")
        if tenant and told:
            await operated(product.logs, operator(tenant), *told)
        return await work(product)

    return within(configuration.of_running(configuration.read()), run, worker=worker)


def within(settings: Settings, work: Callable[[Product], Awaitable[T]], *, worker: bool = False) -> T:
    """Work with the product, open for as long as that takes."""

    async def run() -> T:
        with bootstrap.product(settings, worker=worker) as product:
            await product.database.start()
            product.link.start()
            try:
                return await work(product)
            finally:
                await product.database.stop()

    return asyncio.run(run())


def zoned(at: datetime | None) -> datetime | None:
    """A time without a zone is meant as this machine's clock shows it."""
    try:
        return at.astimezone() if at else None
    except (OverflowError, ValueError):
        # So long ago, or so far ahead, that no zone's clock reaches it.
        return at.replace(tzinfo=UTC) if at else None
