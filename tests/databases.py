"""Clones of one migrated template database; a test gets a fresh one instead of a flushed one."""

import os
from urllib.parse import urlsplit

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

ALIASES = ("default", "owner")


class Databases:
    """The databases of one test run, made and dropped over one administrator's connection."""

    def __init__(self, admin: psycopg.Connection) -> None:
        self._admin = admin
        self._suffix = os.getpid()

    def name(self, kind: str) -> str:
        """The full name of the template, of the test database, of the fresh one."""
        return f"peraction_{kind}_{self._suffix}"

    def make_template(self) -> None:
        """Create the template as the owner and migrate it, once for the run."""
        owner = connections["owner"].settings_dict["USER"]
        self.drop("template")
        self._run("CREATE DATABASE {} OWNER {}", self.name("template"), owner)
        self.use("template")
        call_command("migrate", database="owner", verbosity=0)
        self._disconnect()

    def clone(self, kind: str) -> None:
        """Create the database of this kind as a copy of the template, and use it."""
        self.drop(kind)
        owner = connections["owner"].settings_dict["USER"]
        # Files are copied, not logged page by page: nobody needs to recover a clone.
        self._run(
            "CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy",
            self.name(kind), self.name("template"), owner,
        )  # fmt: skip
        self.use(kind)

    def use(self, kind: str) -> None:
        """Point Django at the database of this kind, in all threads."""
        self._disconnect()
        for alias in ALIASES:
            connections.settings[alias]["NAME"] = self.name(kind)
            connections[alias].settings_dict["NAME"] = self.name(kind)

    def drop(self, kind: str) -> None:
        """Drop the database of this kind, whoever is still connected."""
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name(kind))

    def drop_all(self) -> None:
        """Drop everything that this run has made."""
        self._disconnect()
        for kind in ("fresh", "test", "template"):
            self.drop(kind)

    def _disconnect(self) -> None:
        for alias in ALIASES:
            connections[alias].close()
        connections["default"].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's alone

    def _run(self, statement: str, *names: str) -> None:
        self._admin.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


def with_database(url: str, name: str) -> str:
    """The same libpq address with another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def who_waits(url: str) -> list[int]:
    """The processes of this database that wait for a lock; asked on a connection of its own.

    Within a transaction the answer would never change.
    """
    with psycopg.connect(url) as own:
        found = own.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return [pid for (pid,) in found]
