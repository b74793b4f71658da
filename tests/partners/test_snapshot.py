"""The configuration in memory: whole and consistent."""

import psycopg
import pytest

from network import crypto
from partners import snapshot
from partners.models import ExternalId, Link, ReportKey
from tests import configuring, factories


@pytest.fixture
def direct(fresh_db):
    with psycopg.connect(fresh_db.url, autocommit=True) as connection:
        yield connection


def make_report_key(advertiser, key_id="k1", **fields):
    aad = snapshot.report_key_aad(advertiser.pk, key_id)
    given = {"sealed_secret": crypto.seal(b"s3cret", aad=aad), "created_at": factories.EVER}
    return ReportKey.objects.create(advertiser=advertiser, key_id=key_id, **(given | fields))


def test_a_link_leads_to_everything_that_a_click_needs(direct):
    link = factories.make_link(code="abc")
    loaded = snapshot.load(direct).links["abc"]
    assert (loaded.id, loaded.affiliate.id) == (link.pk, link.affiliate_id)
    assert loaded.offer.advertiser.id == link.offer.advertiser_id
    assert loaded.active
    assert loaded.allowed


def test_goals_are_found_in_any_case_and_the_default_without_a_code(direct):
    offer = factories.make_offer()
    factories.make_goal(offer, "Lead")
    loaded = snapshot.load(direct).offers[offer.pk]
    assert (loaded.goal("lEAD").code, loaded.goal("").code) == ("Lead", "sale")
    assert loaded.goal("nonsense") is None


def test_terms_of_a_goal_are_all_there(direct):
    goal = factories.make_offer().goals.get()
    own = factories.make_terms(
        goal, affiliate=factories.make_affiliate(), revenue_fixed_micros=1, commission_ppm=2
    )
    loaded = snapshot.load(direct).offers[goal.offer_id].default_goal.terms[-1]
    assert (loaded.id, loaded.affiliate_id) == (own.pk, own.affiliate_id)
    assert (loaded.revenue_fixed_micros, loaded.commission_ppm) == (1, 2)
    assert loaded.valid_from == own.valid_from


@pytest.mark.parametrize(
    ("visibility", "status", "allowed"),
    [
        ("public", None, True),
        ("approval", None, False),
        ("approval", "pending", False),
        ("approval", "approved", True),
        ("private", "revoked", False),
    ],
)
def test_who_may_send_people_follows_from_visibility_and_application(
    direct, visibility, status, allowed
):
    link = factories.make_link(factories.make_offer(visibility=visibility))
    if status:
        factories.make_application(link.offer, link.affiliate, status)
    assert snapshot.load(direct).links[link.code].allowed is allowed


def test_report_keys_are_open_and_one_that_does_not_open_is_left_out(direct):
    acme = factories.make_advertiser("acme")
    make_report_key(acme)
    make_report_key(acme, "moved", sealed_secret=crypto.seal(b"x", aad="elsewhere"))
    keys = snapshot.load(direct).advertisers["acme"].report_keys
    assert {key_id: key.secret for key_id, key in keys.items()} == {"k1": b"s3cret"}


def test_link_keys_are_open_like_report_keys(direct):
    alice = factories.make_affiliate("alice")
    configuring.make_link_key(alice)
    # Sealed for somebody else's report key of the same id: the place does not fit.
    aad = snapshot.report_key_aad(alice.pk, "moved")
    configuring.make_link_key(alice, "moved", sealed_secret=crypto.seal(b"x", aad=aad))
    keys = snapshot.load(direct).affiliates[alice.pk].link_keys
    assert {key_id: key.secret for key_id, key in keys.items()} == {"k1": b"s3cret"}
    assert keys["k1"].lives(factories.EVER)


