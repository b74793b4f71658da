"""Events are stored with their shares and hand-offs, in one statement for each table."""

import pytest
from django.db import IntegrityError, connection, transaction

from network import clock
from network.ids import uuid7
from tests.tracking.rows import make_conversion
from tracking.conversions import events
from tracking.conversions.events import NewEvent
from tracking.conversions.models import Event

pytestmark = pytest.mark.django_db


def event_of(conversion, **fields):
    given = {
        "id": uuid7(),
        "conversion_id": conversion.pk,
        "seq": 2,
        "old": "pending",
        "new": "pending",
        "reason": "order_elsewhere",
        "actor": "job:judge",
        "facts": {},
        "at": clock.now(),
    }
    return NewEvent(**(given | fields))


def write(*fresh):
    with transaction.atomic(), connection.cursor() as cursor:
        events.write(cursor, fresh)


def test_facts_keep_ids_instants_and_any_text():
    conversion = make_conversion()
    now = clock.now()
    facts = {"id": conversion.pk, "at": now, "said": "naïve 'quote\" \\ 雪 {}"}
    write(event_of(conversion, facts=facts))
    stored = Event.objects.get(conversion=conversion, seq=2).facts
    assert stored == {"id": str(conversion.pk), "at": now.isoformat(), "said": facts["said"]}


def test_two_events_cannot_take_the_same_number():
    conversion = make_conversion()
    with pytest.raises(IntegrityError, match="event_seq_once"):
        write(event_of(conversion), event_of(conversion))


def test_nothing_to_write_is_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0), connection.cursor() as cursor:
        events.write(cursor, [])


def test_a_batch_takes_one_statement_for_each_table(django_assert_num_queries):
    fresh = [event_of(make_conversion()) for _ in range(5)]
    with django_assert_num_queries(2), connection.cursor() as cursor:
        events.write(cursor, fresh)
