"""`organisations` and `memberships`: roles fit the organisation, and go with their keys."""

import pytest

from partners.models import Membership, Role
from tests.factories import PASSWORD

URL = "/api/v1/memberships"


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
