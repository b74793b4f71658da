"""`me`: everybody sees who they are and what they may do."""

import pytest

from partners.scopes import SCOPES


@pytest.mark.parametrize("name", ["alice", "acme", "olga", "fred"])
def test_a_key_shows_its_role_and_rights(request, name):
    somebody = request.getfixturevalue(name)
    me = somebody.api.get("/api/v1/me").json()
    assert me["role"] == somebody.membership.role
    assert me["organisation"]["id"] == somebody.organisation.pk
    assert me["person"]["email"] == f"{name}@test.example"
    assert me["scopes"] == sorted(SCOPES[somebody.actor.role])


def test_partners_learn_their_own_ids(alice, acme):
    assert alice.api.get("/api/v1/me").json()["affiliate"] == alice.affiliate.pk
    assert alice.api.get("/api/v1/me").json()["advertiser"] is None
    assert acme.api.get("/api/v1/me").json()["advertiser"] == acme.advertiser.pk
