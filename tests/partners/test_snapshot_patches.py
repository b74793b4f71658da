"""A patched snapshot is the one that a full read gives, whatever has changed and whoever writes."""

import random
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle

import psycopg
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners import snapshot
from partners.models import Application, ExternalId, Landing, Link, Offer
from tests import environment
from tests.partners.changing import CHANGES, make_network

EXAMPLES = 1000 if environment.LONG else 60


@pytest.fixture
def direct(fresh_db):
    make_network(3)
    with psycopg.connect(fresh_db.url, autocommit=True) as connection:
        yield connection


def refuse_to_read_whole(connection):
    raise AssertionError("a patch was due")


def test_every_kind_of_change_is_patched(direct):
    held, chance = snapshot.load(direct), random.Random(0)
    for name, change in CHANGES.items():
        before = held.stamp
        for _ in range(3):
            change(chance.choice)
            held = snapshot.latest(held, direct, read_whole=refuse_to_read_whole)
            assert held == snapshot.load(direct), name
        assert held.stamp != before, name


# Chance itself is what is given: what can be chosen depends on what earlier examples have left.
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=True))
def test_after_any_changes_a_patch_gives_what_a_full_read_gives(direct, chance):
    held = snapshot.load(direct)
    for _ in range(2):
        for _ in range(chance.randint(0, 3)):
            with transaction.atomic():
                for name in chance.choices(sorted(CHANGES), k=chance.randint(0, 4)):
                    CHANGES[name](chance.choice)
                transaction.set_rollback(chance.random() < 0.3)
        held = snapshot.patch(held, direct)
        assert held == snapshot.load(direct)


def test_what_has_not_changed_is_the_same_object(direct):
    held = snapshot.load(direct)
    changed, other, _ = Link.objects.order_by("pk")
    Link.objects.filter(pk=changed.pk).update(active=False)
    fresh = snapshot.patch(held, direct)
    assert not fresh.links[changed.code].active
    assert fresh.links[other.code] is held.links[other.code]
    assert fresh.offers is held.offers
    # The one that somebody may still be working with stays as it was.
    assert held.links[changed.code].active


def test_a_new_object_is_in_all_that_holds_it(direct):
    held = snapshot.load(direct)
    link = Link.objects.first()
    type(link.offer.advertiser).objects.filter(pk=link.offer.advertiser_id).update(funded=False)
    fresh = snapshot.patch(held, direct)
    assert not fresh.links[link.code].offer.advertiser.funded
    assert fresh.links[link.code].offer is fresh.offers[link.offer_id]
    smart = [each for each in fresh.smart_links.values() if each.affiliate.id == link.affiliate_id]
    assert [choice.offer for each in smart for choice in each.choices] == [
        fresh.offers[link.offer_id]
    ]


