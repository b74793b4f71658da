"""`organisations` and `memberships`: roles fit the organisation, and go with their keys."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection, transaction

from network.errors import Unauthenticated
from partners import keys, people
from partners.models import ApiKey, Membership, Role
from tests import factories
from tests.cast import api_client
from tests.factories import PASSWORD
from tests.running import eventually

URL = "/api/v1/memberships"


def closing(verb, *given, **named):
    """What a verb gives in a thread, whose connection is closed with it."""
    try:
        return verb(*given, **named)
    finally:
        connection.close()


def somebody_waits(url):
    """Whether a transaction waits for a lock; asked within one, this would never change."""
    with psycopg.connect(url) as own:
        return own.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone()[0]


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


def test_the_same_role_twice_is_refused(olga, fred):
    body = {"organisation": fred.organisation.pk, "role": "finance", "email": "FRED@test.example"}
    response = olga.api.post(URL, body)
    assert (response.status_code, response.json()["code"]) == (409, "already_member")


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
            eventually(lambda: somebody_waits(fresh_db.url), within_s=10)
        removal.result(10)
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_a_key_that_is_asked_for_during_a_removal_is_not_issued(fresh_db, olga, alice):
    actor = alice.actor
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            people.remove_member(alice.membership, actor=olga.actor)
            issue = pool.submit(closing, keys.issue, actor=actor, name="late", scopes=[])
            eventually(lambda: somebody_waits(fresh_db.url), within_s=10)
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
