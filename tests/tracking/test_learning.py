"""The job that teaches smart links: what it counts, what it writes, and what it leaves alone."""

import os
from datetime import timedelta
from functools import partial

import psycopg
import pytest
from django.db import connection

from network import clock as now_of
from network.money import Money
from partners import smart as verbs
from partners.models import ConfigVersion, SmartEvidence, SmartWeight
from tests import factories
from tests.databases import with_database
from tests.tracking.rows import OPERATOR, make_click, make_conversion
from tracking import tasks
from tracking.conversions import lifecycle
from tracking.insight import evidence, learn

pytestmark = pytest.mark.django_db
UNIT = 1_000_000
WEEK = timedelta(days=7)
COPIES = """
INSERT INTO click SELECT fresh.* FROM click
CROSS JOIN generate_series(2, %s) AS number
CROSS JOIN LATERAL jsonb_populate_record(
    click, jsonb_build_object('id', md5(number::text || click.id)::uuid)
) AS fresh
WHERE click.id = %s
"""


class Scene:
    """A smart link over offers that pay its affiliate so many units for each action."""

    def __init__(self, clock, *units, **fields):
        self.clock = clock
        self.affiliate = factories.make_affiliate()
        self.offers = [
            factories.make_offer(
                terms={"commission_fixed_micros": each * UNIT, "revenue_fixed_micros": 20 * UNIT}
            )
            for each in units
        ]
        self.links = [factories.make_link(offer, self.affiliate) for offer in self.offers]
        self.smart = factories.make_smart_link(*self.offers, affiliate=self.affiliate, **fields)
        for offer in self.offers:
            factories.fund(offer.advertiser)

    def come(self, place, count=1, *, days=3.0, **fields):
        """So many good clicks through the smart link to the offer at this place, days ago."""
        given = {"smart_link_id": self.smart.pk, "country": "FR", "device": "mobile"}
        at = now_of.now() - timedelta(days=days)
        first = make_click(self.links[place], ts=at, **(given | fields))
        with connection.cursor() as cursor:
            cursor.execute(COPIES, [count, first.id])
        return first

    def convert(self, place, click, **fields):
        """A pending conversion of that click."""
        return make_conversion(
            self.links[place],
            click_id=click.id,
            received_at=click.ts + timedelta(hours=1),
            **({"sale": None} | fields),
        )

    def sell(self, place, clicks, conversions, *, waits=0.1, **fields):
        """So many clicks, and conversions that are approved so many days after the click."""
        first, now = self.come(place, clicks, **fields), now_of.now()
        self.clock.set(first.ts + timedelta(days=waits))
        for _ in range(conversions):
            approve(self.convert(place, first))
        self.clock.set(now)

    def shares(self, country="", device=""):
        """Percent by the place of the offer."""
        found = self.smart.weights.filter(country=country, device=device)
        ppm = dict(found.values_list("offer", "weight_ppm"))
        return [round(ppm[offer.pk] / 10_000) if offer.pk in ppm else None for offer in self.offers]

    def counts(self, place, country="", device=""):
        """Clicks, conversions and commission in units behind the share of an offer."""
        weight = self.smart.weights.get(offer=self.offers[place], country=country, device=device)
        found = weight.evidence
        return found.clicks, found.conversions, found.commission_micros / UNIT

    def seen(self, place):
        """What the rows weigh today."""
        found = evidence.read(now_of.now(), half_life=WEEK)[self.smart.pk]
        return found[self.offers[place].pk, "FR", "mobile"].seen


@pytest.fixture
def make_scene(clock):
    """Makes scenes."""
    return partial(Scene, clock)


def approve(conversion):
    lifecycle.approve(conversion.pk, actor=OPERATOR)


def version():
    return ConfigVersion.objects.get().version


def test_visitors_go_where_most_was_approved_per_click(make_scene):
    scene = make_scene(5, 5)
    scene.sell(0, 300, 3)
    scene.sell(1, 300, 25)
    assert learn.learn() == 8
    assert scene.shares()[1] > 90
    assert scene.counts(1) == (300, 25, 125)


def test_what_counts_is_the_affiliates_commission_and_not_what_the_advertiser_pays(make_scene):
    scene = make_scene(1, 9)
    scene.sell(0, 300, 24)
    scene.sell(1, 300, 12)
    learn.learn()
    assert scene.shares()[1] > 90


def test_what_is_not_approved_does_not_count(make_scene):
    scene = make_scene(5, 5)
    scene.sell(0, 300, 10)
    click = scene.come(1, 300)
    for status in ("pending", "rejected", "unfunded", "over_cap"):
        for _ in range(15):
            scene.convert(1, click, status=status)
    tests = [scene.convert(1, click, is_test=True) for _ in range(10)]
    reversed_ = [scene.convert(1, click) for _ in range(10)]
    for each in (*tests, *reversed_):
        approve(each)
    for each in reversed_:
        lifecycle.reverse(each.pk, reason="returned", actor=OPERATOR)
    learn.learn()
    assert scene.counts(1) == (300, 0, 0)
    assert scene.shares()[0] > 90


