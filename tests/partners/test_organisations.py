"""`organisations` and `memberships`: roles fit the organisation, and go with their keys."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from network.errors import Unauthenticated
from partners import keys, people
from partners.models import ApiKey, Membership, Role
from tests import factories
from tests.cast import api_client
from tests.databases import who_waits
from tests.factories import PASSWORD
from tests.running import eventually

URL = "/api/v1/memberships"


def closing(verb, *given, **named):
    """What a verb gives in a thread, whose connection is closed with it."""
    try:
        return verb(*given, **named)
    finally:
        connection.close()


def test_the_operator_gives_a_role_to_a_new_person(olga, alice):
    body = {"organisation": alice.organisation.pk, "role": "affiliate", "email": "ann@test.example"}
    response = olga.api.post(URL, body | {"password": PASSWORD})
    assert response.status_code == 201
    assert response.json()["person"]["email"] == "ann@test.example"


@pytest.mark.parametrize("role", ["advertiser", "operator", "finance"])
def test_an_affiliates_people_get_no_other_role(olga, alice, role):
    body = {"organisation": alice.organisation.pk, "role": role, "email": alice.user.email}
    response = olga.api.post(URL, body)
    assert (response.status_code, response.json()["code"]) == (422, "role_does_not_fit")


def test_the_same_role_twice_is_refused(olga, network_organisation):
    factories.make_member(
        "operator", network_organisation, factories.make_user("omar@test.example")
    )
    body = {"organisation": network_organisation.pk, "role": "operator"}
    response = olga.api.post(URL, body | {"email": "OMAR@test.example"})
    assert (response.status_code, response.json()["code"]) == (409, "already_member")


@pytest.mark.parametrize("email", ["olga", "alice", "fred", "new"])
def test_an_operator_adds_nobody_to_finance(olga, alice, fred, email):
    body = {"organisation": olga.organisation.pk, "role": "finance"}
    address = f"{email}@test.example"
    response = olga.api.post(URL, body | {"email": address, "password": PASSWORD})
    assert (response.status_code, response.json()["code"]) == (403, "finance_by_console")
    assert Membership.objects.filter(role=Role.FINANCE).count() == 1


@pytest.mark.parametrize("role", ["operator", "affiliate"])
def test_nobody_gives_themselves_a_role(olga, alice, role):
    organisation = alice.organisation if role == "affiliate" else factories.make_organisation()
    body = {"organisation": organisation.pk, "role": role, "email": "OLGA@test.example"}
    response = olga.api.post(URL, body)
    assert (response.status_code, response.json()["code"]) == (409, "own_membership")


@pytest.mark.parametrize(
    ("has", "role"),
    [
        ("operator", "finance"),
        ("finance", "operator"),
        ("operator", "affiliate"),
        ("finance", "advertiser"),
        ("affiliate", "operator"),
        ("affiliate", "finance"),
        ("advertiser", "operator"),
        ("advertiser", "finance"),
    ],
)
def test_deals_money_and_partners_are_three_peoples(alice, acme, network_organisation, has, role):
    whose = {"affiliate": alice.organisation, "advertiser": acme.organisation}
    user = factories.make_member(has, whose.get(has, network_organisation)).user
    with pytest.raises(people.RolesApart):
        people.add_member(
            organisation=whose.get(role, network_organisation), role=Role(role), email=user.email
        )
    assert user.memberships.get().role == has


def test_partners_may_share_a_person(olga, alice, acme):
    body = {"organisation": acme.organisation.pk, "role": "advertiser", "email": alice.user.email}
    assert olga.api.post(URL, body).status_code == 201


def test_the_networks_people_are_nobodys_first_person(olga, fred):
    body = {"code": "new", "name": "New", "person": {"email": fred.user.email}}
    response = olga.api.post("/api/v1/affiliates", body)
    assert (response.status_code, response.json()["code"]) == (409, "roles_apart")
    assert response.json()["errors"][0]["pointer"] == "/person/email"


def test_of_two_roles_given_at_once_one_is_refused(fresh_db, network_organisation):
    user = factories.make_user()
    given = {"organisation": network_organisation, "email": user.email}
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            people.add_member(**given, role=Role.FINANCE)
            second = pool.submit(closing, people.add_member, **given, role=Role.OPERATOR)
            eventually(lambda: who_waits(fresh_db.url), within_s=10)
        with pytest.raises(people.RolesApart):
            second.result(10)
    assert user.memberships.get().role == Role.FINANCE


def test_a_removed_role_takes_its_keys_along(olga, fred):
    assert olga.api.delete(f"{URL}/{fred.membership.pk}").status_code == 204
    assert fred.api.get("/api/v1/me").status_code == 401


def test_the_keys_of_a_removed_role_stay_dead_when_it_is_given_again(olga, alice):
    assert olga.api.delete(f"{URL}/{alice.membership.pk}").status_code == 204
    body = {"organisation": alice.organisation.pk, "role": "affiliate", "email": alice.user.email}
    assert olga.api.post(URL, body).status_code == 201
    assert alice.api.get("/api/v1/me").status_code == 401
    assert ApiKey.objects.get(user=alice.user).revoked_at is not None


def test_a_removed_role_leaves_other_keys_alone(olga, alice, bob):
    second = factories.make_member(Role.AFFILIATE, bob.organisation, alice.user)
    others = [
        factories.make_key(second),
        factories.make_key(alice.membership, personal=False),
        bob.key,
    ]
    assert olga.api.delete(f"{URL}/{alice.membership.pk}").status_code == 204
    assert [api_client(key).get("/api/v1/me").status_code for key in others] == [200] * 3


def test_who_has_been_removed_issues_no_key(olga, alice):
    actor = alice.actor
    people.remove_member(alice.membership, actor=olga.actor)
    for personal in (True, False):
        with pytest.raises(Unauthenticated):
            keys.issue(actor=actor, name="late", scopes=["links:read"], personal=personal)


def test_a_key_that_is_issued_before_a_removal_ends_with_it(fresh_db, olga, alice):
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            key, _ = keys.issue(actor=alice.actor, name="late", scopes=["links:read"])
            removal = pool.submit(closing, people.remove_member, alice.membership, actor=olga.actor)
            eventually(lambda: who_waits(fresh_db.url), within_s=10)
        removal.result(10)
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_a_key_that_is_asked_for_during_a_removal_is_not_issued(fresh_db, olga, alice):
    actor = alice.actor
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            people.remove_member(alice.membership, actor=olga.actor)
            issue = pool.submit(closing, keys.issue, actor=actor, name="late", scopes=[])
            eventually(lambda: who_waits(fresh_db.url), within_s=10)
        with pytest.raises(Unauthenticated):
            issue.result(10)


def test_nobody_takes_their_own_role_away(olga):
    response = olga.api.delete(f"{URL}/{olga.membership.pk}")
    assert (response.status_code, response.json()["code"]) == (409, "own_membership")
    assert Membership.objects.filter(role=Role.OPERATOR).exists()


def test_people_see_their_colleagues_alone(alice, bob, olga):
    people = [row["person"]["email"] for row in alice.api.get(URL).json()["results"]]
    assert people == [alice.user.email]
    assert len(olga.api.get(URL).json()["results"]) == 3
    filtered = olga.api.get(URL, {"organisation": bob.organisation.pk}).json()["results"]
    assert [row["id"] for row in filtered] == [bob.membership.pk]


def test_organisations_are_for_the_networks_people(olga, fred, alice, acme):
    assert len(olga.api.get("/api/v1/organisations").json()["results"]) == 3
    assert fred.api.get(f"/api/v1/organisations/{alice.organisation.pk}").status_code == 200
    assert acme.api.get("/api/v1/organisations").status_code == 403
