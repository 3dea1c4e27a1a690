"""Access review: who could do what at the period's end, and how that came about."""

from collections import Counter
from datetime import datetime
from uuid import UUID

from domain.api_keys import Issued, Revoked, api_keys
from domain.orgs import orgs
from projections.reports.changes import changed
from projections.reports.content import MOST, Row, Section, Sources, text


async def access(sources: Sources) -> list[Section]:
    return [await _keys(sources), await _members(sources), await _changes(sources), await _refused(sources)]


async def _keys(sources: Sources) -> Section:
    found, all_of_them = await sources.entries(type=Issued.__struct_config__.tag, whole=True)
    return Section(
        title="API keys",
        note="Every key that was ever issued, as it stood at the end of the period, and what it was last used for.",
        columns=(
            "Key",
            "Name",
            "Role",
            "Cut down to",
            "State",
            "Issued",
            "Issued by",
            "Expires",
            "Last act",
            "Its kind",
        ),
        rows=[await _key(sources, each.resource) for each in found],
        whole=all_of_them,
    )


async def _key(sources: Sources, id: UUID) -> Row:
    history = await sources.history(f"{api_keys.name}/{id}")
    issued = history[0].fact
    if not isinstance(issued, Issued):
        return (str(id), *[None] * 9)
    last = await sources.last(id)
    return (
        str(id),
        issued.name,
        issued.role,
        None if issued.scopes is None else text(issued.scopes),
        _state([type(each.fact) for each in history], issued.expires_at, sources.until),
        history[0].at,
        str(history[0].meta.actor),
        issued.expires_at,
        last.at if last else None,
        last.type if last else None,
    )


def _state(facts: list[type], expires: datetime | None, until: datetime) -> str:
    if Revoked in facts:
        return "revoked"
    return "expired" if expires and expires <= until else "in force"


async def _members(sources: Sources) -> Section:
    founded, all_of_them = await sources.entries(type="orgs.founded", whole=True)
    rows: list[Row] = []
    for entry in founded:
        state = orgs.fold(each.fact for each in await sources.history(f"{orgs.name}/{entry.resource}"))
        rows += [(str(member), role) for member, role in sorted(state.roles.items(), key=str)]
    return Section(
        title="Members",
        note="The organisation's members and their roles at the end of the period.",
        columns=("Member", "Role"),
        rows=rows[:MOST],
        whole=all_of_them and len(rows) <= MOST,
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
