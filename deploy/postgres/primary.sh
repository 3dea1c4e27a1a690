#!/usr/bin/env bash
# Run once, by the image, when the primary's data folder is made: the owner, its database, and who may replicate.
set -euo pipefail

: "${EVERLOG_OWNER_PASSWORD:?}" "${REPLICATION_PASSWORD:?}"

# The passwords are read by psql from the environment, and quoted there: none is in a command line or in a log.
psql --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv owner EVERLOG_OWNER_PASSWORD
\getenv replication REPLICATION_PASSWORD
set log_statement = 'none';
set log_min_error_statement = 'panic';
set synchronous_commit = local;
create role everlog_owner login createrole password :'owner';
create role everlog_replication login replication password :'replication';
create database everlog owner everlog_owner;
select pg_create_physical_replication_slot('replica');
SQL

# The image lets everybody in with a password, but to databases alone.
echo "host replication everlog_replication samenet scram-sha-256" >> "$PGDATA/pg_hba.conf"
