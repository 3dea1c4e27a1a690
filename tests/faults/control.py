"""The control: each thing that may go wrong, done to the very state that was found right, and looked at again."""

from collections.abc import Sequence
from contextlib import ExitStack
from uuid import UUID

import psycopg
from msgspec.structs import replace

from adapters.postgres.tables import tables
from adapters.postgres.views import Views
from api import bootstrap
from api.settings import Settings
from domain.kernel import Recorded
from tests.faults.aftermath import WITHIN, Aftermath, Carried, late, live, rebuilt, unproven
from tests.faults.disk.plant import superuser
from tests.faults.evidence import Ledger, torn, wrong
from tests.faults.subscriber import Place, misled
from tests.faults.watch import Marks


def unseen(ledger: Ledger, log: Sequence[Recorded], *, learned: bool = True) -> list[str]:
    """What of it the account does not see; nothing, where the account is to be trusted."""
    which = next(number for number, each in enumerate(log) if each.type == "prospects.signal-observed")
    signal, last = log[which], log[-1]
    after = last.position + 1
    lacking = [*log[:which], *log[which + 1 :]]
    stranger = replace(signal, stream=f"prospects/{UUID(int=0)}", version=1, position=after, at=last.at)
    again = replace(signal, version=signal.version + 1, position=after, at=last.at)
    done = {
        "positions": lacking,
        "acknowledged at": [replace(each, position=number) for number, each in enumerate(lacking, 1)],
        "never attempted": [*log, stranger],
        "repeated": [*log, again],
        "positions ": [*log[:which], log[which + 1], signal, *log[which + 2 :]],
    }
    if learned:
        made = next(each for each in log if each.type == "predictions.made")
        more = replace(made, stream=f"predictions/{UUID(int=0)}", position=after, at=last.at)
        done["predictions of"] = [*log, more]
    judged = {what: wrong(ledger, changed, learned=learned) for what, changed in done.items()}
    missed = [what for what, found in judged.items() if not any(what in each for each in found)]
    if not wrong(Ledger(ledger.attempted, [(after, *ledger.attempted[0])]), log, learned=learned):
        missed.append("acknowledged beyond the end")
    return missed


def overlooked(after: Aftermath, stream: Carried, arrived: Sequence[Place]) -> list[str]:
    """The same of JetStream, subscribers, checkpoints and the time it took."""
    first, second, *rest = stream
    back, ahead = Marks(), Marks()
    for position in (7, 6):
        back.see(UUID(int=0), [("prospects-1", 1, position)])
    ahead.see(UUID(int=0), [("", 1, 4), ("prospects-1", 1, 5)])
    judged = {
        "JetStream lacks one": torn([first, *rest], after.digests),
        "JetStream has two in another order": torn([second, first, *rest], after.digests),
        "JetStream has one twice": torn([first, second, first, *rest], after.digests),
        "JetStream has one that the log has not": torn([*stream, (len(stream) + 1, "")], after.digests),
        "a subscriber lacks one": misled(arrived[1:], after.log),
        "a subscriber got one twice": misled([*arrived[:2], *arrived[1:]], after.log),
        "a checkpoint went back": back.wrong,
        "a view is ahead of its log": ahead.wrong,
        "it took too long": late(WITHIN + 1),
    }
    return [what for what, found in judged.items() if not found]


def planted(settings: Settings, tenant: UUID) -> bool:
    """Take a row away from a view, by hand, and say whether the comparison with its rebuild finds that out."""
    with ExitStack() as stack:
        where, _ = bootstrap.embedded(settings, stack)
        product = stack.enter_context(bootstrap.product(where, worker=True))
        views = Views(tenant, product.database, product.logs.of(tenant))
        build = next(each for each in live(views) if each.view.name == "prospects")
        name = f"everlog.{tables(build)[0].name}"
        sql = f"delete from {name} where id = (select id from {name} where tenant_id = %s limit 1) returning id"
        [(gone,)] = product.database.query(tenant, sql, [tenant])
        differing, _ = rebuilt(product, tenant)
    return any(each.key == gone for each in differing.get("prospects", []))


def unsealed(settings: Settings, tenant: UUID) -> bool:
    """Take the last checkpoint of a log away, by hand, and say whether reading it anew finds that out."""
    with ExitStack() as stack:
        where, _ = bootstrap.embedded(settings, stack)
        url = superuser(settings.home).removesuffix("postgres") + "everlog"
        with psycopg.connect(url, autocommit=True) as connection:
            # No trigger holds who is set so.
            connection.execute("set session_replication_role = replica")
            last = "(select max(size) from everlog.seals where tenant_id = %(tenant)s)"
            sql = f"delete from everlog.seals where tenant_id = %(tenant)s and size = {last}"
            assert connection.execute(sql.encode(), {"tenant": tenant}).rowcount == 1
        return any("its checkpoint is gone" in each for each in unproven(where, tenant))
