"""`offers`: drafted by advertisers, published whole, seen by affiliates as far as they may."""

import json
import re

import pytest

from network import clock
from partners.destinations import HOSTS_MAX, UTM_MAX
from partners.models import Goal, Offer, Terms
from tests import factories
from tests.running import ROOT

URL = "/api/v1/offers"
BODY = {
    "name": "Shoes",
    "visibility": "public",
    "currency": "EUR",
    "landing_url": "https://shop.example/?ref=secret&c={click_id}",
    "goals": [
        {
            "code": "sale",
            "name": "Sale",
            "dedupe": "per_order",
            "terms": [{"revenue": {"percent": "10"}}],
        }
    ],
}


def ids(member, **filters):
    return {row["id"] for row in member.api.get(URL, filters).json()["results"]}


def test_an_advertiser_drafts_and_publishes_an_offer(acme, alice):
    created = acme.api.post(URL, BODY)
    assert created.status_code == 201
    offer = created.json()
    assert (offer["status"], offer["advertiser"]) == ("draft", acme.advertiser.pk)
    assert offer["goals"][0]["is_default"]
    assert ids(alice) == set()
    assert acme.api.post(f"{URL}/{offer['id']}/activate").json()["status"] == "active"
    assert ids(alice) == {offer["id"]}


def test_the_operator_names_the_advertiser(olga, acme):
    missing = olga.api.post(URL, BODY)
    assert missing.json()["errors"][0]["pointer"] == "/advertiser"
    assert missing.json()["errors"][0]["code"] == "required"
    created = olga.api.post(URL, BODY | {"advertiser": acme.advertiser.pk})
    assert created.json()["advertiser"] == acme.advertiser.pk


def test_an_advertiser_cannot_draft_for_another(acme, rival):
    response = acme.api.post(URL, BODY | {"advertiser": rival.advertiser.pk})
    fault = response.json()["errors"][0]
    assert (response.status_code, fault["code"]) == (422, "unknown_advertiser")
    assert not Offer.objects.exists()


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"landing_url": "ftp://shop.example/"}, "/landing_url", "url_invalid"),
        ({"landing_url": "javascript:alert(1)"}, "/landing_url", "url_invalid"),
        ({"landing_url": "https:///path"}, "/landing_url", "url_invalid"),
        ({"landing_url": "https://me:pw@shop.example/"}, "/landing_url", "url_invalid"),
        ({"landing_url": "https://shop.example\\@evil.example/"}, "/landing_url", "url_invalid"),
        ({"landing_url": "https://{sub1}.example/"}, "/landing_url", "url_invalid"),
        ({"landing_url": "https://shop.example/a b"}, "/landing_url", "url_invalid"),
        ({"landing_url": "https://shop.example/\u00e9"}, "/landing_url", "url_invalid"),
        ({"landing_url": "https://shop.example/\r\nX: y"}, "/landing_url", "url_invalid"),
        ({"landing_url": "https://[::1/"}, "/landing_url", "url_invalid"),
        ({"landing_url": "https://shop.example:99999/"}, "/landing_url", "url_invalid"),
        ({"landing_url": "https://shop.example:0/"}, "/landing_url", "url_invalid"),
        ({"fallback_url": "//shop.example"}, "/fallback_url", "url_invalid"),
        ({"currency": "EUX"}, "/currency", "unknown_currency"),
        ({"currency": "eur"}, "/currency", "unknown_currency"),
        (
            {"starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"},
            "/ends_at",
            "offer_dates_invalid",
        ),
        (
            {"click_window_s": 60, "min_click_to_conversion_s": 61},
            "/min_click_to_conversion_s",
            "window_empty",
        ),
        ({"visibility": "secret"}, "/visibility", "invalid_choice"),
        ({"click_window_s": 730 * 86_400 + 1}, "/click_window_s", "max_value"),
        ({"hold_days": -1}, "/hold_days", "min_value"),
        ({"status": "active"}, "/status", "unknown_field"),
    ],
)
def test_a_bad_offer_is_refused_and_nothing_is_stored(acme, change, pointer, code):
    response = acme.api.post(URL, BODY | change)
    assert response.status_code == 422
    assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [(pointer, code)]
    assert not Offer.objects.exists()