def test_of_a_partly_reversed_sale_the_rest_counts(make_scene):
    scene = make_scene(0)
    goal = scene.offers[0].goals.get()
    since = now_of.now() - WEEK
    factories.make_terms(goal, commission_ppm=100_000, revenue_ppm=200_000, valid_from=since)
    conversion = scene.convert(0, scene.come(0, 10), sale=100)
    approve(conversion)
    lifecycle.reverse(
        conversion.pk, reason="returned", actor=OPERATOR, refund=Money(60 * UNIT, "EUR")
    )
    learn.learn()
    assert scene.counts(0) == (10, 1, 4)


def test_other_clicks_do_not_count(make_scene):
    scene, other = make_scene(5), make_scene(5)
    scene.sell(0, 10, 1)
    scene.sell(0, 10, 1, smart_link_id=0)
    scene.sell(0, 10, 1, days=28.5)
    scene.come(0, 10, reason="offer_ended")
    other.sell(0, 7, 2)
    learn.learn()
    assert scene.counts(0) == (10, 1, 5)
    assert other.counts(0) == (7, 2, 10)


def test_evidence_fades_to_the_half_in_a_week_and_lately_four_times_as_fast(make_scene):
    scene = make_scene(3)
    scene.sell(0, 64, 2, days=7)
    seen = scene.seen(0)
    assert seen.whole.clicks == pytest.approx(32, rel=1e-3)
    assert seen.lately.clicks == pytest.approx(4, rel=1e-3)
    assert seen.whole.value == pytest.approx(3 * UNIT, rel=1e-3)
    assert seen.whole.squares == pytest.approx(9 * UNIT**2, rel=1e-3)
    assert seen.lately.value == pytest.approx(3 * UNIT / 8, rel=1e-3)


def test_a_click_counts_as_far_as_it_can_be_approved_by_now(make_scene):
    scene = make_scene(3, 3)
    # Approved after 1, 2, ... 20 days, by another road.
    for days in range(1, 21):
        scene.sell(0, 1, 1, days=20.1, waits=days, smart_link_id=0)
    for days, part in ((0.5, 0.5), (1.5, 1.5), (10.5, 10.5), (20.5, 20)):
        scene.come(0, 20, days=days, device=f"d{days}")
        found = evidence.read(now_of.now(), half_life=WEEK)[scene.smart.pk]
        seen = found[scene.offers[0].pk, "FR", f"d{days}"].seen
        assert seen.whole.clicks == pytest.approx(20 * part / 20 * 0.5 ** (days / 7), rel=1e-3)
    # Of an offer without approvals of its own, what is usual is believed.
    scene.come(1, 20, days=10.5)
    assert scene.seen(1).whole.clicks == pytest.approx(10.5 * 0.5**1.5, rel=1e-3)


def test_an_offer_that_is_approved_late_is_not_held_to_be_bad(make_scene):
    scene = make_scene(5, 5)
    for days in range(1, 21):
        scene.sell(0, 30, 2, days=days)
        # As good, but approved after ten days only: of half of the clicks nothing is yet.
        scene.sell(1, 30, 2 if days > 10 else 0, days=days, waits=10)
    learn.learn()
    assert scene.shares()[1] > 25


def test_countries_and_devices_with_enough_clicks_have_shares_of_their_own(make_scene):
    scene = make_scene(5, 5)
    for place, country, device, conversions in (
        (0, "FR", "mobile", 30),
        (1, "FR", "mobile", 3),
        (0, "PL", "desktop", 2),
        (1, "PL", "desktop", 30),
    ):
        scene.sell(place, 250, conversions, country=country, device=device)
    scene.sell(0, 30, 0, country="DE", device="tablet")
    scene.sell(0, 30, 0, country=None, device=None)
    learn.learn()
    cells = set(SmartWeight.objects.values_list("country", "device"))
    whole = {("FR", ""), ("", "mobile"), ("PL", ""), ("", "desktop"), ("", "")}
    assert cells == whole | {("FR", "mobile"), ("PL", "desktop")}
    assert scene.shares("FR", "mobile")[0] > 90
    assert scene.shares("PL", "desktop")[1] > 90
    assert scene.counts(0) == (560, 32, 160)
    assert scene.counts(0, "FR") == (250, 30, 150)


def test_a_second_run_changes_nothing_and_rings_no_bell(make_scene):
    scene = make_scene(5, 5)
    scene.sell(0, 300, 3)
    scene.sell(1, 300, 6)
    assert learn.learn() == 8
    before, rung = list(SmartWeight.objects.order_by("pk").values()), version()
    scene.come(0, 1)
    assert learn.learn() == 0
    assert list(SmartWeight.objects.order_by("pk").values()) == before
    assert version() == rung
    # The counts are as of now all the same.
    assert scene.counts(0) == (301, 3, 15)


