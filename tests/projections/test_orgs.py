"""What is seen of members: one row each, as long as they are one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.kernel import Actor, Meta, Recorded
from domain.orgs import Founded, Joined, Removed, RoleChanged
from projections.orgs import MemberRow, members

START = datetime(2026, 1, 1, tzinfo=UTC)
ADA, BOB, BY = UUID(int=1), UUID(int=2), Actor("key", UUID(int=3))


def at(position):
    return START + timedelta(days=position)


def seen(*facts):
    stream, meta = f"orgs/{UUID(int=9)}", Meta(UUID(int=8), BY, "orgs.manage")
    told = [Recorded(n, stream, n, at(n), meta, fact, fact.__struct_config__.tag) for n, fact in enumerate(facts, 1)]
    return {row.id: row for row in members.fold([], told)}


FACTS = (Founded("Acme"), Joined(ADA, "Admin"), Joined(BOB, "Viewer"))


def test_a_member_is_seen_with_who_gave_the_role_and_when():
    assert seen(*FACTS) == {
        ADA: MemberRow(ADA, "Admin", at(2), str(BY), at(2)),
        BOB: MemberRow(BOB, "Viewer", at(3), str(BY), at(3)),
    }


def test_a_change_of_role_is_one_member_s():
    found = seen(*FACTS, RoleChanged(BOB, "Viewer", "Manager"))
    assert found[BOB] == MemberRow(BOB, "Manager", at(4), str(BY), at(3))
    assert found[ADA] == seen(*FACTS)[ADA]


def test_who_is_removed_is_seen_no_more_and_comes_back_as_new():
    gone = (*FACTS, Removed(BOB, "Viewer"))
    assert seen(*gone).keys() == {ADA}
    assert seen(*gone, Joined(BOB, "Member"))[BOB] == MemberRow(BOB, "Member", at(5), str(BY), at(5))
