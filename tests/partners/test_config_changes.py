"""Each statement on the configuration says in its own transaction what has changed."""

import threading

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from partners import tasks
from partners.models import (
    Advertiser,
    Affiliate,
    Application,
    ConfigVersion,
    ExternalId,
    Goal,
    Link,
    Offer,
)
from partners.snapshot import STAMP
from tests import configuring, factories

SINCE = "SELECT kind, id FROM config_change WHERE version > %s ORDER BY version, kind, id"


def changed_by(what):
    """What was written about the statements of `what`."""
    version = ConfigVersion.objects.get().version
    what()
    with connection.cursor() as cursor:
        cursor.execute(SINCE, [version])
        return cursor.fetchall()


def execute(url, statement, values=None):
    with psycopg.connect(url) as direct:
        direct.execute(statement, values)


def test_a_party_is_named_itself(db):
    link = factories.make_link()
    advertiser, affiliate = link.offer.advertiser, link.affiliate
    assert changed_by(advertiser.save) == [("advertiser", advertiser.pk)]
    assert changed_by(affiliate.save) == [("affiliate", affiliate.pk)]
    assert changed_by(link.save) == [("link", link.pk)]


def test_what_belongs_to_an_offer_names_the_offer(db):
    offer = factories.make_offer()
    of_offer = [("offer", offer.pk)]
    assert changed_by(offer.save) == of_offer
    # The goal and its terms.
    assert changed_by(lambda: factories.make_goal(offer, "lead")) == of_offer * 2
    assert changed_by(lambda: configuring.make_landing(offer)) == of_offer
    assert changed_by(offer.landings.all().delete) == of_offer
    assert changed_by(lambda: configuring.make_cap(offer)) == of_offer


def test_what_moves_names_both_that_it_moves_between(db):
    one, two = factories.make_offer(), factories.make_offer()
    landing = configuring.make_landing(one)
    landing.offer = two
    assert changed_by(landing.save) == [("offer", one.pk), ("offer", two.pk)]


def test_keys_name_whose_they_are(db):
    affiliate = factories.make_affiliate()
    assert changed_by(lambda: configuring.make_link_key(affiliate)) == [("affiliate", affiliate.pk)]


def test_what_belongs_to_a_smart_link_names_the_smart_link(db):
    smart, offer = configuring.make_smart_link(), factories.make_offer()
    of_smart = [("smart_link", smart.pk)]
    assert changed_by(lambda: configuring.make_choice(smart, offer)) == of_smart
    assert changed_by(lambda: configuring.make_weight(smart, offer)) == of_smart
    assert changed_by(smart.save) == of_smart


def test_rows_of_one_owner_are_one_change(db):
    offer = factories.make_offer()
    for _ in range(3):
        configuring.make_cap(offer)
    assert changed_by(lambda: offer.caps.update(limit_count=1)) == [("offer", offer.pk)]


def test_a_statement_that_changes_no_row_is_no_change(db):
    assert changed_by(Link.objects.filter(code="none").delete) == []
    assert changed_by(lambda: Offer.objects.filter(pk=0).update(name="x")) == []


def test_what_is_found_by_its_code_is_lost_when_that_goes(db):
    link = factories.make_link(code="before")
    link.code = "after"
    assert changed_by(link.save) == [("link", None)]
    assert changed_by(lambda: Link.objects.filter(pk=link.pk).delete()) == [("link", None)]
    application = factories.make_application(link.offer, link.affiliate)
    gone = Application.objects.filter(pk=application.pk)
    assert changed_by(lambda: gone.update(status="revoked")) == [("application", application.pk)]
    assert changed_by(gone.delete) == [("application", None)]


def test_a_renamed_external_id_is_lost_and_a_redirected_one_is_not(db):
    moved = ExternalId.objects.create(
        dialect="cake", kind="offer", external_id="1", internal_id=1, created_at=factories.EVER
    )
    here = ExternalId.objects.filter(pk=moved.pk)
    assert changed_by(lambda: here.update(internal_id=2)) == [("external_id", moved.pk)]
    assert changed_by(lambda: here.update(external_id="2")) == [("external_id", None)]