def test_a_fault_deep_in_the_body_undoes_the_whole_offer(acme):
    late = {"revenue": {"percent": "5"}, "valid_from": "2030-01-01T00:00:00Z"}
    late["valid_to"] = late["valid_from"]
    goals = [*BODY["goals"], {**BODY["goals"][0], "code": "lead", "terms": [late]}]
    response = acme.api.post(URL, BODY | {"goals": goals})
    assert response.json()["code"] == "terms_dates_invalid"
    assert response.json()["errors"][0]["pointer"] == "/goals/1/terms/0/valid_to"
    assert [kind.objects.count() for kind in (Offer, Goal, Terms)] == [0, 0, 0]


def test_a_named_default_goal_is_the_default_wherever_it_stands(acme):
    goals = [BODY["goals"][0], {**BODY["goals"][0], "code": "lead", "is_default": True}]
    offer = acme.api.post(URL, BODY | {"goals": goals}).json()
    assert {goal["code"]: goal["is_default"] for goal in offer["goals"]} == {
        "sale": False,
        "lead": True,
    }


@pytest.mark.parametrize(
    ("goals", "missing"),
    [
        ([], ("goals", BODY["goals"][0])),
        ([{**BODY["goals"][0], "terms": []}], ("terms", BODY["goals"][0]["terms"][0])),
    ],
)
def test_an_offer_that_could_not_pay_is_told_what_to_post_where(acme, goals, missing):
    offer = acme.api.post(URL, BODY | {"goals": goals}).json()
    response = acme.api.post(f"{URL}/{offer['id']}/activate")
    assert (response.status_code, response.json()["code"]) == (409, "offer_incomplete")
    what, body = missing
    address = re.search(rf"(/api/v1/\S+/{what})\.", response.json()["detail"])[1]
    assert acme.api.post(address, body).status_code == 201
    assert acme.api.post(f"{URL}/{offer['id']}/activate").status_code == 200


@pytest.mark.parametrize(
    ("status", "move", "result"),
    [
        ("draft", "pause", None),
        ("draft", "end", "ended"),
        ("active", "activate", None),
        ("active", "pause", "paused"),
        ("active", "end", "ended"),
        ("paused", "activate", "active"),
        ("paused", "end", "ended"),
        ("ended", "activate", None),
        ("ended", "pause", None),
        ("ended", "end", None),
    ],
)
def test_an_offer_moves_only_along_its_life(acme, status, move, result):
    offer = factories.make_offer(acme.advertiser, status=status)
    response = acme.api.post(f"{URL}/{offer.pk}/{move}")
    offer.refresh_from_db()
    assert offer.status == (result or status)
    assert response.json().get("code") == (None if result else "illegal_move")


def test_what_is_not_frozen_changes(acme):
    offer = factories.make_offer(acme.advertiser)
    response = acme.api.patch(f"{URL}/{offer.pk}", {"name": "Boots", "hold_days": 14})
    assert (response.json()["name"], response.json()["hold_days"]) == ("Boots", 14)
    frozen = acme.api.patch(f"{URL}/{offer.pk}", {"currency": "USD"})
    assert frozen.json()["errors"][0]["code"] == "unknown_field"


def test_a_change_is_checked_together_with_what_stays(acme):
    offer = factories.make_offer(acme.advertiser, starts_at=clock.now())
    response = acme.api.patch(f"{URL}/{offer.pk}", {"ends_at": "2020-01-01T00:00:00Z"})
    assert response.json()["code"] == "offer_dates_invalid"
    offer.refresh_from_db()
    assert offer.ends_at is None


