"""Keys as decisions: what was moved is told, what was not is not."""

from functools import partial

from domain.keys import Expired, Moved, Rotated, expire, keys, move, rotate
from tests.given import given

vault = Moved("vault:https://vault.example", 3)


def test_a_move_is_told():
    given(keys).when(move, "vault:https://vault.example", 3).then(vault)
    given(keys, vault).when(move, "installation", 4).then(Moved("installation", 4))


def test_a_move_that_moved_nothing_is_told_once():
    given(keys, vault).when(move, "vault:https://vault.example", 0).then()
    given(keys).when(move, "installation", 0).then(Moved("installation", 0))


def test_what_was_cut_short_and_finished_is_told_twice():
    given(keys, vault).when(move, "vault:https://vault.example", 1).then(Moved("vault:https://vault.example", 1))


def test_a_rotation_is_told_where_it_did_something():
    for begun, subjects in ((True, 0), (False, 3), (True, 3)):
        given(keys).when(partial(rotate, begun=begun), 700, subjects).then(Rotated(700, subjects))
    given(keys, vault, Rotated(700, 3)).when(partial(rotate, begun=False), 700, 0).then()


def test_each_epoch_that_was_destroyed_is_told():
    given(keys).when(expire, [690, 691]).then(Expired(690), Expired(691))
    given(keys).when(expire, []).then()
