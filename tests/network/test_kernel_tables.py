"""The rights of the application's role, the function that forbids, and the currencies."""

import psycopg
import pytest
from django.conf import settings
from django.db import ProgrammingError, connection, transaction

from network.currencies import EXPONENTS
from network.models import Currency
from network.sql import append_only, quoted, update_only


@pytest.mark.django_db
def test_the_tests_work_as_the_applications_role():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (settings.APP_ROLE,)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "DROP TABLE currency",
        "TRUNCATE heartbeat",
        "UPDATE currency SET exponent = 3 WHERE code = 'EUR'",
        "UPDATE idempotency_request SET status = 200",
        "DELETE FROM django_migrations",
    ],
)
def test_the_application_may_not(statement):
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        transaction.atomic(),
    ):
        connection.cursor().execute(statement)


@pytest.mark.django_db
def test_the_table_of_currencies_is_the_code():
    stored = dict(Currency.objects.filter(active=True).values_list("code", "exponent"))
    assert stored == EXPONENTS


def migrate(owner, operation):
    """Run an operation's SQL as the owner, as a migration would."""
    owner.execute(operation.sql)


@pytest.fixture
def owner(fresh_db):
    with psycopg.connect(fresh_db.owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE history (id int PRIMARY KEY, note text, state text)")
        connection.execute("INSERT INTO history VALUES (1, 'first', 'new')")
        yield connection


@pytest.fixture
def application(fresh_db):
    with psycopg.connect(fresh_db.url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    "statement", ["UPDATE history SET note = ''", "DELETE FROM history", "TRUNCATE history"]
)
def test_an_append_only_table_refuses_the_application_and_its_owner(owner, application, statement):
    migrate(owner, append_only("history"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute(statement)
    with pytest.raises(psycopg.errors.RestrictViolation, match="history"):
        owner.execute(statement)
    application.execute("INSERT INTO history VALUES (2, 'second', 'new')")


def test_an_append_only_table_can_be_freed_again(owner, application):
    operation = append_only("history")
    migrate(owner, operation)
    owner.execute(operation.reverse_sql)
    application.execute("UPDATE history SET note = 'changed'")


def test_columns_that_may_change_are_listed(owner, application):
    migrate(owner, update_only("history", "state"))
    application.execute("UPDATE history SET state = 'done'")
    for statement in ("UPDATE history SET note = ''", "DELETE FROM history"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute(statement)


def test_new_functions_are_for_the_application_and_not_for_everybody(owner, application):
    owner.execute("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    assert application.execute("SELECT one()").fetchone() == (1,)
    [public] = owner.execute(
        "SELECT has_function_privilege('pg_monitor', 'one()', 'EXECUTE')"
    ).fetchone()
    assert not public


def test_a_name_is_quoted_whatever_it_holds():
    assert quoted('a"b') == '"a""b"'
