"""Decisions about access in an organisation of many members: grants of roles, and a rule for each member."""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from random import Random
from uuid import UUID

import uvloop
from casbin import Enforcer
from msgspec.structs import replace

from adapters.casbin import Policy
from application.kernel import Caller
from benchmarks import load
from benchmarks.ground import Ground
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import rules
from benchmarks.peers.rules import Question
from benchmarks.product import Product, opened
from domain.access import KINDS, PERMISSIONS, ROLES
from domain.kernel import Actor
from domain.orgs import Founded, Joined, Org

GRANTS = sum(map(len, (*ROLES.values(), *KINDS.values())))
QUESTIONS = 20_000
AGAIN = 2_000
"""Questions that are asked again and again."""
TENANT = UUID(int=7)


def run(ground: Ground, session: Session) -> Iterator[Line]:
    members = _members(session.scale.rules - GRANTS)
    dice = Random(1815)
    people, permissions = sorted(members), sorted(PERMISSIONS)
    asked = [(f"user:{dice.choice(people)}", dice.choice(permissions)) for _ in range(QUESTIONS)]
    seconds = session.scale.seconds / 2
    with opened(ground) as product:
        tenant = _recorded(product, members)
        compiled, stock = rules.compiled(members), rules.stock(members)
        _agree(members, asked[:200], compiled, stock)
        rounds = session.play(
            {
                OURS: lambda: {
                    **ours(members, asked, seconds),
                    "whole": whole(product, tenant, asked, seconds),
                },
                "compiled": lambda: {
                    "rate": rules.rate(asked[:AGAIN], seconds, lambda who, what: compiled.get((who, what)))
                },
                "pycasbin": lambda: {"rate": rules.rate(asked[:AGAIN], seconds, stock.enforce)},
            }
        )
    versus = Versus(
        against="compiled",
        kind="limit",
        case="asked before",
        measure="again",
        theirs="rate",
        unit="decisions/s",
        aim=0.5,
        note=f"{GRANTS} grants of roles and kinds, {len(members):,} members",
    )
    first = replace(versus, case="asked for the first time", measure="first")
    through = replace(versus, case="asked before, of the tenant's own access as the pipeline asks", measure="whole")
    peers = [replace(each, against="pycasbin", kind="peer", aim=None) for each in (versus, first)]
    yield from session.compared(rounds, versus, first, replace(through, aim=None), *peers)


def ours(members: Mapping[UUID, str], asked: Sequence[Question], seconds: float) -> Figures:
    """Decisions per second of a policy that was just built: each question once, then some of them again and again."""
    policy = Policy(TENANT, (1, 1), Org("Bench", members))
    stop, began, done = time.perf_counter() + seconds, time.perf_counter(), 0
    for subject, permission in asked:
        policy.decide(subject, permission)
        done += 1
        if time.perf_counter() > stop:
            break
    first = done / (time.perf_counter() - began)
    for subject, permission in asked[:AGAIN]:
        policy.decide(subject, permission)
    return {"first": first, "again": rules.rate(asked[:AGAIN], seconds, policy.decide)}


def whole(product: Product, tenant: UUID, asked: Sequence[Question], seconds: float) -> float:
    """Decisions per second as the pipeline has them: the tenant's policy looked up, the caller's subject found."""

    async def decide() -> float:
        callers = [
            (Caller(tenant=tenant, actor=Actor("user", UUID(subject.removeprefix("user:")))), permission)
            for subject, permission in asked[:AGAIN]
        ]
        await product.app.database.start()
        try:
            for caller, permission in callers:
                await product.app.access.decide(caller, permission)
            began, done = time.perf_counter(), 0
            for caller, permission in cycle(callers):
                await product.app.access.decide(caller, permission)
                done += 1
                if done % 64 == 0 and time.perf_counter() > began + seconds:
                    break
            return done / (time.perf_counter() - began)
        finally:
            await product.app.database.stop()

    return uvloop.run(decide())


def _members(count: int) -> dict[UUID, str]:
    dice, roles = Random(1815), sorted(ROLES)
    return {UUID(int=dice.getrandbits(128)): dice.choice(roles) for _ in range(count)}


def _recorded(product: Product, members: Mapping[UUID, str]) -> UUID:
    tenant = product.tenant()
    facts = [Founded("Bench"), *(Joined(member, role) for member, role in members.items())]
    product.logs.of(tenant).submit(f"orgs/{tenant}", 0, facts, load.meta()).result()
    return tenant


def _agree(
    members: Mapping[UUID, str], asked: Sequence[Question], compiled: Mapping[Question, str], stock: Enforcer
) -> None:
    """All three say the same, or there is nothing to compare."""
    policy = Policy(TENANT, (1, 1), Org("Bench", members))
    for question in asked:
        allowed = policy.decide(*question).allowed
        assert allowed == (question in compiled) == stock.enforce(*question)