def test_an_offer_knows_whom_it_wants_and_where_people_may_land(direct):
    offer = factories.make_offer(
        targeting={"fact": "country", "in": ["DE"]},
        time_zone="Europe/Berlin",
        deep_link_hosts=["Shop.Example", "m.shop.example"],
        link_signing="enforced",
        utm={"utm_source": "{affiliate}", "utm_id": "{offer}"},
    )
    plain = factories.make_offer()
    loaded = snapshot.load(direct).offers[offer.pk]
    assert loaded.targeting is not None
    assert loaded.time_zone == "Europe/Berlin"
    assert loaded.deep_link_hosts == {"shop.example", "m.shop.example"}
    assert loaded.link_signing == "enforced"
    assert dict(loaded.utm) == offer.utm
    loaded = snapshot.load(direct).offers[plain.pk]
    assert (loaded.targeting, loaded.deep_link_hosts, loaded.utm) == (None, set(), ())


def test_an_offer_has_its_active_landing_pages_and_caps(direct):
    offer = factories.make_offer()
    landing = configuring.make_landing(offer, weight=7)
    cap = configuring.make_cap(offer, scope="country", value="DE", limit_count=5)
    configuring.make_landing(offer, active=False)
    configuring.make_cap(offer, active=False)
    loaded = snapshot.load(direct).offers[offer.pk]
    assert loaded.landings == (snapshot.Landing(landing.pk, 7, landing.url),)
    assert loaded.caps == (snapshot.Cap(cap.pk, "country", "DE", "day", "UTC", 5),)


def test_a_smart_link_has_its_active_choices_in_their_order_and_what_was_learned(direct):
    smart = configuring.make_smart_link(strategy="learned")
    late, early, out = (factories.make_offer() for _ in range(3))
    configuring.make_choice(smart, late, priority=2)
    configuring.make_choice(smart, early, priority=1, weight=3)
    configuring.make_choice(smart, out, active=False)
    configuring.make_weight(smart, late, country="DE", device="mobile", weight_ppm=900_000)
    configuring.make_weight(smart, early, country="DE", device="mobile", weight_ppm=100_000)
    loaded = snapshot.load(direct)
    found = loaded.smart_links[smart.code]
    assert (found.id, found.strategy, found.active) == (smart.pk, "learned", True)
    assert found.affiliate is loaded.affiliates[smart.affiliate_id]
    assert [(each.offer.id, each.priority, each.weight) for each in found.choices] == [
        (early.pk, 1, 3),
        (late.pk, 2, 100),
    ]
    assert found.choices[0].offer is loaded.offers[early.pk]
    assert found.weights == {("DE", "mobile"): {late.pk: 900_000, early.pk: 100_000}}


def test_a_pair_without_a_link_is_allowed_what_a_link_would_be(direct):
    offer = factories.make_offer(visibility="approval")
    friend, stranger = factories.make_affiliate(), factories.make_affiliate()
    factories.make_application(offer, friend)
    loaded = snapshot.load(direct)
    assert loaded.approved == {(offer.pk, friend.pk)}
    assert loaded.pair(offer.pk, friend.pk).allowed
    assert not loaded.pair(offer.pk, stranger.pk).allowed
    found = loaded.pair(offer.pk, friend.pk)
    assert (found.id, found.code, found.active) == (0, "", True)
    assert found.offer is loaded.offers[offer.pk]
    assert loaded.pair(offer.pk, 0) is None
    assert loaded.pair(0, friend.pk) is None


def test_what_has_moved_here_is_found_by_its_old_id(direct):
    offer = factories.make_offer()
    ExternalId.objects.create(
        dialect="tune", kind="offer", external_id="77", internal_id=offer.pk,
        created_at=factories.EVER,
    )  # fmt: skip
    assert snapshot.load(direct).external == {("tune", "offer", "77"): offer.pk}


def test_the_current_snapshot_is_read_again_only_after_a_change(direct):
    factories.make_link()
    first = snapshot.current(direct)
    assert snapshot.current(direct) is first
    Link.objects.update(active=False)
    assert snapshot.current(direct).stamp != first.stamp


def test_a_change_that_is_not_committed_is_not_seen(direct, fresh_db):
    link = factories.make_link()
    with psycopg.connect(fresh_db.url) as other:
        other.execute("UPDATE link SET active = false")
        assert snapshot.current(direct).links[link.code].active
    assert not snapshot.current(direct).links[link.code].active
