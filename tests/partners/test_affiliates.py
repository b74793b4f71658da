"""`affiliates`: brought in by the operator; advertisers see the partners they work with."""

from partners.models import Affiliate, Membership, Role
from tests import factories
from tests.factories import PASSWORD

URL = "/api/v1/affiliates"


def codes(member, **filters):
    return {row["code"] for row in member.api.get(URL, filters).json()["results"]}


def test_an_affiliate_comes_with_organisation_and_person(olga):
    person = {"email": "carol@test.example", "name": "Carol", "password": PASSWORD}
    response = olga.api.post(URL, {"code": "carol", "name": "Carol", "person": person})
    assert response.status_code == 201
    affiliate = Affiliate.objects.get(code="carol")
    membership = Membership.objects.get(organisation=affiliate.organisation)
    assert (membership.role, membership.user.name) == (Role.AFFILIATE, "Carol")


def test_an_affiliate_sees_itself_alone(alice, bob, olga):
    assert codes(alice) == {"alice"}
    assert codes(olga) == {"alice", "bob"}
    assert codes(olga, status="paused") == set()


def test_an_advertiser_sees_who_works_with_it(acme, rival, alice, bob):
    factories.make_link(factories.make_offer(acme.advertiser), alice.affiliate)
    private = factories.make_offer(rival.advertiser, visibility="approval")
    factories.make_application(private, bob.affiliate, "pending")
    assert codes(acme) == {"alice"}
    assert codes(rival) == {"bob"}
    assert acme.api.get(f"{URL}/{bob.affiliate.pk}").status_code == 404


def test_only_the_operator_changes_an_affiliate(olga, alice, acme):
    url = f"{URL}/{alice.affiliate.pk}"
    assert alice.api.patch(url, {"status": "active"}).status_code == 403
    assert acme.api.patch(url, {"status": "closed"}).status_code == 403
    assert olga.api.patch(url, {"name": "Alice Ltd"}).json()["name"] == "Alice Ltd"
    assert olga.api.patch(url, {}).status_code == 200