def test_an_ended_offer_does_not_change(acme):
    offer = factories.make_offer(acme.advertiser, status="ended")
    response = acme.api.patch(f"{URL}/{offer.pk}", {"name": "Boots"})
    assert (response.status_code, response.json()["code"]) == (409, "offer_ended")


def test_an_affiliate_sees_what_it_may_promote(alice, acme):
    public = factories.make_offer(acme.advertiser)
    approval = factories.make_offer(acme.advertiser, visibility="approval")
    factories.make_offer(acme.advertiser, visibility="private")
    factories.make_offer(acme.advertiser, status="draft")
    factories.make_offer(acme.advertiser, status="paused", visibility="approval")
    invited = factories.make_offer(acme.advertiser, visibility="private")
    factories.make_application(invited, alice.affiliate)
    draft = factories.make_offer(acme.advertiser, visibility="private", status="draft")
    factories.make_application(draft, alice.affiliate)
    assert ids(alice) == {public.pk, approval.pk, invited.pk}


def test_an_affiliate_keeps_sight_of_what_it_has_links_for(alice, acme):
    ended = factories.make_offer(acme.advertiser, visibility="approval", status="ended")
    assert ids(alice) == set()
    factories.make_link(ended, alice.affiliate)
    assert ids(alice) == {ended.pk}


def test_the_landing_page_is_shown_to_who_was_let_in(alice, bob, acme):
    offer = factories.make_offer(
        acme.advertiser, visibility="approval", landing_url="https://shop.example/?k=secret"
    )
    factories.make_application(offer, alice.affiliate)
    factories.make_application(offer, bob.affiliate, "pending")
    let_in = alice.api.get(f"{URL}/{offer.pk}").json()
    waiting = bob.api.get(f"{URL}/{offer.pk}").json()
    assert (let_in["has_access"], let_in["landing_url"]) == (True, "https://shop.example/?k=secret")
    assert (waiting["has_access"], waiting["landing_url"]) == (False, None)


def test_lists_take_the_same_number_of_queries_whatever_their_length(
    acme, alice, olga, django_assert_num_queries
):
    for _ in range(3):
        factories.make_offer(acme.advertiser)
    for member in (acme, alice, olga):
        member.api.get(URL)  # notes the use of the key
        with django_assert_num_queries(4):
            member.api.get(URL)


# --- where links lead


LEADS = {
    "targeting": {"fact": "country", "in": ["DE"]},
    "time_zone": "Europe/Sofia",
    "deep_link_hosts": ["Shop.Example", "*.GRÜN.example", "shop.example"],
    "link_signing": "report_only",
    "utm": {"utm_source": "peraction", "utm_content": "{affiliate}-{SUB1}"},
}


def test_an_offer_says_where_its_links_may_lead(acme):
    offer = acme.api.post(URL, BODY | LEADS).json()
    hosts = ["shop.example", "*.xn--grn-ioa.example"]
    assert {name: offer[name] for name in LEADS} == LEADS | {"deep_link_hosts": hosts}
    cleared = {"targeting": None, "deep_link_hosts": [], "utm": {}, "link_signing": "off"}
    changed = acme.api.patch(f"{URL}/{offer['id']}", cleared).json()
    assert {name: changed[name] for name in cleared} == cleared
    assert changed["time_zone"] == "Europe/Sofia"


def test_without_a_word_everybody_is_wanted_and_no_link_leads_deeper(acme):
    offer = acme.api.post(URL, BODY).json()
    assert {name: offer[name] for name in LEADS} == {
        "targeting": None,
        "time_zone": "UTC",
        "deep_link_hosts": [],
        "link_signing": "off",
        "utm": {},
    }