LOSSES = {
    "a deleted link": lambda: Link.objects.first().delete(),
    "another code": lambda: Link.objects.filter(pk=Link.objects.first().pk).update(code="new"),
    "a deleted application": lambda: Application.objects.first().delete(),
    "a deleted external id": lambda: ExternalId.objects.first().delete(),
    "another external id": lambda: ExternalId.objects.filter(external_id="0").update(
        external_id="new"
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_memory_could_not_find_again_is_read_whole(direct, loss):
    held = snapshot.load(direct)
    LOSSES[loss]()
    with pytest.raises(snapshot.TooFar):
        snapshot.patch(held, direct)
    assert snapshot.latest(held, direct) == snapshot.load(direct)


def test_another_history_is_read_whole_even_if_it_counts_alike(direct):
    held = snapshot.load(direct)
    version, _ = held.stamp
    Offer.objects.update(hold_days=1)
    other = replace(held, stamp=(version, "00000000-0000-0000-0000-000000000000"))
    with pytest.raises(snapshot.TooFar):
        snapshot.patch(other, direct)
    # As new as the present one, and still not the same.
    other = replace(held, stamp=(version + 1, held.stamp[1]))
    assert snapshot.latest(other, direct) == snapshot.load(direct)


def test_who_is_far_behind_reads_everything(direct, fresh_db):
    held = snapshot.load(direct)
    Offer.objects.update(hold_days=1)
    with psycopg.connect(fresh_db.owner_url) as owner:
        owner.execute("DELETE FROM config_change WHERE version <= %s", [held.stamp[0]])
    with pytest.raises(snapshot.TooFar):
        snapshot.patch(held, direct)
    assert snapshot.latest(held, direct) == snapshot.load(direct)


def test_a_snapshot_that_cannot_be_patched_for_whatever_reason_is_read_whole(direct):
    held = snapshot.load(direct)
    Offer.objects.update(hold_days=1)
    assert snapshot.latest(replace(held, offers=None), direct) == snapshot.load(direct)


def test_in_the_callers_transaction_its_own_changes_are_patched_in_and_forgotten_again(direct):
    held = snapshot.current(direct)
    link = Link.objects.first()
    with transaction.atomic():
        Link.objects.update(active=False)
        assert not snapshot.current(connection.connection).links[link.code].active
        transaction.set_rollback(True)
    assert snapshot.current(direct) == held


@contextmanager
def one_instant(connection):
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


STATEMENTS = [
    "UPDATE link SET active = NOT active WHERE offer_id = %(offer)s",
    "UPDATE offer SET hold_days = (hold_days + 1) %% 90 WHERE id = %(offer)s",
    "UPDATE application SET status = 'approved' WHERE offer_id = %(offer)s",
    "UPDATE application SET status = 'revoked' WHERE offer_id = %(offer)s",
    "INSERT INTO link (code, affiliate_id, offer_id, name, active, created_at)"
    " SELECT left(gen_random_uuid()::text, 23), min(affiliate_id), %(offer)s, '', true, '2020-1-1'"
    " FROM application WHERE offer_id = %(offer)s",
]


def write(url, offer_id, is_over):
    """Change an offer and its links in transactions of three statements; some are taken back."""
    chance = random.Random(offer_id)
    with psycopg.connect(url, autocommit=True) as connection:
        while not is_over.is_set():
            with connection.transaction(force_rollback=chance.random() < 0.3):
                for statement in chance.choices(STATEMENTS, k=3):
                    connection.execute(statement, {"offer": offer_id})


def test_while_many_write_a_patch_misses_nothing(direct, fresh_db):
    is_over = threading.Event()
    # Each has rows of its own: two that change the same in turns would end in a deadlock.
    writers = [
        threading.Thread(target=write, args=(fresh_db.url, offer.pk, is_over))
        for offer in Offer.objects.all()
    ]
    held = snapshot.load(direct)
    stamps = set()
    for writer in writers:
        writer.start()
    try:
        deadline_s = time.monotonic() + 30
        while len(stamps) < 30 and time.monotonic() < deadline_s:
            with one_instant(direct):
                held = snapshot.patch(held, direct)
                assert held == snapshot.load(direct)
            stamps.add(held.stamp)
    finally:
        is_over.set()
        for writer in writers:
            writer.join()
    assert len(stamps) == 30


def write_alike(url, offer_id, is_over):
    """Change an offer and its landing page in one transaction, both to the same number."""
    with psycopg.connect(url, autocommit=True) as connection:
        for number in cycle(range(1, 90)):
            if is_over.is_set():
                return
            with connection.transaction():
                connection.execute(
                    "UPDATE offer SET hold_days = %s WHERE id = %s", [number, offer_id]
                )
                connection.execute(
                    "UPDATE landing SET weight = %s WHERE offer_id = %s", [number, offer_id]
                )


@pytest.mark.parametrize("read", [snapshot.patch, lambda _, direct: snapshot.load(direct)])
def test_all_of_a_snapshot_is_of_one_instant(direct, fresh_db, read):
    is_over = threading.Event()
    offer = Offer.objects.first()
    Offer.objects.update(hold_days=1)
    Landing.objects.update(weight=1)
    held = snapshot.load(direct)
    writer = threading.Thread(target=write_alike, args=(fresh_db.url, offer.pk, is_over))
    writer.start()
    try:
        stamps = set()
        deadline_s = time.monotonic() + 30
        while len(stamps) < 100 and time.monotonic() < deadline_s:
            held = read(held, direct)
            found = held.offers[offer.pk]
            assert found.hold_days == found.landings[0].weight
            stamps.add(held.stamp)
    finally:
        is_over.set()
        writer.join()
    assert len(stamps) == 100
