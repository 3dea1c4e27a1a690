#!/usr/bin/env bash
# Run once, when the primary's data folder is made: the database, its owner, and the role that replicas come with.
set -euo pipefail

psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --set ON_ERROR_STOP=1 \
    --set owner="$EVERLOG_OWNER_PASSWORD" --set replica="$REPLICATION_PASSWORD" <<'SQL'
create role everlog_owner login createrole password :'owner';
create database everlog owner everlog_owner;
create role everlog_replica login replication password :'replica';
SQL

# The image's own line admits everybody to every database; replication is none of them.
echo "host replication everlog_replica all scram-sha-256" >> "$PGDATA/pg_hba.conf"
