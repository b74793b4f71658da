"""`applications`: asked for, invited, answered once, taken back."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from network.errors import IllegalMove
from partners import applications
from partners.models import Application
from tests import factories

URL = "/api/v1/applications"


@pytest.fixture
def offer(acme):
    return factories.make_offer(acme.advertiser, visibility="approval")


@pytest.fixture
def application(offer, alice):
    return factories.make_application(offer, alice.affiliate, "pending")


def apply(member, offer):
    return member.api.post(f"/api/v1/offers/{offer.pk}/applications", {"message": "a blog"})


def test_an_affiliate_applies_and_is_let_in(alice, acme, offer):
    applied = apply(alice, offer)
    assert (applied.status_code, applied.json()["status"]) == (201, "pending")
    approved = acme.api.post(f"{URL}/{applied.json()['id']}/approve")
    assert (approved.status_code, approved.json()["status"]) == (200, "approved")
    row = Application.objects.get()
    assert (row.decided_by_id, row.decided_at is None) == (acme.user.pk, False)


def test_a_second_application_is_refused_also_after_a_rejection(alice, acme, offer):
    id = apply(alice, offer).json()["id"]
    assert apply(alice, offer).json()["code"] == "already_applied"
    rejected = acme.api.post(f"{URL}/{id}/reject", {"reason": "no traffic"})
    assert rejected.json()["reason"] == "no traffic"
    assert apply(alice, offer).status_code == 409
    assert acme.api.post(f"{URL}/{id}/approve").json()["status"] == "approved"


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"visibility": "public"}, 409, "application_not_needed"),
        ({"visibility": "private"}, 404, "not_found"),
        ({"status": "draft"}, 404, "not_found"),
        ({"status": "paused"}, 404, "not_found"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, 409, "offer_not_open"),
    ],
)
def test_some_offers_take_no_applications(alice, acme, fields, status, code):
    offer = factories.make_offer(acme.advertiser, **{"visibility": "approval", **fields})
    response = apply(alice, offer)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not Application.objects.exists()


def test_a_paused_affiliate_does_not_apply(alice, offer):
    alice.affiliate.status = "paused"
    alice.affiliate.save()
    assert apply(alice, offer).json()["code"] == "affiliate_not_active"


@pytest.mark.parametrize(
    ("status", "move", "result"),
    [
        ("pending", "approve", "approved"),
        ("pending", "reject", "rejected"),
        ("pending", "revoke", None),
        ("approved", "approve", None),
        ("approved", "reject", None),
        ("approved", "revoke", "revoked"),
        ("rejected", "approve", "approved"),
        ("rejected", "reject", None),
        ("revoked", "approve", "approved"),
    ],
)
def test_an_application_moves_only_along_its_life(olga, application, status, move, result):
    Application.objects.update(status=status)
    response = olga.api.post(f"{URL}/{application.pk}/{move}")
    application.refresh_from_db()
    assert application.status == (result or status)
    assert response.json().get("code") == (None if result else "illegal_move")


def test_of_many_answers_at_once_one_counts(fresh_db, acme, alice):
    offer = factories.make_offer(acme.advertiser, visibility="approval")
    id = factories.make_application(offer, alice.affiliate, "pending").pk
    actor = acme.actor

    def reject(number):
        try:
            application = Application.objects.get(pk=id)
            applications.decide(application, "reject", actor=actor, reason=str(number))
        except IllegalMove:
            return None
        finally:
            connection.close()
        return str(number)

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(reject, range(8))) - {None}
    assert answers == {Application.objects.get().reason}


def test_an_invited_affiliate_is_in_at_once(alice, acme):
    offer = factories.make_offer(acme.advertiser, visibility="private")
    url = f"/api/v1/offers/{offer.pk}/applications/invite"
    for _ in range(2):
        response = acme.api.post(url, {"affiliate_code": "alice"})
        assert (response.status_code, response.json()["status"]) == (200, "approved")
    assert alice.api.get(f"/api/v1/offers/{offer.pk}").json()["has_access"]
    unknown = acme.api.post(url, {"affiliate_code": "nobody"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_affiliate")


def test_an_invitation_answers_an_application(acme, application, offer):
    url = f"/api/v1/offers/{offer.pk}/applications/invite"
    assert acme.api.post(url, {"affiliate_code": "alice"}).json()["id"] == application.pk
    application.refresh_from_db()
    assert application.status == "approved"


def test_everybody_sees_their_side_of_an_application(application, offer, alice, bob, acme, rival):
    assert alice.api.get(URL).json()["results"][0]["id"] == application.pk
    assert (
        acme.api.get(URL, {"status": "pending"}).json()["results"][0]["affiliate_code"] == "alice"
    )
    assert acme.api.get(URL, {"affiliate": 0}).json()["results"] == []
    assert bob.api.get(URL).json()["results"] == []
    assert rival.api.get(URL).json()["results"] == []
    nested = f"/api/v1/offers/{offer.pk}/applications"
    assert bob.api.get(nested).json()["results"] == []
    assert len(acme.api.get(nested).json()["results"]) == 1


def test_an_affiliate_does_not_answer_for_the_offer(alice, application):
    assert alice.api.post(f"{URL}/{application.pk}/approve").status_code == 403
