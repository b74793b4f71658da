"""A real PostgreSQL for every run, a fresh database where a test commits, and a clock to move."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from pytest_django import DjangoDbBlocker
from xdist.remote import Producer

from tests import environment, sharing
from tests.browser import Browser, browser
from tests.clock import Clock
from tests.databases import Databases, with_database


def pytest_collection(session: pytest.Session) -> None:
    """Bring in the cast, whose module needs the models and so a Django that is set up."""
    session.config.pluginmanager.import_plugin("tests.cast")


def pytest_xdist_setupnodes() -> None:
    """Let every worker make an environment and a server of its own."""
    environment.give_back()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> sharing.ByModule:
    """Share the tests by whole modules, in our order and not by how many tests they have."""
    config.option.loadscopereorder = False
    return sharing.ByModule(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long, where workers share the tests."""
    if hasattr(config, "workerinput"):
        sharing.longest_first(items)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server and leave nothing behind."""
    if environment.server:
        environment.server.discard()
    shutil.rmtree(environment.STATE, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(django_db_blocker: DjangoDbBlocker) -> Iterator[Databases]:
    """The migrated template and the means to clone it; starts the embedded server if there is one.

    With a server of one's own, DATABASE_OWNER_URL needs a role that may create databases and end
    the connections of the application's role (CREATEDB, pg_signal_backend).
    """
    if server := environment.server:
        server.start()
    admin_url = server.superuser_url() if server else os.environ["DATABASE_OWNER_URL"]
    with psycopg.connect(admin_url, autocommit=True) as admin, django_db_blocker.unblock():
        if server:
            # The processes that share a query take longer to start than any query here takes.
            admin.execute("ALTER SYSTEM SET max_parallel_workers_per_gather = 0")
            admin.execute("SELECT pg_reload_conf()")
        databases = Databases(admin)
        databases.make_template()
        databases.clone("test")
        # The blocker is back while tests run: a test without a database fixture has none.
        with django_db_blocker.block():
            yield databases
        databases.drop_all()


@pytest.fixture(scope="session")
def django_db_setup(databases: Databases) -> None:
    """Instead of pytest-django's: tests that are rolled back share one clone of the template."""


@dataclass(frozen=True)
class FreshDatabase:
    """A database of this test alone, with real commits."""

    url: str
    owner_url: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment for a process of ours that shall work on this database."""
        return os.environ | {"DATABASE_URL": self.url, "DATABASE_OWNER_URL": self.owner_url}


@pytest.fixture
def fresh_db(databases: Databases, django_db_blocker: DjangoDbBlocker) -> Iterator[FreshDatabase]:
    """A clone of the template for tests that commit, use threads or start processes."""
    with django_db_blocker.unblock():
        databases.clone("fresh")
        name = databases.name("fresh")
        yield FreshDatabase(
            url=with_database(os.environ["DATABASE_URL"], name),
            owner_url=with_database(os.environ["DATABASE_OWNER_URL"], name),
        )
        databases.use("test")
        databases.drop("fresh")


@pytest.fixture
def transactional_db(fresh_db: FreshDatabase) -> None:
    """pytest-django's own would reset by TRUNCATE, which append-only tables refuse."""


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Moves the time; real time is back after the test."""
    path = Path(os.environ["CLOCK_FILE"])
    yield Clock(path)
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real Chromium; without one the test is skipped."""
    with browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running
