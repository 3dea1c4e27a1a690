"""Access review: who could do what at the period's end, and how that came about."""

from collections import Counter
from datetime import datetime
from uuid import UUID

from domain.api_keys import Issued, Revoked, api_keys
from domain.orgs import orgs
from projections.audit.access import Members, role_of, roles
from projections.reports.changes import changed
from projections.reports.content import MOST, Row, Section, Sources, text


async def access(sources: Sources) -> list[Section]:
    members = roles(await sources.history(f"{orgs.name}/{sources.tenant}"))
    return [await _keys(sources, members), _members(members), await _changes(sources), await _refused(sources)]


async def _keys(sources: Sources, members: Members) -> Section:
    found, all_of_them = await sources.entries(type=Issued.__struct_config__.tag, whole=True)
    return Section(
        title="API keys",
        note="Every key that was ever issued, as it stood at the end of the period, and what it was last used for. "
        "A member's key has the role that they had then.",
        columns=(
            "Key",
            "Name",
            "Member",
            "Role",
            "Cut down to",
            "State",
            "Issued",
            "Issued by",
            "Expires",
            "Last act",
            "Its kind",
        ),
        rows=[await _key(sources, each.resource, members) for each in found],
        whole=all_of_them,
    )


async def _key(sources: Sources, id: UUID, members: Members) -> Row:
    history = await sources.history(f"{api_keys.name}/{id}")
    issued = history[0].fact
    if not isinstance(issued, Issued):
        return (str(id), *[None] * 10)
    last = await sources.last(id)
    role = role_of(issued, members)
    return (
        str(id),
        issued.name,
        str(issued.member) if issued.member else None,
        role,
        None if issued.scopes is None else text(issued.scopes),
        _state([type(each.fact) for each in history], issued.expires_at, role, sources.until),
        history[0].at,
        str(history[0].meta.actor),
        issued.expires_at,
        last.at if last else None,
        last.type if last else None,
    )


def _state(facts: list[type], expires: datetime | None, role: str, until: datetime) -> str:
    if Revoked in facts:
        return "revoked"
    if expires and expires <= until:
        return "expired"
    return "in force" if role else "its member is gone"


def _members(members: Members) -> Section:
    rows = [
        (str(member), role, given.at, str(given.meta.actor))
        for member, (role, given) in sorted(members.items(), key=str)
    ]
    return Section(
        title="Members",
        note="The organisation's members and their roles at the end of the period.",
        columns=("Member", "Role", "Since", "Given by"),
        rows=rows[:MOST],
        whole=len(rows) <= MOST,
    )


async def _changes(sources: Sources) -> Section:
    return await changed(
        sources, "Changes of access", "Keys issued and revoked, members and roles.", (api_keys.name, orgs.name)
    )


async def _refused(sources: Sources) -> Section:
    found, all_of_them = await sources.entries(outcome="refused")
    counted = Counter((f"{each.actor_kind}:{each.actor}", each.permission, each.code) for each in found)
    return Section(
        title="What was refused",
        note="How often each actor asked for what it was not given.",
        columns=("Actor", "Permission", "Code", "Times"),
        rows=[(*who, times) for who, times in sorted(counted.items())],
        whole=all_of_them,
    )
