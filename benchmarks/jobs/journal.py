"""The journal of reads: the same reads of the same API with it, and with one that keeps nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks.client import Load
from benchmarks.ground import Ground
from benchmarks.history import Past
from benchmarks.jobs.http import CONNECTIONS, PROSPECTS, environment, ids, organisation
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers.bare import free
from benchmarks.product import opened
from benchmarks.serving import HOST, ask, serving

CASES = {"one": "get one prospect", "list": "list 50 prospects"}
_LIST = "/v1/prospects?limit=50"
_SLOWER = 1.2
"""The p50 of a read with the journal may be this many times that without."""


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product:
        tenant, authorization = organisation(product)
        Past(product.logs.of(tenant)).grow(PROSPECTS * 5, until=session.soon())
        with ThreadPoolExecutor(2) as threads:
            product.runner(tenant, threads).catch_up()
        product.settle()
        paths = {"one": [f"/v1/prospects/{id}" for id in ids(product, tenant)], "list": [_LIST]}
        ours, other = environment(product), free()
        without = ours | {"EVERLOG_PORT": str(other)}
        with (
            serving(["api.main", "api"], product.settings.port, ours, _LIST, authorization) as port,
            serving(["benchmarks.peers.unjournalled"], other, without, _LIST, authorization),
        ):

            def asked(port: int) -> Figures:
                figures: dict[str, float] = {}
                for name, each in paths.items():
                    met = ask(Load(HOST, port, authorization, each, CONNECTIONS, session.scale.seconds))
                    figures |= {f"{name} p50": met.p50, f"{name} p99": met.p99, f"{name} rate": met.rate}
                return figures

            rounds = session.play({OURS: lambda: asked(port), "unjournalled": lambda: asked(other)})
    yield from session.compared(
        rounds,
        *(
            Versus(
                against="unjournalled",
                kind="limit",
                case=f"{case}, {measure}",
                measure=f"{name} {measure}",
                unit=unit,
                aim=1 / _SLOWER if measure == "p50" else None,
                note=f"{CONNECTIONS} clients; theirs: the same API, and nothing is written down",
            )
            for name, case in CASES.items()
            for measure, unit in (("p50", "ms"), ("p99", "ms"), ("rate", "requests/s"))
        ),
    )
