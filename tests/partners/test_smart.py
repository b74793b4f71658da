"""`smart-links`: taken with access to every offer, edited whole, and never another link's code."""

import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
import segno
from django.db import IntegrityError, connection, transaction

from partners import link_keys, smart
from partners.models import SmartLink, SmartOffer, SmartWeight
from tests import factories
from tests.running import ROOT
from tracking.clicks.query import parse
from tracking.clicks.signing import check

URL = "/api/v1/smart-links"
UNIT = 1_000_000


@pytest.fixture
def offers(acme):
    return [factories.make_offer(acme.advertiser) for _ in range(3)]


def choices(*offers, **fields):
    return [{"offer": offer.pk, **fields} for offer in offers]


def ask(member, *chosen, strategy="learned", **fields):
    return member.api.post(URL, {"strategy": strategy, "choices": list(chosen), **fields})


def fault(answer):
    return answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]


def test_an_affiliate_takes_a_smart_link(alice, offers, settings):
    settings.TRACKER_URL = "https://go.example"
    given = ask(alice, *choices(*offers), name="footer")
    link = given.json()
    assert given.status_code == 201
    assert re.fullmatch(r"s-[0-9A-Za-z]{10}", link["code"])
    assert link["url"] == f"https://go.example/c/{link['code']}"
    assert (link["affiliate"], link["name"]) == (alice.affiliate.pk, "footer")
    assert (link["strategy"], link["active"]) == ("learned", True)
    assert link["choices"] == [
        {"offer": offer.pk, "priority": place, "weight": 100, "active": True}
        for place, offer in enumerate(offers)
    ]
    assert alice.api.get(f"{URL}/{link['id']}").json() == link


def test_choices_come_in_the_order_of_their_priority(alice, offers):
    first, second, third = offers
    link = ask(
        alice,
        {"offer": first.pk, "priority": 9, "weight": 0},
        {"offer": second.pk, "priority": 2, "active": False},
        {"offer": third.pk, "priority": 2},
    ).json()
    assert [choice["offer"] for choice in link["choices"]] == [second.pk, third.pk, first.pk]
    assert [choice["active"] for choice in link["choices"]] == [False, True, True]


def test_it_is_drawn_as_a_link_is(alice, offers, settings):
    settings.TRACKER_URL = "https://go.example"
    link = ask(alice, *choices(*offers)).json()
    answer = alice.api.get(f"{URL}/{link['id']}/qr", {"format": "png", "sub1": "poster"})
    expected = io.BytesIO()
    code = segno.make_qr(f"{link['url']}?sub1=poster", error="m")
    code.save(expected, kind="png", scale=8, light="#fff")
    assert (answer["Content-Type"], answer.content) == ("image/png", expected.getvalue())


def test_it_is_signed_for_deep_links_and_pages_of_any_of_its_offers(alice, acme):
    shops = [["shop.example"], ["store.example"]]
    offers = [factories.make_offer(acme.advertiser, deep_link_hosts=hosts) for hosts in shops]
    page = factories.make_landing(offers[0])
    key, secret = link_keys.add(affiliate=alice.affiliate)
    link = ask(alice, *choices(*offers)).json()
    params = {"url": "https://store.example/shoes", "landing": str(page.pk), "sub1": "a"}
    signed = sign(alice, link, **params).json()
    path, query = signed["url"].partition(link["code"])[2].partition("?")[::2]
    found = parse(query.encode())
    assert path == ""
    assert {name: found[name] for name in ("deep_link", "landing", "sub1")} == {
        "deep_link": params["url"], "landing": params["landing"], "sub1": "a",
    }  # fmt: skip
    keys = {key.key_id: Key(secret.encode())}
    assert check(f"/c/{link['code']}", query.encode(), found, keys, datetime.now(UTC)) == ""
    for wrong in ({"url": "https://evil.example"}, {"landing": str(page.pk + 1)}):
        assert fault(sign(alice, link, **wrong))[0] == f"/params/{next(iter(wrong))}"


def test_that_of_another_is_neither_drawn_nor_signed(alice, bob, offers):
    link = ask(alice, *choices(*offers)).json()
    assert bob.api.get(f"{URL}/{link['id']}/qr").status_code == 404
    assert sign(bob, link).status_code == 404


class Key(NamedTuple):
    """A key that lives for ever."""

    secret: bytes

    def lives(self, at):
        return True


def sign(member, link, **params):
    body = {"params": params, "expires_in_s": 60}
    return member.api.post(f"{URL}/{link['id']}/sign", body)


