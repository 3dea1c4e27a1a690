"""Who belongs to an organisation, and that it is never without an Admin."""

from uuid import UUID

from domain.orgs import Founded, Joined, Removed, RoleChanged, change, found, join, orgs, remove
from tests.given import given

ada, bob = UUID(int=1), UUID(int=2)
acme = (Founded("Acme"), Joined(ada, "Admin"))


def test_an_organisation_begins_with_an_admin():
    given(orgs).when(found, "Acme", ada).then(*acme)


def test_founding_twice_does_nothing():
    given(orgs, *acme).when(found, "Acme", ada).then()


def test_founding_another_in_its_place_is_refused():
    given(orgs, *acme).when(found, "Other", ada).refused("orgs.exists")


def test_a_member_joins():
    given(orgs, *acme).when(join, bob, "Viewer").then(Joined(bob, "Viewer"))


def test_joining_twice_does_nothing():
    given(orgs, *acme, Joined(bob, "Viewer")).when(join, bob, "Viewer").then()


def test_joining_again_does_not_change_the_role():
    given(orgs, *acme, Joined(bob, "Viewer")).when(join, bob, "Admin").refused("orgs.member-exists")


def test_a_change_of_role_tells_where_from():
    given(orgs, *acme, Joined(bob, "Viewer")).when(change, bob, "Manager").then(RoleChanged(bob, "Viewer", "Manager"))


def test_a_change_to_the_same_role_does_nothing():
    given(orgs, *acme).when(change, ada, "Admin").then()


def test_the_last_admin_stays_admin():
    given(orgs, *acme, Joined(bob, "Manager")).when(change, ada, "Viewer").refused("orgs.last-admin")


def test_the_last_admin_is_not_removed():
    given(orgs, *acme, Joined(bob, "Manager")).when(remove, ada).refused("orgs.last-admin")


def test_one_of_two_admins_may_go():
    given(orgs, *acme, Joined(bob, "Admin")).when(remove, ada).then(Removed(ada, "Admin"))


def test_who_was_removed_may_join_in_another_role():
    given(orgs, *acme, Joined(bob, "Viewer"), Removed(bob, "Viewer")).when(join, bob, "Member").then(
        Joined(bob, "Member")
    )


def test_strangers_have_no_role_to_change():
    given(orgs, *acme).when(change, bob, "Viewer").refused("orgs.member-unknown")


def test_nobody_joins_what_is_not_founded():
    given(orgs).when(join, bob, "Viewer").refused("orgs.unknown")
