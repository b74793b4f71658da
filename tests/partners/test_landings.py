"""`landings`: the pages of an offer, shown to affiliates by name, kept within bounds."""

import json

import pytest

from partners import landings
from partners.models import Landing
from tests import factories
from tests.running import ROOT

BODY = {"name": "Short form", "url": "https://shop.example/short?c={click_id}"}


@pytest.fixture
def offer(acme):
    return factories.make_offer(acme.advertiser)


def pages(offer):
    return f"/api/v1/offers/{offer.pk}/landings"


def test_an_advertiser_adds_weighs_and_switches_off_a_page(acme, offer):
    made = acme.api.post(pages(offer), BODY)
    page = made.json()
    assert made.status_code == 201
    assert (page["offer"], page["weight"], page["active"]) == (offer.pk, 100, True)
    changed = acme.api.patch(f"/api/v1/landings/{page['id']}", {"weight": 0, "active": False})
    assert (changed.json()["weight"], changed.json()["active"]) == (0, False)
    assert acme.api.get(pages(offer)).json()["results"] == [changed.json()]
    assert acme.api.get(f"/api/v1/landings/{page['id']}").json() == changed.json()


def test_an_affiliate_sees_names_of_pages_in_use(alice, offer):
    page = factories.make_landing(offer)
    factories.make_landing(offer, active=False)
    found = alice.api.get(pages(offer)).json()["results"]
    assert found == [{"id": page.pk, "offer": offer.pk, "name": page.name}]
    assert alice.api.get(f"/api/v1/landings/{page.pk}").status_code == 403
    assert alice.api.post(pages(offer), BODY).status_code == 403


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"url": "javascript:alert(1)"}, "/url", "url_invalid"),
        ({"url": "https://{sub1}.example/"}, "/url", "url_invalid"),
        ({"weight": -1}, "/weight", "min_value"),
        ({"weight": 1_000_001}, "/weight", "max_value"),
        ({"name": ""}, "/name", "blank"),
        ({"offer": 1}, "/offer", "unknown_field"),
    ],
)
def test_a_bad_page_is_refused(acme, offer, change, pointer, code):
    page = factories.make_landing(offer)
    for answer in (
        acme.api.post(pages(offer), BODY | change),
        acme.api.patch(f"/api/v1/landings/{page.pk}", change),
    ):
        assert answer.status_code == 422
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]
    assert Landing.objects.get().url == page.url


def test_an_offer_that_has_ended_keeps_its_pages(acme, offer):
    page = factories.make_landing(offer)
    acme.api.post(f"/api/v1/offers/{offer.pk}/end")
    assert acme.api.post(pages(offer), BODY).json()["code"] == "offer_ended"
    changed = acme.api.patch(f"/api/v1/landings/{page.pk}", {"weight": 1})
    assert changed.json()["code"] == "offer_ended"
    assert Landing.objects.get().weight == 100


def test_pages_are_counted(acme, offer, monkeypatch):
    monkeypatch.setattr(landings, "LANDINGS_MAX", 2)
    codes = [acme.api.post(pages(offer), BODY).status_code for _ in range(3)]
    assert codes == [201, 201, 409]


def test_the_page_on_offers_has_a_body_that_makes_a_page(acme, offer):
    page = (ROOT / "docs" / "offers.md").read_text().split("## Landing pages")[1]
    body = json.loads(page.split("```json\n")[1].split("```")[0])
    made = acme.api.post(pages(offer), body)
    assert made.status_code == 201
    assert body.items() <= made.json().items()