def test_many_rows_at_once_are_everything(db):
    offer = factories.make_offer()
    goals = [
        Goal(offer=offer, code=f"g{n}", name="", dedupe="every", created_at=factories.EVER)
        for n in range(1001)
    ]
    assert changed_by(lambda: Goal.objects.bulk_create(goals)) == [("offer", offer.pk)]
    affiliate = factories.make_affiliate()
    links = [
        Link(code=f"many{n}", offer=offer, affiliate=affiliate, created_at=factories.EVER)
        for n in range(1001)
    ]
    assert len(changed_by(lambda: Link.objects.bulk_create(links[:1000]))) == 1000
    assert changed_by(lambda: Link.objects.all().update(active=False))[0][1] is not None
    assert changed_by(lambda: Link.objects.bulk_create(links[1000:])) != [("link", None)]
    assert changed_by(lambda: Link.objects.all().update(active=True)) == [("link", None)]


def test_every_change_of_a_version_bears_the_mark_of_that_version(db):
    factories.make_offer()
    with connection.cursor() as cursor:
        cursor.execute(STAMP)
        now = cursor.fetchone()
        cursor.execute("SELECT DISTINCT version, mark::text FROM config_change")
        told = cursor.fetchall()
    assert now in told
    assert len({version for version, _ in told}) == len({mark for _, mark in told}) == len(told)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE config_change SET version = 1",
        "INSERT INTO config_change (version, mark, kind) VALUES (1, gen_random_uuid(), 'offer')",
        "DELETE FROM config_change",
        "TRUNCATE config_change",
    ],
)
def test_the_changes_are_the_triggers_alone(db, statement):
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_old_changes_are_forgotten_and_late_ones_kept(fresh_db):
    factories.make_advertiser()
    execute(fresh_db.owner_url, "UPDATE config_version SET version = version + 9999")
    assert tasks.prune() == 0
    factories.make_affiliate()
    assert tasks.prune() == 1
    assert changed_by(tasks.prune) == []


def test_versions_are_given_in_the_order_of_commits(fresh_db):
    advertiser, affiliate = factories.make_advertiser(), factories.make_affiliate()
    before = ConfigVersion.objects.get().version
    second_done = threading.Event()

    def second():
        execute(fresh_db.url, "UPDATE affiliate SET name = 'x'")
        second_done.set()

    thread = threading.Thread(target=second)
    with psycopg.connect(fresh_db.url) as first:
        first.execute("UPDATE advertiser SET name = 'x'")
        thread.start()
        # Its version would be seen before the first one's: so it waits.
        assert not second_done.wait(0.3)
        assert ConfigVersion.objects.get().version == before
    thread.join()
    with connection.cursor() as cursor:
        cursor.execute("SELECT version, kind, id FROM config_change WHERE version > %s", [before])
        assert sorted(cursor.fetchall()) == [
            (before + 1, "advertiser", advertiser.pk),
            (before + 2, "affiliate", affiliate.pk),
        ]


def test_a_change_that_is_taken_back_leaves_no_trace(fresh_db):
    factories.make_affiliate()
    before = ConfigVersion.objects.get()

    def change_and_regret():
        with transaction.atomic():
            Affiliate.objects.update(name="x")
            transaction.set_rollback(True)

    assert changed_by(change_and_regret) == []
    assert ConfigVersion.objects.get().mark == before.mark


def test_a_version_that_was_taken_back_and_given_again_has_another_mark(fresh_db):
    factories.make_advertiser()
    marks = []
    for rollback in (True, False):
        with transaction.atomic():
            Advertiser.objects.update(name="x")
            marks.append(ConfigVersion.objects.get())
            transaction.set_rollback(rollback)
    assert marks[0].version == marks[1].version
    assert marks[0].mark != marks[1].mark
