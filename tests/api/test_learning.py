"""What happens to one tenant's model while others are folded beside it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

from api.learning import Models
from tenants.keys import Revoked

ONE, OTHER = UUID(int=1), UUID(int=2)


class Folded:
    """A model with one fact to fold."""

    def __init__(self):
        self.left = 1

    def advance(self):
        self.left, folded = 0, self.left
        return folded


class Meeting:
    """Goes on once two of them are folded at the same time, as one that waits for a fit that another has begun."""

    def __init__(self, barrier):
        self.barrier = barrier

    def advance(self):
        self.barrier.wait(10)
        return 1


class Opening:
    """Opens models; the first tenant's key service refuses a while."""

    def __init__(self, refusals):
        self.refusals = refusals
        self.tried: list[UUID] = []

    def __call__(self, tenant):
        self.tried.append(tenant)
        if tenant == ONE and self.refusals:
            self.refusals -= 1
            raise Revoked("k")
        return Folded()


def test_what_fails_with_one_keeps_the_others_from_nothing():
    opening = Opening(refusals=10)
    models = Models(opening)
    assert models.turn([ONE, OTHER]) == 1
    assert models.turn([ONE, OTHER]) == 0
    assert opening.tried == [ONE, OTHER], "who failed is left alone for a while"


def test_it_is_tried_again(monkeypatch):
    monkeypatch.setattr("api.learning.REST", 0.0)
    opening = Opening(refusals=1)
    models = Models(opening)
    assert [models.turn([ONE, OTHER]) for _ in range(3)] == [1, 1, 0]
    assert opening.tried == [ONE, OTHER, ONE]


def test_one_that_waits_for_a_fit_does_not_keep_another_waiting():
    barrier = Barrier(2)

    def opening(_):
        return Meeting(barrier)

    with ThreadPoolExecutor(2) as threads:
        assert Models(opening, threads=threads).turn([ONE, OTHER]) == 2
