"""Keys as decisions: what was moved is told, what was not is not."""

from domain.keys import Moved, keys, move
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