def test_the_operator_takes_one_for_an_affiliate(olga, alice, offers):
    assert fault(ask(olga, *choices(*offers))) == ("/affiliate", "required")
    given = ask(olga, *choices(*offers), affiliate=alice.affiliate.pk)
    assert given.json()["affiliate"] == alice.affiliate.pk


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"visibility": "private"}, 422, "unknown_offer"),
        ({"visibility": "approval"}, 403, "not_approved"),
        ({"status": "paused"}, 409, "offer_not_open"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, 409, "offer_not_open"),
    ],
)
def test_each_offer_wants_the_access_that_a_link_wants(alice, acme, offers, fields, status, code):
    shut = factories.make_offer(acme.advertiser, **fields)
    # Known to the affiliate by a link from better days, but where nobody may know of it.
    if "status" in fields:
        factories.make_link(shut, alice.affiliate)
    refused = ask(alice, *choices(offers[0], shut))
    assert refused.status_code == status
    assert fault(refused) == ("/choices/1/offer", code)
    assert not SmartLink.objects.exists()


def test_a_paused_affiliate_takes_none(alice, offers):
    alice.affiliate.status = "paused"
    alice.affiliate.save()
    assert ask(alice, *choices(*offers)).json()["code"] == "affiliate_not_active"


@pytest.mark.parametrize(
    ("spoil", "where", "code"),
    [
        (lambda good: [], "/choices", "empty"),
        (lambda good: [*good, *good], "/choices/3/offer", "offer_twice"),
        (lambda good: [good[0] | {"weight": -1}], "/choices/0/weight", "min_value"),
        (lambda good: [good[0] | {"weight": 1_000_001}], "/choices/0/weight", "max_value"),
        (lambda good: [good[0] | {"priority": 32_768}], "/choices/0/priority", "max_value"),
        (lambda good: [good[0] | {"colour": 1}], "/choices/0/colour", "unknown_field"),
        (lambda good: [good[0] | {"offer": "1"}], "/choices/0/offer", "invalid"),
        (lambda good: [{"weight": 1}], "/choices/0/offer", "required"),
        (lambda good: good * 17, "/choices", "max_length"),
    ],
)
def test_choices_that_make_no_sense_are_named(alice, offers, spoil, where, code):
    answer = ask(alice, *spoil(choices(*offers)))
    assert answer.status_code == 422
    assert fault(answer) == (where, code)
    assert not SmartLink.objects.exists()


def test_one_that_learns_keeps_to_one_currency(alice, acme, offers):
    dollars = factories.make_offer(acme.advertiser, currency="USD")
    both = choices(offers[0], dollars)
    assert fault(ask(alice, *both)) == ("/choices", "currency_mismatch")
    link = ask(alice, *both, strategy="weight").json()
    learning = alice.api.patch(f"{URL}/{link['id']}", {"strategy": "learned"})
    assert fault(learning) == ("/strategy", "currency_mismatch")
    only = {"strategy": "learned", "choices": choices(dollars)}
    assert alice.api.patch(f"{URL}/{link['id']}", only).json()["strategy"] == "learned"


def test_new_choices_replace_the_old_and_what_stays_keeps_its_row(alice, offers):
    link = ask(alice, *choices(*offers)).json()
    rows = dict(SmartOffer.objects.values_list("offer_id", "pk"))
    changed = alice.api.patch(
        f"{URL}/{link['id']}",
        {"name": "header", "active": False, "choices": choices(offers[2], offers[0], weight=5)},
    ).json()
    assert (changed["name"], changed["active"]) == ("header", False)
    found = [(choice["offer"], choice["weight"]) for choice in changed["choices"]]
    assert found == [(offers[2].pk, 5), (offers[0].pk, 5)]
    del rows[offers[1].pk]
    assert dict(SmartOffer.objects.values_list("offer_id", "pk")) == rows


def test_an_offer_stays_when_its_access_ends_but_does_not_come_back(alice, acme, offers):
    private = factories.make_offer(acme.advertiser, visibility="private")
    let_in = factories.make_application(private, alice.affiliate)
    link = ask(alice, *choices(private, *offers)).json()
    let_in.status = "revoked"
    let_in.save()
    codes = [
        alice.api.patch(f"{URL}/{link['id']}", {"choices": choices(offer, weight=7)})
        for offer in (private, offers[0], private)
    ]
    assert [answer.status_code for answer in codes] == [200, 200, 422]
    assert fault(codes[2]) == ("/choices/0/offer", "unknown_offer")


