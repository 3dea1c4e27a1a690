"""The three database roles: the owner migrates, the app and the worker log in and own nothing."""

from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from msgspec import Struct
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

Connection = psycopg.Connection[Any]


class Roles(Struct, frozen=True):
    """The names of the login roles."""

    app: str
    worker: str


def worker_of(app_url: str) -> str:
    """The worker's URL where none is given: the app's, with `_worker` behind the role's name."""
    parts = urlsplit(app_url)
    if parts.username is None:
        raise ValueError("The app's database URL names no role.")
    password = "" if parts.password is None else f":{parts.password}"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}{quote('_worker')}{password}@{host}"))


def role_of(url: str) -> str:
    role = conninfo_to_dict(url).get("user")
    if not role:
        raise ValueError("The database URL names no role.")
    return str(role)


def ensure(connection: Connection, url: str) -> None:
    """Make the login role that a URL names, with its password; a role that stands keeps its attributes.

    Needs CREATEROLE. The server never sees the password, only what it checks one against.
    """
    role, password = role_of(url), conninfo_to_dict(url).get("password")
    found = connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
    if not found:
        connection.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
    if password and _may_alter(connection, role):
        secret = connection.pgconn.encrypt_password(str(password).encode(), role.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), secret))


def _may_alter(connection: Connection, role: str) -> bool:
    """Whether the role is ours to alter; one that the operator made beforehand is left alone."""
    query = """
        select pg_has_role(current_user, r.oid, 'member with admin option') or
            (select s.rolsuper or (s.rolcreaterole and current_setting('server_version_num')::int < 160000)
             from pg_roles s where s.rolname = current_user)
        from pg_roles r where r.rolname = %s"""
    row = connection.execute(query, [role]).fetchone()
    return bool(row and row[0])
