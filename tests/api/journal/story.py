"""What is read, and what of it stands in the log."""

import os
from uuid import UUID

from adapters.journal.drain import seal
from application.ports import Seen
from domain.audit import Damaged, Look, Read
from domain.kernel import Actor, Circumstances


def reads(world, tenant):
    return [each for each in world.logs.of(tenant.id).read(0, 100_000) if isinstance(each.fact, Read)]


def captured(world, tenant, name="Ada"):
    body = {"name": name, "email": f"{os.urandom(6).hex()}@example.org"}
    answer = world.ask("POST", "/v1/prospects", tenant.keys["Admin"], json=body)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"]), answer.headers["Everlog-Position"], body["email"]


def damaged(world, tenant):
    return [each for each in world.logs.of(tenant.id).read(0, 100_000) if isinstance(each.fact, Damaged)]


def seen(world, tenant, actor, subject):
    return Seen(
        tenant=tenant.id,
        actor=Actor("key", actor),
        on_behalf_of=None,
        permission="prospects.read-personal",
        rule="",
        circumstances=Circumstances(ip="192.0.2.7"),
        query="prospects.get",
        filter=(("id", str(subject)),),
        fields=("name",),
        look=Look(world.logs.of(tenant.id).read(0, 1)[0].at, 1, (subject,)),
    )


def sealed(world, each):
    return seal(world.logs.of(each.tenant).token("journal", "seal"), each)