def test_leaving_an_offer_out_and_taking_it_in_again_forgets_nothing(alice, offers):
    link = ask(alice, *choices(*offers)).json()
    row = SmartLink.objects.get(pk=link["id"])
    for offer, ppm in zip(offers, (700_000, 200_000, 100_000), strict=True):
        factories.make_smart_weight(row, offer, ppm, "FR", "mobile")
    for chosen in (offers[1:], offers):
        alice.api.patch(f"{URL}/{link['id']}", {"choices": choices(*chosen)})
    assert list(SmartWeight.objects.values_list("weight_ppm", flat=True)) == [
        700_000,
        200_000,
        100_000,
    ]


def test_what_was_learned_is_shown_with_its_counts(alice, offers):
    link = factories.make_smart_link(*offers, affiliate=alice.affiliate)
    factories.make_smart_weight(
        link, offers[0], 421_300, "FR", clicks=900, conversions=31, commission_micros=77 * UNIT
    )
    factories.make_smart_weight(link, offers[1], 578_700)
    pooled, french = alice.api.get(f"{URL}/{link.pk}/weights").json()["results"]
    assert (pooled["country"], pooled["device"], pooled["share"]) == ("", "", "57.87")
    assert (french["country"], french["offer"], french["share"]) == ("FR", offers[0].pk, "42.13")
    assert (french["clicks"], french["conversions"]) == (900, 31)
    assert french["commission"] == {"amount": "77.00", "currency": "EUR"}


def test_weights_come_in_pages(alice, offers):
    link = factories.make_smart_link(*offers, affiliate=alice.affiliate)
    for country in ("", "DE", "FR"):
        for offer in offers:
            factories.make_smart_weight(link, offer, 333_333, country)
    seen, url = [], f"{URL}/{link.pk}/weights?limit=2"
    while url:
        page = alice.api.get(url).json()
        seen += [(row["country"], row["offer"]) for row in page["results"]]
        url = page["next"]
    assert seen == [(country, offer.pk) for country in ("", "DE", "FR") for offer in offers]


def test_smart_links_are_found_by_strategy_and_state(alice, offers):
    made = [
        factories.make_smart_link(*offers, affiliate=alice.affiliate, strategy=strategy)
        for strategy in ("weight", "learned")
    ]
    found = alice.api.get(URL, {"strategy": "learned", "active": "true"}).json()["results"]
    assert [link["id"] for link in found] == [made[1].pk]


def test_an_advertiser_knows_who_sends_people_by_a_smart_link(alice, bob, acme, offers):
    factories.make_smart_link(*offers, affiliate=alice.affiliate)
    known = acme.api.get("/api/v1/affiliates").json()["results"]
    assert [affiliate["code"] for affiliate in known] == ["alice"]


@pytest.mark.django_db
def test_no_code_is_a_links_and_a_smart_links():
    for make in (
        lambda: factories.make_link(code="s-abcdef"),
        lambda: factories.make_smart_link(code="abcdefabcdef"),
        lambda: factories.make_smart_link(code="S-abcdef"),
    ):
        with pytest.raises(IntegrityError, match="link_code"), transaction.atomic():
            make()


def test_two_changes_at_once_leave_the_choices_of_one(fresh_db, alice, offers):
    link = factories.make_smart_link(offers[0], affiliate=alice.affiliate)
    plans = [offers[:2], offers[1:]]

    def plan(chosen):
        try:
            smart.change(
                link,
                choices=[smart.Choice(offer=offer, priority=0) for offer in chosen],
            )
        finally:
            connection.close()

    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(plan, plans))
        left = list(link.choices.order_by("offer").values_list("offer", flat=True))
        assert left in [[offer.pk for offer in chosen] for chosen in plans]


def test_the_page_on_links_has_a_body_that_makes_a_smart_link(alice, offers):
    page = (ROOT / "docs" / "links.md").read_text().split("## Smart links")[1].split("\n## ")[0]
    body = json.loads(page.split("```json\n")[1].split("```")[0])
    for choice, offer in zip(body["choices"], offers, strict=False):
        choice["offer"] = offer.pk
    link = alice.api.post(URL, body).json()
    assert (link["name"], link["strategy"]) == (body["name"], body["strategy"])
    assert [choice["weight"] for choice in link["choices"]] == [70, 30]
    strategies = page.split("| `strategy` |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", strategies, re.MULTILINE)) == set(smart.Strategy)
