"""The life of a conversion: allowed moves, frozen amounts, and funds that follow."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from network.errors import CurrencyMismatch, IllegalMove, NotEnoughRoom, NotFound
from network.ids import uuid7
from network.money import Money
from partners.models import Offer
from tests import factories
from tests.tracking.rows import OPERATOR, available_micros, make_approved, make_conversion
from tracking.conversions import lifecycle, shares
from tracking.conversions.lifecycle import PartialNotPossible, ReversalTooLarge
from tracking.conversions.models import Conversion, Event, Handoff, Share
from tracking.conversions.states import MOVES

pytestmark = pytest.mark.django_db
UNIT = 1_000_000


@pytest.fixture
def link():
    """A link to an offer with 1,000.00 of funds that pays 10 % and of it 7 % to the affiliate."""
    link = factories.make_link()
    factories.fund(link.offer.advertiser, micros=1000 * UNIT)
    return link


def approve(conversion):
    lifecycle.approve(conversion.pk, actor=OPERATOR)


def reject(conversion):
    lifecycle.reject(conversion.pk, reason="manager_reject", actor=OPERATOR)


def reverse(conversion, refund=None):
    money = None if refund is None else Money(refund * UNIT, conversion.currency)
    lifecycle.reverse(conversion.pk, reason="returned", actor=OPERATOR, refund=money)


def test_an_approval_freezes_the_amounts_in_a_share(link):
    conversion = make_conversion(link, sale=100)
    approve(conversion)
    share = Share.objects.get(conversion_id=conversion.pk)
    assert (share.revenue_micros, share.commission_micros) == (10 * UNIT, 7 * UNIT)
    assert share.terms == {
        "terms_id": conversion.terms_id,
        "sale_micros": 100 * UNIT,
        "revenue_fixed_micros": 0,
        "revenue_ppm": 100_000,
        "commission_fixed_micros": 0,
        "commission_ppm": 70_000,
    }


def test_a_refund_of_another_currency_takes_nothing_back(link):
    conversion = make_approved(link)
    with pytest.raises(CurrencyMismatch, match="is in EUR"):
        lifecycle.reverse(
            conversion.pk, reason="returned", actor=OPERATOR, refund=Money(UNIT, "USD")
        )
    assert Share.objects.filter(conversion_id=conversion.pk).count() == 1


def test_an_approval_keeps_the_reserved_money_taken(link):
    conversion = make_conversion(link, sale=100)
    approve(conversion)
    conversion.refresh_from_db()
    assert (conversion.status, conversion.reserved_micros, conversion.due_at) == (
        "approved",
        0,
        None,
    )
    assert available_micros(conversion.advertiser_id) == 990 * UNIT


def test_a_rejection_gives_the_reserved_money_back(link):
    conversion = make_conversion(link, sale=100)
    reject(conversion)
    assert available_micros(conversion.advertiser_id) == 1000 * UNIT
    assert not Share.objects.exists()


def test_a_whole_reversal_takes_back_all_that_was_approved(link):
    conversion = make_approved(link, sale=100)
    reverse(conversion)
    conversion.refresh_from_db()
    assert (conversion.status, conversion.revenue_micros) == ("reversed", 0)
    assert sum(Share.objects.values_list("commission_micros", flat=True)) == 0
    assert available_micros(conversion.advertiser_id) == 1000 * UNIT


def test_a_part_reversed_stays_approved_with_the_terms_of_what_is_left(link):
    conversion = make_approved(link, sale=100)
    reverse(conversion, refund=40)
    conversion.refresh_from_db()
    assert (conversion.status, conversion.revenue_micros, conversion.commission_micros) == (
        "approved",
        6 * UNIT,
        4_200_000,
    )
    assert available_micros(conversion.advertiser_id) == 994 * UNIT


def test_partial_reversals_end_where_one_whole_would(link):
    conversion = make_approved(link, sale=100)
    for refund in (33, 33, 34):
        reverse(conversion, refund=refund)
    conversion.refresh_from_db()
    assert (conversion.status, conversion.commission_micros) == ("reversed", 0)
    assert available_micros(conversion.advertiser_id) == 1000 * UNIT


def test_no_more_is_reversed_than_was_sold(link):
    conversion = make_approved(link, sale=100)
    reverse(conversion, refund=60)
    with pytest.raises(ReversalTooLarge):
        reverse(conversion, refund=41)
    assert Share.objects.count() == 2


def test_a_fixed_amount_is_reversed_whole_or_not_at_all():
    offer = factories.make_offer(terms={"revenue_fixed_micros": UNIT})
    factories.fund(offer.advertiser)
    conversion = make_approved(factories.make_link(offer), sale=None)
    with pytest.raises(PartialNotPossible):
        reverse(conversion, refund=1)
    reverse(conversion)


def test_a_hybrid_keeps_its_fixed_part_until_all_is_returned():
    terms = {"revenue_fixed_micros": 5 * UNIT, "revenue_ppm": 100_000}
    offer = factories.make_offer(terms=terms)
    factories.fund(offer.advertiser)
    conversion = make_approved(factories.make_link(offer), sale=100)
    reverse(conversion, refund=50)
    conversion.refresh_from_db()
    assert conversion.revenue_micros == 10 * UNIT


def test_a_reversal_inherits_the_release_of_what_it_takes_back(link, clock):
    conversion = make_approved(link)
    clock.forward(days=10)
    reverse(conversion, refund=1)
    first, second = Share.objects.order_by("release_at")
    assert first.release_at == second.release_at


def test_a_rejected_one_reserves_anew_when_it_is_approved_after_all(link):
    conversion = make_conversion(link, sale=100)
    reject(conversion)
    approve(conversion)
    assert available_micros(conversion.advertiser_id) == 990 * UNIT


def test_a_rejected_one_without_room_stays_rejected(link):
    conversion = make_conversion(link, sale=6_000)
    reject(conversion)
    make_conversion(link, sale=6_000)
    with pytest.raises(NotEnoughRoom):
        approve(conversion)
    conversion.refresh_from_db()
    assert conversion.status == "rejected"
    assert available_micros(conversion.advertiser_id) == 400 * UNIT


def test_a_test_conversion_earns_nothing(link):
    conversion = make_conversion(link, sale=100, is_test=True)
    approve(conversion)
    reverse(conversion)
    assert not Share.objects.exists()
    assert not Handoff.objects.exists()
    assert available_micros(conversion.advertiser_id) == 1000 * UNIT


def test_a_sale_of_nothing_makes_a_share_of_nothing(link):
    approve(make_conversion(link, sale=0))
    assert Share.objects.get().commission_micros == 0


def test_approving_twice_is_an_illegal_move_that_names_the_state(link):
    conversion = make_approved(link)
    with pytest.raises(IllegalMove) as refused:
        approve(conversion)
    assert refused.value.members == {"state": "approved"}


def test_deciding_on_a_conversion_that_is_not_there(link):
    with pytest.raises(NotFound):
        lifecycle.reject(uuid7(), reason="manager_reject", actor=OPERATOR)


def test_each_move_leaves_an_event_with_before_and_after(link):
    conversion = make_approved(link, sale=100)
    reverse(conversion, refund=10)
    event = Event.objects.get(conversion=conversion, seq=3)
    assert (event.old, event.new, event.reason, event.actor) == (
        "approved",
        "approved",
        "returned",
        OPERATOR.label,
    )
    assert event.facts["before"]["revenue_micros"] == 10 * UNIT
    assert event.facts["after"]["revenue_micros"] == 9 * UNIT


def test_payouts_hears_of_money_and_postbacks_of_everything(link):
    conversion = make_approved(link)
    heard = Handoff.objects.filter(conversion_id=conversion.pk).order_by("consumer", "seq")
    assert list(heard.values_list("consumer", "seq")) == [
        ("payouts", 2),
        ("postbacks", 1),
        ("postbacks", 2),
    ]


@pytest.mark.parametrize("old", list(MOVES))
def test_the_database_allows_the_same_moves_as_the_code(link, old):
    conversion = make_conversion(link, status=old, reserved_micros=0)
    allowed = set()
    for new in MOVES.keys() - {old}:
        try:
            with transaction.atomic():
                Conversion.objects.filter(pk=conversion.pk).update(status=new)
        except IntegrityError:
            continue
        allowed.add(new)
        conversion = make_conversion(link, status=old, reserved_micros=0)
    assert allowed == MOVES[old]


def test_the_database_refuses_reversals_that_pass_what_was_approved(link):
    conversion = make_approved(link, sale=100)
    share = Share.objects.get(conversion_id=conversion.pk)
    share.id, share.event_id, share.revenue_micros = uuid7(), uuid7(), -share.revenue_micros - 1
    with pytest.raises(IntegrityError, match="reversals pass"):
        share.save(force_insert=True)


def test_a_conversion_whose_beginning_tells_no_hold_has_the_offers(link):
    conversion = make_conversion(link)
    Offer.objects.update(hold_days=3)
    approve(conversion)
    waits = Share.objects.get().release_at - conversion.received_at
    assert timedelta(days=3) < waits <= timedelta(days=4)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("received_at", "hold_days", "released_at"),
    [
        # The evening before clocks go forward, and a night that has 23 hours.
        ("2026-03-28T22:59:59+00:00", 0, "2026-03-28T23:00:00+00:00"),
        ("2026-03-28T23:00:00+00:00", 0, "2026-03-29T22:00:00+00:00"),
        ("2026-10-24T12:00:00+00:00", 1, "2026-10-25T23:00:00+00:00"),
        ("2026-01-31T23:30:00+00:00", 30, "2026-03-03T23:00:00+00:00"),
    ],
)
def test_release_is_the_midnight_after_the_hold_in_the_networks_zone(
    received_at, hold_days, released_at
):
    released = shares.release_at(datetime.fromisoformat(received_at), hold_days, BERLIN)
    assert released.astimezone(UTC) == datetime.fromisoformat(released_at)
