#!/usr/bin/env bash
# A streaming replica: copied from the primary where it has no data yet, then started. Its slot keeps on the primary what
# it has not received yet, so drop the slot if the replica is given up.
set -euo pipefail

copy() {
    # What a copy that was cut short has left is no server. What stands at PGDATA is never touched.
    rm -rf "$PGDATA.copy"
    pg_basebackup --host "$PRIMARY" --username everlog_replica --pgdata "$PGDATA.copy" --wal-method stream \
        --write-recovery-conf --slot everlog_replica "$@"
}

if [ ! -e "$PGDATA" ]; then
    # The slot stands already where an earlier copy was cut short.
    copy --create-slot || copy
    mv "$PGDATA.copy" "$PGDATA"
fi
exec postgres "$@"