def test_only_shares_that_moved_by_more_than_a_point_are_written(make_scene):
    scene = make_scene(5, 5, 5)
    for place, conversions in enumerate((20, 8, 0)):
        scene.sell(place, 300, conversions)
    learn.learn()
    share = scene.smart.weights.get(offer=scene.offers[0], country="", device="")
    others = scene.smart.weights.exclude(pk=share.pk)
    for off, written in ((9_000, 0), (-9_000, 0), (11_000, 1), (-11_000, 1)):
        SmartWeight.objects.filter(pk=share.pk).update(weight_ppm=share.weight_ppm + off)
        assert learn.learn() == written
    assert scene.smart.weights.get(pk=share.pk).weight_ppm == share.weight_ppm
    assert set(others.values_list("learned_at", flat=True)) == {share.learned_at}


def test_leaving_an_offer_out_for_a_while_forgets_nothing(make_scene):
    scene = make_scene(5, 5, 5)
    for place, conversions in enumerate((3, 25, 3)):
        scene.sell(place, 300, conversions)
    learn.learn()
    learned = scene.shares()
    without, whole = (
        [verbs.Choice(offer=offer, priority=0) for offer in offers]
        for offers in ([scene.offers[0], scene.offers[2]], scene.offers)
    )
    verbs.change(scene.smart, choices=without)
    learn.learn()
    left = scene.shares()
    assert (left[0], left[2]) == (pytest.approx(50, abs=5), pytest.approx(50, abs=5))
    # At once, before any job has run, and after one.
    verbs.change(scene.smart, choices=whole)
    assert scene.shares()[1] == learned[1]
    learn.learn()
    assert scene.shares() == learned


def test_a_paused_choice_takes_no_share_of_the_others(make_scene):
    scene = make_scene(5, 5, 5)
    for place, conversions in enumerate((25, 3, 3)):
        scene.sell(place, 300, conversions)
    scene.smart.choices.filter(offer=scene.offers[0]).update(active=False)
    learn.learn()
    assert scene.shares() == [None, pytest.approx(50, abs=5), pytest.approx(50, abs=5)]


def test_a_new_offer_is_tried(make_scene):
    scene = make_scene(5, 5, 5)
    scene.sell(0, 300, 12)
    scene.sell(1, 300, 6)
    learn.learn()
    assert scene.shares()[2] > 15


def test_a_country_that_has_gone_quiet_goes_back_to_what_is_known_of_all(make_scene, clock):
    scene = make_scene(5, 5)
    scene.sell(0, 110, 9)
    scene.sell(1, 190, 9)
    learn.learn()
    assert None not in scene.shares("FR", "mobile")
    # Half of the clicks have faded: fewer than a new country needs, enough to stay.
    clock.forward(days=4)
    learn.learn()
    assert None not in scene.shares("FR", "mobile")
    clock.forward(days=8)
    assert learn.learn() >= 6
    assert scene.shares("FR", "mobile") == [None, None]
    assert None not in scene.shares()
    assert SmartEvidence.objects.count() == 2


@pytest.mark.parametrize("fields", [{"active": False}, {"strategy": "weight"}])
def test_only_active_links_that_learn_are_taught(make_scene, fields):
    scene = make_scene(5, **fields)
    scene.sell(0, 300, 9)
    assert learn.learn() == 0
    assert not SmartWeight.objects.exists()


def test_one_process_learns_at_a_time(make_scene):
    scene = make_scene(5)
    scene.sell(0, 300, 9)
    ours = with_database(os.environ["DATABASE_URL"], connection.settings_dict["NAME"])
    with psycopg.connect(ours) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('learn_smart_links', 0))")
        assert learn.learn() == 0
        other.execute("SELECT pg_advisory_unlock_all()")
        assert learn.learn() == 4


def test_hostile_words_in_a_clicks_country_and_device_teach_nothing_odd(make_scene):
    scene = make_scene(5)
    scene.sell(0, 300, 3, country="Atlantis", device="a very large telephone")
    learn.learn()
    assert set(SmartWeight.objects.values_list("country", "device")) == {
        ("", ""),
        ("", "a very large"),
    }


def test_the_task_learns_and_the_api_shows_it(make_scene, olga):
    scene = make_scene(5, 5)
    scene.sell(0, 300, 20)
    assert tasks.learn_smart_links() == 8
    rows = olga.api.get(f"/api/v1/smart-links/{scene.smart.pk}/weights").json()["results"]
    first = rows[0]
    assert (first["country"], first["device"], first["offer"]) == ("", "", scene.offers[0].pk)
    assert (first["clicks"], first["conversions"]) == (300, 20)
    assert first["commission"] == {"amount": "100.00", "currency": "EUR"}
    assert float(rows[0]["share"]) + float(rows[1]["share"]) == 100


def test_a_months_clicks_of_a_link_are_found_by_its_index(make_scene):
    scene = make_scene(5)
    scene.come(0, 3)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT offer_id, country, device FROM click WHERE smart_link_id = %s"
            " AND smart_link_id > 0 AND reason = 'ok' AND ts >= %s",
            [scene.smart.pk, now_of.now() - WEEK],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Only Scan" in plan
