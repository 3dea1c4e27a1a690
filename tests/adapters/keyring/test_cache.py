"""Subject keys at hand are let go of when they may not be used any more, not only when there are too many."""

from uuid import uuid4

from adapters.keyring import Cache
from domain.kernel import Erased


def test_a_key_that_is_too_old_is_let_go_of_by_the_next_that_is_put():
    now = [0.0]
    cache, tenant, late = Cache(lifetime=10, clock=lambda: now[0]), uuid4(), uuid4()
    cache.put(tenant, [(uuid4(), Erased()) for _ in range(100)])
    now[0] = 9.0
    cache.put(tenant, [(late, Erased())])
    assert len(cache) == 101
    now[0] = 11.0
    cache.put(tenant, [(uuid4(), Erased())])
    assert len(cache) == 2
    assert cache.get(tenant, late)


def test_a_key_that_is_put_again_lives_from_then_on():
    now = [0.0]
    cache, tenant, again = Cache(lifetime=10, clock=lambda: now[0]), uuid4(), uuid4()
    for at in (0.0, 8.0, 16.0):
        now[0] = at
        cache.put(tenant, [(again, Erased()), (uuid4(), Erased())])
    assert cache.get(tenant, again)
    assert len(cache) == 3
