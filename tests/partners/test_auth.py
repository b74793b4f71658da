"""API keys and sessions become actors; what is not good right now is refused."""

from datetime import timedelta

import pytest

from network import clock
from partners.models import ApiKey, Role
from tests import factories
from tests.cast import api_client


def status_and_code(response):
    return response.status_code, response.json()["code"]


def test_without_credentials_the_answer_is_401_with_a_challenge(stage, client):
    response = client.get("/api/v1/me")
    assert status_and_code(response) == (401, "unauthenticated")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer pk_",
        "Bearer pk_abc",
        "Bearer pk_abc_def",
        "Bearer pk_%00_x",
        "Bearer pk_\xe9_x",
        "Basic YWxpY2U6cHc=",
        "Bearer " + "x" * 5000,
    ],
)
def test_what_is_no_key_is_refused(stage, client, header):
    response = client.get("/api/v1/me", headers={"authorization": header})
    assert status_and_code(response) == (401, "unauthenticated")


def test_a_wrong_secret_behind_a_right_prefix_is_refused(alice):
    response = api_client(alice.key[:-1] + "x").get("/api/v1/me")
    assert status_and_code(response) == (401, "unauthenticated")


def test_the_database_keeps_no_secret(alice):
    _, prefix, secret = alice.key.split("_")
    row = ApiKey.objects.filter(prefix=prefix).values().get()
    assert secret not in str(row)


def test_an_expired_key_is_refused(alice):
    soon = clock.now() + timedelta(hours=1)
    api = api_client(factories.make_key(alice.membership, expires_at=soon))
    assert api.get("/api/v1/me").status_code == 200
    ApiKey.objects.update(expires_at=clock.now())
    assert api.get("/api/v1/me").status_code == 401


def test_a_revoked_key_is_refused(alice):
    ApiKey.objects.update(revoked_at=clock.now())
    assert alice.api.get("/api/v1/me").status_code == 401


def test_the_key_of_an_inactive_person_is_refused(alice):
    alice.user.is_active = False
    alice.user.save()
    assert alice.api.get("/api/v1/me").status_code == 401


def test_a_key_dies_with_its_persons_membership(alice):
    alice.membership.delete()
    assert alice.api.get("/api/v1/me").status_code == 401


def test_a_key_without_a_person_outlives_everybodys_membership(alice):
    api = api_client(factories.make_key(alice.membership, personal=False))
    alice.membership.delete()
    me = api.get("/api/v1/me").json()
    assert (me["role"], me["person"], me["memberships"]) == ("affiliate", None, [])


def test_a_key_without_a_person_cannot_do_what_only_people_do(alice):
    api = api_client(factories.make_key(alice.membership, personal=False))
    body = {"holder": "Alice", "iban": "DE89370400440532013000", "country": "DE"}
    assert status_and_code(api.post("/api/v1/payee-methods", body)) == (403, "person_required")


def test_a_stored_scope_beyond_the_role_gives_nothing(alice):
    api = api_client(factories.make_key(alice.membership, scopes=["links:read", "payouts:approve"]))
    assert api.get("/api/v1/me").json()["scopes"] == ["links:read"]


def test_a_missing_scope_is_named(alice):
    api = api_client(factories.make_key(alice.membership, scopes=["links:read"]))
    assert api.get("/api/v1/links").status_code == 200
    response = api.post("/api/v1/links", {})
    assert status_and_code(response) == (403, "scope_missing")
    assert response.json()["scope"] == "links:write"


def test_a_role_that_may_not_is_told_so(alice):
    response = alice.api.post("/api/v1/offers", {})
    assert status_and_code(response) == (403, "role_not_allowed")


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(alice, clock):
    alice.api.get("/api/v1/me")
    first = ApiKey.objects.get().last_used_at
    alice.api.get("/api/v1/me")
    assert ApiKey.objects.get().last_used_at == first
    clock.forward(seconds=61)
    alice.api.get("/api/v1/me")
    assert ApiKey.objects.get().last_used_at > first


def test_an_actors_label_names_the_key_and_the_person(alice):
    key = ApiKey.objects.get()
    by_key = alice.api.get("/api/v1/me").wsgi_request.user
    assert by_key.label == f"key:pk_{key.prefix}/user:{alice.user.pk}"
    assert alice.actor.label == f"user:{alice.user.pk}"


def test_a_person_with_two_roles_picks_one(alice, acme, client):
    user = factories.make_user()
    first = factories.make_member(Role.AFFILIATE, alice.organisation, user)
    second = factories.make_member(Role.ADVERTISER, acme.organisation, user)
    client.force_login(user)
    assert client.get("/api/v1/me").json()["role"] == first.role
    picked = client.get("/api/v1/me", headers={"peraction-membership": str(second.pk)})
    assert picked.json()["role"] == second.role


@pytest.mark.parametrize("membership", ["0", "x", "-1", "9" * 40, "\u0664"])
def test_a_membership_that_is_not_ones_own_is_refused(alice, bob, client, membership):
    client.force_login(alice.user)
    for text in (membership, str(bob.membership.pk)):
        response = client.get("/api/v1/me", headers={"peraction-membership": text})
        assert status_and_code(response) == (403, "membership_unknown")
