#!/usr/bin/env bash
# A streaming replica: its data folder is copied from the primary once, whole or not at all, and then followed.
set -euo pipefail

: "${PRIMARY:?}" "${REPLICATION_PASSWORD:?}" "${PGDATA:?}"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    fresh="$PGDATA.fresh"
    rm -rf "$fresh"
    install -d -m 0700 "$(dirname "$PGDATA")"
    export PGPASSWORD="$REPLICATION_PASSWORD"
    pg_basebackup --pgdata "$fresh" --wal-method stream --slot replica --write-recovery-conf --checkpoint fast \
        --dbname "host=$PRIMARY port=${PRIMARY_PORT:-5432} user=everlog_replication application_name=replica"
    unset PGPASSWORD
    chmod 0700 "$fresh"
    # An image may have made the folder, empty; a copy that was cut short is not under its name.
    [ ! -d "$PGDATA" ] || rmdir "$PGDATA"
    mv "$fresh" "$PGDATA"
fi
unset REPLICATION_PASSWORD
exec postgres -D "$PGDATA" -c hot_standby=on -c hot_standby_feedback=on "$@"
