"""`me`: everybody sees who they are and what they may do."""

import pytest
from rest_framework.test import APIClient

from partners.models import ApiKey
from partners.scopes import SCOPES
from tests import factories


@pytest.mark.parametrize("name", ["alice", "acme", "olga", "fred"])
def test_a_key_shows_its_role_and_rights(request, name):
    somebody = request.getfixturevalue(name)
    me = somebody.api.get("/api/v1/me").json()
    assert me["role"] == somebody.membership.role
    assert me["organisation"]["id"] == somebody.organisation.pk
    assert me["person"]["email"] == f"{name}@test.example"
    assert me["scopes"] == sorted(SCOPES[somebody.actor.role])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("head", "me", 200),
        ("head", "me/password", 405),
        ("get", "me/password", 405),
        ("put", "me", 405),
        ("trace", "me", 405),
        ("options", "me", 405),
        ("options", "links", 405),
        ("request", "me", 405),
        ("head", "links", 200),
        ("put", "links", 405),
    ],
)
def test_what_an_address_cannot_do_is_no_question_of_rights(alice, method, path, status):
    answer = alice.api.generic(method.upper(), f"/api/v1/{path}")
    assert answer.status_code == status
    if answer.content and status == 405:
        assert answer.json()["code"] == "method_not_allowed"


def test_partners_learn_their_own_ids(alice, acme):
    assert alice.api.get("/api/v1/me").json()["affiliate"] == alice.affiliate.pk
    assert alice.api.get("/api/v1/me").json()["advertiser"] is None
    assert acme.api.get("/api/v1/me").json()["advertiser"] == acme.advertiser.pk


def test_an_idempotency_key_belongs_to_one_membership(alice, bob):
    second = factories.make_member("affiliate", bob.organisation, alice.user)
    body = {"name": "site", "scopes": ["links:read"]}

    def issue(membership):
        browser = APIClient(headers={"peraction-membership": str(membership.pk)})
        browser.force_login(alice.user)
        return browser.post("/api/v1/api-keys", body, headers={"idempotency-key": "k1"})

    answers = [issue(alice.membership), issue(second), issue(second)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert [answer.get("Idempotent-Replayed") for answer in answers] == [None, None, "true"]
    issued = ApiKey.objects.filter(name="site").values_list("organisation_id", flat=True)
    assert sorted(issued) == sorted([alice.organisation.pk, bob.organisation.pk])
