"""A read model that was tampered with is put right by a command, while the product runs."""

import psycopg

from adapters.postgres.tables import table
from projections.prospects import prospects
from tests.faults.disk.plant import superuser


def hidden(house, tenant, slot):
    """Somebody whom the database's superuser has taken out of the copy that is read."""
    rows = f"everlog.{table(prospects, slot).table.name}"
    sql = f"""delete from {rows} where tenant_id = %s and id in
        (select id from {rows} where tenant_id = %s limit 1) returning id"""
    with psycopg.connect(superuser(house.home).removesuffix("postgres") + "everlog") as attacker:
        [(id,)] = attacker.execute(sql.encode(), [tenant, tenant]).fetchall()
    return id


def test_a_read_model_is_built_anew_and_who_was_missing_is_there(house, run, ask, lived):
    assert ask("views", "rebuild", str(lived.tenant), "prospects")["wrong"].keys() == {"prospects"}
    id = hidden(house, lived.tenant, "b")
    assert lived.missing(f"/v1/prospects/{id}")
    done = run("views", "rebuild", str(lived.tenant), "prospects")
    # A worker that looks at the same moment may be the one that puts the copy in place.
    assert (done.returncode, f"{id}  was missing" in done.stdout or "A worker was first" in done.stdout) == (0, True)
    assert lived.get(f"/v1/prospects/{id}")["id"] == str(id)
    known = {each["view"] for each in ask("views", str(lived.tenant))}
    assert ask("views", "rebuild", str(lived.tenant))["wrong"].keys() == known > {"prospects", "audit"}


def test_a_read_model_that_never_was_is_a_plain_message(run, lived):
    wrong = run("views", "rebuild", str(lived.tenant), "prospect")
    assert (wrong.returncode, wrong.stdout, "Traceback" in wrong.stderr) == (1, "", False)
    assert "There is no read model prospect" in wrong.stderr
