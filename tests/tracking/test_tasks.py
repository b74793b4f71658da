"""The sweeps by name, as a worker and as `manage.py sweep` run them; no broker is needed."""

from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import connection

from network import clock as now_of
from network.celery import app
from network.ids import uuid7
from tests import factories
from tests.tracking.rows import make_click, make_conversion
from tracking import tasks
from tracking.conversions.models import (
    Conversion,
    Handoff,
    Report,
    ReportNonce,
    ReportWait,
)
from tracking.postbacks import addresses
from tracking.postbacks.models import Delivery

UNIT = 1_000_000


def sweep(*names, **options):
    out = StringIO()
    call_command("sweep", *names, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db
def test_every_task_of_the_schedule_is_there():
    app.loader.import_default_modules()
    assert set(configured.BEAT_SCHEDULE) <= set(app.tasks)


@pytest.mark.django_db
def test_one_sweep_until_empty_takes_a_conversion_all_the_way(settings):
    settings.SETTLE_SECONDS = 0
    link = factories.make_link()
    addresses.add(affiliate=link.affiliate, url="http://127.0.0.1:9/", statuses=["approved"])
    waiting = make_conversion(link, status="unfunded", sale=100)
    factories.fund(link.offer.advertiser)
    told = sweep(
        "tracking.consume_postbacks", "tracking.judge", "tracking.give_room", until_empty=True
    )
    waiting.refresh_from_db()
    assert waiting.status == "approved"
    assert "tracking.give_room: 1" in told
    assert Delivery.objects.get().body["data"]["status"] == "approved"
    assert not Handoff.objects.filter(consumer="postbacks").exists()


@pytest.mark.django_db
def test_a_report_that_came_before_its_click_is_matched():
    link = factories.make_link()
    factories.fund(link.offer.advertiser)
    click = make_click(link)
    report = Report.objects.create(
        id=uuid7(),
        received_at=now_of.now(),
        advertiser=link.offer.advertiser,
        auth="token",
        click_id=click.id,
        goal_code="sale",
        order_ref="1001",
        sale_micros=100 * UNIT,
        verdict="waiting",
        code="waiting",
    )
    ReportWait.objects.create(
        report=report,
        click_id=click.id,
        click_at=click.ts,
        received_at=report.received_at,
        until=report.received_at + timedelta(hours=72),
    )
    assert tasks.match_reports() == 1
    assert Conversion.objects.get().revenue_micros == 10 * UNIT
    assert tasks.match_reports() == 0


@pytest.mark.django_db
def test_an_unknown_task_is_refused():
    with pytest.raises(CommandError, match=r"no such task: tracking\.nothing"):
        sweep("tracking.nothing")


@pytest.mark.django_db
def test_old_nonces_are_forgotten_and_fresh_ones_kept(clock):
    advertiser = factories.make_advertiser()
    for nonce in ("old", "fresh"):
        clock.forward(hours=1)
        ReportNonce.objects.create(
            advertiser_id=advertiser.pk, nonce=nonce, report_id=uuid7(), used_at=now_of.now()
        )
    assert tasks.prune_nonces() == 1
    assert ReportNonce.objects.get().nonce == "fresh"


@pytest.mark.django_db
def test_partitions_are_made_ahead_and_rows_of_the_default_one_move_in():
    link = factories.make_link()
    click = make_click(link, ts=now_of.now() + timedelta(days=2))
    assert tasks.make_partitions() == 8 * 3
    assert tasks.make_partitions() == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM click WHERE id = %s", [click.id])
        assert cursor.fetchone() == (f"click_{click.ts:%Y%m%d}",)


@pytest.mark.django_db
def test_the_funded_flag_follows_the_money():
    offer = factories.make_offer(factories.make_advertiser(funded=False))
    factories.fund(offer.advertiser)
    assert tasks.flip_funded() == 1
    offer.advertiser.refresh_from_db()
    assert offer.advertiser.funded


@pytest.mark.django_db
def test_with_nothing_to_do_every_sweep_of_ours_does_nothing():
    names = [name for name in configured.BEAT_SCHEDULE if name.startswith("tracking.")]
    tasks.make_partitions()
    assert [app.tasks[name]() for name in names] == [0] * len(names)
    assert not Conversion.objects.exists()