def test_an_affiliate_sees_what_its_links_need(acme, alice):
    offer = factories.make_offer(acme.advertiser, **(LEADS | {"deep_link_hosts": ["shop.example"]}))
    seen = alice.api.get(f"{URL}/{offer.pk}").json()
    assert (seen["deep_link_hosts"], seen["link_signing"]) == (["shop.example"], "report_only")
    assert not {"targeting", "utm", "time_zone"} & set(seen)


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"targeting": []}, "/targeting", "targeting_invalid"),
        ({"targeting": "all"}, "/targeting", "targeting_invalid"),
        ({"time_zone": "Europe/Atlantis"}, "/time_zone", "unknown_time_zone"),
        ({"time_zone": "../etc/passwd"}, "/time_zone", "unknown_time_zone"),
        ({"time_zone": "localtime"}, "/time_zone", "unknown_time_zone"),
        ({"link_signing": "sometimes"}, "/link_signing", "invalid_choice"),
        ({"deep_link_hosts": ["a.example", "*.com"]}, "/deep_link_hosts/1", "host_invalid"),
        ({"deep_link_hosts": ["https://a.example"]}, "/deep_link_hosts/0", "host_invalid"),
        ({"deep_link_hosts": ["127.0.0.1"]}, "/deep_link_hosts/0", "host_invalid"),
        ({"deep_link_hosts": [5]}, "/deep_link_hosts/0", "invalid"),
        ({"deep_link_hosts": ["a.example"] * 101}, "/deep_link_hosts", "max_length"),
        ({"deep_link_hosts": "a.example"}, "/deep_link_hosts", "not_a_list"),
        ({"utm": {"utm_x": "{click}"}}, "/utm/utm_x", "unknown_macro"),
        ({"utm": {"utm_x": "{ip}"}}, "/utm/utm_x", "unknown_macro"),
        ({"utm": {"utm_x": "a\nb"}}, "/utm/utm_x", "utm_invalid"),
        ({"utm": {"utm_x": 5}}, "/utm/utm_x", "invalid"),
        ({"utm": {"a&b": "x"}}, "/utm", "utm_invalid"),
        ({"utm": {str(number): "x" for number in range(11)}}, "/utm", "utm_invalid"),
        ({"utm": ["utm_source"]}, "/utm", "not_a_dict"),
    ],
)
def test_what_would_lead_people_wrong_is_refused(acme, change, pointer, code):
    offer = factories.make_offer(acme.advertiser)
    before = acme.api.get(f"{URL}/{offer.pk}").json()
    for answer in (acme.api.post(URL, BODY | change), acme.api.patch(f"{URL}/{offer.pk}", change)):
        assert answer.status_code == 422
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]
    assert acme.api.get(f"{URL}/{offer.pk}").json() == before
    assert Offer.objects.count() == 1


def test_the_page_on_offers_has_a_body_that_says_where_visitors_go(acme):
    page = (ROOT / "docs" / "offers.md").read_text().split("## Where visitors go")[1]
    body = json.loads(page.split("```json\n")[1].split("```")[0])
    offer = factories.make_offer(acme.advertiser)
    changed = acme.api.patch(f"{URL}/{offer.pk}", body)
    assert changed.status_code == 200
    assert body.items() <= changed.json().items()
    assert f"up to {UTM_MAX} parameters" in page
    assert f"up to {HOSTS_MAX} hosts" in page


def test_the_page_on_offers_has_a_body_that_can_be_published(acme, alice):
    page = (ROOT / "docs" / "offers.md").read_text().split("## Targeting")[0]
    created = acme.api.post(URL, json.loads(page.split("```json\n")[1].split("```")[0]))
    offer = created.json()
    terms = json.loads(" ".join(re.search(r"`(\{\"revenue\".*?)`", page, re.DOTALL)[1].split()))
    lead = {"code": "lead", "name": "A lead", "dedupe": re.search(r'`"dedupe": "(\w+)"`', page)[1]}
    goal = acme.api.post(f"{URL}/{offer['id']}/goals", lead).json()
    assert acme.api.post(f"/api/v1/goals/{goal['id']}/terms", terms).status_code == 201
    assert acme.api.post(f"{URL}/{offer['id']}/activate").json()["status"] == "active"
    assert ids(alice) == {offer["id"]}
    assert f"`min_click_to_conversion_s`, {offer['min_click_to_conversion_s']} by default" in page
