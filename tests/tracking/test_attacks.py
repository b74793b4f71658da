"""What PostgreSQL itself refuses to the application's role of what was clicked and reported."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from network import clock
from network.ids import uuid7
from tests import factories
from tests.tracking.rows import make_approved, make_click, make_conversion
from tracking.conversions.models import ConversionKey, Report, ReportOutcome

HISTORY = (
    "report",
    "report_outcome",
    "conversion_key",
    "conversion_event",
    "conversion_share",
    "click",
)
# Whose clicks these are: a day of its own, and the days that have none.
PARTITIONS = ("click_{:%Y%m%d}", "click_default")


def attack(statement):
    """Run a statement as the application's role, in a savepoint."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def stored(db):
    """A row in every table: a click with a partition and one without, a report, a conversion."""
    today = clock.now().date()
    with connection.cursor() as cursor:
        cursor.execute("SELECT make_partition('click', %s)", [today])
    link = factories.make_link()
    factories.fund(link.offer.advertiser)
    make_click(link)
    make_click(link, ts=clock.now() - timedelta(days=400))
    conversion = make_approved(link)
    report = Report.objects.create(
        id=uuid7(),
        received_at=clock.now(),
        advertiser=link.offer.advertiser,
        auth="token",
        method="GET",
        query="",
        body="",
        verdict="waiting",
        code="waiting",
    )
    ReportOutcome.objects.create(
        report=report,
        verdict="accepted",
        code="accepted",
        conversion_id=conversion.pk,
        at=clock.now(),
    )
    ConversionKey.objects.create(
        kind="order", scope=conversion.goal_id, key="1", conversion_id=conversion.pk
    )
    return today


@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}", "TRUNCATE {} CASCADE"])
def test_what_was_clicked_and_reported_is_not_removed(stored, table, statement):
    with pytest.raises(ProgrammingError, match="permission denied"):
        attack(statement.format(table))


@pytest.mark.parametrize("table", HISTORY)
def test_what_was_clicked_and_reported_is_not_changed(stored, table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        assert cursor.fetchall() != []
        columns = [column.name for column in cursor.description]
    for column in columns:
        with pytest.raises(ProgrammingError, match="permission denied"):
            attack(f"UPDATE {table} SET {column} = {column}")


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET reason = 'ok'",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "INSERT INTO {0} SELECT * FROM {0} LIMIT 1",
        "DROP TABLE {}",
        "ALTER TABLE click DETACH PARTITION {}",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
    ],
)
def test_a_partition_of_clicks_is_no_way_around(stored, partition, statement):
    name = partition.format(stored)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {name}")
        assert cursor.fetchone() == (1,)
    with pytest.raises(ProgrammingError, match="permission denied|must be owner"):
        attack(statement.format(name))


def test_a_conversion_keeps_what_was_bought_and_by_whom(stored):
    for change in ("affiliate_id = 1", "sale_micros = 1", "click_id = report_id", "currency = ''"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            attack(f"UPDATE conversion SET {change}")
    with pytest.raises(ProgrammingError, match="permission denied"):
        attack("DELETE FROM conversion")


def test_a_conversion_makes_no_move_that_is_not_there(stored):
    with pytest.raises(IntegrityError, match="cannot go from approved to pending"):
        attack("UPDATE conversion SET status = 'pending'")


def test_an_action_is_one_conversion_whoever_writes_it(stored):
    other = make_conversion()
    with pytest.raises(IntegrityError, match="conversion_key_pkey"):
        attack(
            "INSERT INTO conversion_key (kind, scope, key, conversion_id) "
            f"SELECT kind, scope, key, '{other.pk}' FROM conversion_key"
        )


@pytest.mark.parametrize("day", ["1989-12-31", "2200-01-01", "0044-03-15 BC", "infinity"])
def test_no_partition_is_made_for_a_day_that_nobody_clicks_on(stored, day):
    with pytest.raises(IntegrityError, match="no clicks are kept for"):
        attack(f"SELECT make_partition('click', '{day}')")
