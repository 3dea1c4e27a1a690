"""What a bare route needs in order to answer as we do: the subjects' keys, or the rows of the view in the clear."""

from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from adapters.postgres.tables import table
from benchmarks.peers.route import Key
from benchmarks.product import Product
from projections.prospects import prospects
from tenants.keys import over_field, over_subject_key

TABLE = "public.bench_clear"
_MAKE = f"""
    drop table if exists {TABLE};
    create table {TABLE} (
        tenant_id uuid, id uuid primary key, name text, email text, industry text, attributes jsonb,
        captured_at timestamptz, changed_at timestamptz, version bigint, signals bigint, notes bigint, stage text,
        value bigint, currency text);
    create index on {TABLE} (tenant_id, captured_at, id)"""


def keys(product: Product, tenant: UUID, file: Path) -> None:
    """Write the key of every subject of a tenant, unwrapped."""
    known = product.app.logs.rings.of(tenant).keys
    known.provision()
    found: list[Key] = []
    with psycopg.connect(product.superuser) as connection:
        sql = "select subject, epoch, wrapped from everlog.subject_keys where tenant_id = %s and wrapped is not null"
        for subject, epoch, wrapped in connection.execute(sql, [tenant]):
            cipher = known.cipher(epoch)
            assert cipher
            key = cipher.open(wrapped, over_subject_key(tenant, epoch, subject))
            found.append(Key(subject, key, over_field(tenant, subject)))
    file.write_bytes(msgspec.json.encode(found))


def rows(product: Product, tenant: UUID) -> None:
    """Fill `TABLE` with the tenant's prospects as who may see them sees them."""
    stored = table(prospects)
    names = prospects.row.__struct_fields__
    read = stored.reader()
    with psycopg.connect(product.superuser) as connection:
        connection.execute(_MAKE.encode())
        sealed = f"select {', '.join(names)} from {stored.name} where tenant_id = %s"
        found = [read(row) for row in connection.execute(sealed.encode(), [tenant])]
        opened = product.app.logs.of(tenant).open(tuple(found))
        places = ", ".join(["%s"] * (len(names) + 1))
        with connection.cursor() as cursor:
            cursor.executemany(
                f"insert into {TABLE} (tenant_id, {', '.join(names)}) values ({places})".encode(),
                [[tenant, *(_plain(name, getattr(row, name)) for name in names)] for row in opened],
            )
        connection.execute(f"analyze {TABLE}".encode())


def _plain(name: str, value: object) -> object:
    return Jsonb(dict(value)) if name == "attributes" else value  # type: ignore[call-overload] # pairs of names and numbers
