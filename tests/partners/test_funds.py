"""Funds: what is free to promise, and that nobody promises more."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from network.errors import NotEnoughRoom
from partners import funds
from partners.models import ConfigVersion, Funds
from tests import factories


@pytest.fixture
def pair(stage):
    return factories.make_advertiser("acme").pk, "EUR"


def add(pair, micros):
    with connection.cursor() as cursor:
        funds.add(cursor, *pair, micros)


def room_micros(pair):
    with transaction.atomic(), connection.cursor() as cursor:
        return funds.lock(cursor, [pair]).get(pair)


def test_who_never_had_funds_has_no_room(pair):
    assert room_micros(pair) is None


def test_deposits_add_up_and_a_withdrawal_takes(pair):
    for micros in (700, 300, -400):
        add(pair, micros)
    assert room_micros(pair) == 600


def test_a_withdrawal_beyond_the_room_is_refused_and_takes_nothing(pair):
    add(pair, 100)
    with pytest.raises(NotEnoughRoom):
        add(pair, -101)
    assert room_micros(pair) == 100


def test_a_credit_limit_is_room(pair):
    add(pair, 0)
    Funds.objects.update(credit_limit_micros=50)
    add(pair, -50)
    assert room_micros(pair) == 0


def test_deltas_of_several_pairs_move_in_one_statement(pair):
    other = (factories.make_advertiser("rival").pk, "USD")
    add(pair, 10)
    add(other, 10)
    with connection.cursor() as cursor:
        funds.apply(cursor, {pair: -4, other: 5, (99, "EUR"): 0})
    assert (room_micros(pair), room_micros(other)) == (6, 15)


def test_the_database_refuses_to_pass_the_room(pair):
    add(pair, 10)
    with (
        pytest.raises(IntegrityError, match="funds_never_passed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        funds.apply(cursor, {pair: -11})


def test_taking_from_funds_that_are_not_there_is_refused(pair):
    with pytest.raises(NotEnoughRoom), connection.cursor() as cursor:
        funds.apply(cursor, {pair: -1})


def test_funded_follows_the_room_in_the_currency_of_an_active_offer(pair):
    offer = factories.make_offer(factories.make_advertiser("shop", funded=False))
    shop = offer.advertiser
    add((shop.pk, "USD"), 5)
    with connection.cursor() as cursor:
        assert shop.pk not in funds.flip_funded(cursor)
        funds.add(cursor, shop.pk, "EUR", 5)
        assert shop.pk in funds.flip_funded(cursor)
        funds.add(cursor, shop.pk, "EUR", -5)
        assert shop.pk in funds.flip_funded(cursor)
    shop.refresh_from_db()
    assert not shop.funded


def test_flipping_nothing_leaves_the_trackers_alone(pair):
    with connection.cursor() as cursor:
        funds.flip_funded(cursor)
        before = ConfigVersion.objects.get().version
        assert funds.flip_funded(cursor) == []
    assert ConfigVersion.objects.get().version == before


def test_simultaneous_takers_never_pass_the_room(fresh_db, pair):
    add(pair, 1_000)

    def take(_):
        with psycopg.connect(fresh_db.url) as own, own.cursor() as cursor:
            if funds.lock(cursor, [pair])[pair] < 7:
                return 0
            funds.apply(cursor, {pair: -7})
            return 1

    with ThreadPoolExecutor(8) as threads:
        taken = sum(threads.map(take, range(200)))
    assert (taken, room_micros(pair)) == (142, 6)
