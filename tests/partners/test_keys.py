"""`api-keys`: issued within the issuer's rights, shown once, turned over, revoked for good."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from network import clock
from partners import keys
from partners.models import ApiKey
from tests import factories
from tests.cast import api_client

URL = "/api/v1/api-keys"


def test_an_issued_key_works_and_is_never_shown_again(alice):
    issued = alice.api.post(URL, {"name": "site", "scopes": ["links:read"]})
    assert issued.status_code == 201
    key = issued.json()
    bearer = key.pop("key")
    assert alice.api.get(f"{URL}/{key['id']}").json() == key
    assert api_client(bearer).get("/api/v1/links").status_code == 200


def test_a_key_acts_for_its_person_unless_told_otherwise(alice):
    personal = alice.api.post(URL, {"name": "a", "scopes": ["links:read"]}).json()
    machine = alice.api.post(URL, {"name": "b", "scopes": ["links:read"], "personal": False}).json()
    assert (personal["person"], machine["person"]) == (alice.user.pk, None)


def test_a_key_says_who_was_shown_it(alice, bob, olga):
    body = {"name": "b", "scopes": ["links:read", "keys:write"], "personal": False}
    machine = alice.api.post(URL, body).json()
    second = api_client(machine["key"]).post(URL, body | {"name": "c"}).json()
    assert (machine["issuer"], second["issuer"]) == (alice.user.pk, None)
    bob.api.post(URL, body)
    found = olga.api.get(URL, {"issuer": alice.user.pk}).json()["results"]
    assert [key["id"] for key in found] == [machine["id"]]


def test_a_machines_key_cannot_issue_a_persons(alice):
    api = api_client(factories.make_key(alice.membership, personal=False))
    response = api.post(URL, {"name": "a", "scopes": ["links:read"]})
    assert (response.status_code, response.json()["code"]) == (403, "person_required")


@pytest.mark.parametrize(
    ("scope", "status", "code"),
    [("payouts:approve", 403, "scope_not_held"), ("links:fly", 422, "unknown_scope")],
)
def test_no_key_gets_more_than_its_role(alice, scope, status, code):
    response = alice.api.post(URL, {"name": "a", "scopes": ["links:read", scope]})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["errors"][0]["pointer"] == "/scopes"


def test_no_key_gives_more_than_it_has(alice):
    api = api_client(factories.make_key(alice.membership, scopes=["keys:write", "links:read"]))
    response = api.post(URL, {"name": "a", "scopes": ["links:write"]})
    assert (response.status_code, response.json()["code"]) == (403, "scope_not_held")


def test_a_key_that_ends_cannot_live_on_in_another(alice):
    end = clock.now() + timedelta(days=1)
    api = api_client(factories.make_key(alice.membership, expires_at=end))
    body = {"name": "a", "scopes": ["links:read"]}
    for expires_at in (None, (end + timedelta(seconds=1)).isoformat()):
        response = api.post(URL, body | {"expires_at": expires_at})
        assert (response.status_code, response.json()["code"]) == (422, "expiry_invalid")
    assert api.post(URL, body | {"expires_at": end.isoformat()}).status_code == 201


def test_a_key_cannot_end_before_it_begins(alice):
    body = {"name": "a", "scopes": ["links:read"], "expires_at": "2020-01-01T00:00:00Z"}
    assert alice.api.post(URL, body).json()["code"] == "expiry_invalid"


def test_two_keys_of_a_name_live_at_once_and_a_third_does_not(alice):
    body = {"name": "site", "scopes": ["links:read"]}
    ids = [alice.api.post(URL, body).json()["id"] for _ in range(2)]
    response = alice.api.post(URL, body)
    assert (response.status_code, response.json()["code"]) == (409, "too_many_live_keys")
    assert alice.api.delete(f"{URL}/{ids[0]}").status_code == 204
    assert alice.api.post(URL, body).status_code == 201


def test_simultaneous_requests_do_not_pass_the_limit(fresh_db, alice):
    def issue(_):
        try:
            return keys.issue(actor=alice.actor, name="site", scopes=["links:read"])
        except keys.TooManyLiveKeys:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(issue, range(8)))
    assert ApiKey.objects.filter(name="site").count() == 2


def test_a_revoked_key_is_dead_and_stays_listed(alice):
    issued = alice.api.post(URL, {"name": "site", "scopes": ["links:read"]}).json()
    assert alice.api.delete(f"{URL}/{issued['id']}").status_code == 204
    assert api_client(issued["key"]).get("/api/v1/links").status_code == 401
    revoked = alice.api.get(URL, {"revoked": "true"}).json()["results"]
    assert [key["id"] for key in revoked] == [issued["id"]]
    again = alice.api.delete(f"{URL}/{issued['id']}")
    assert (again.status_code, again.json()["code"]) == (409, "illegal_move")


def test_a_retried_request_shows_the_same_key(alice):
    body = {"name": "site", "scopes": ["links:read"]}
    answers = [
        alice.api.post(URL, body, headers={"idempotency-key": "once"}).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert ApiKey.objects.filter(name="site").count() == 1


def test_a_lesser_key_is_not_shown_what_another_has_issued(alice):
    lesser = api_client(factories.make_key(alice.membership, scopes=["keys:write"]))
    body = {"name": "site", "scopes": ["links:read"]}
    assert alice.api.post(URL, body, headers={"idempotency-key": "once"}).status_code == 201
    answer = lesser.post(URL, body, headers={"idempotency-key": "once"})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_not_held")


def test_colleagues_share_keys_and_other_roles_do_not_see_them(alice, bob, fred, olga):
    fred.api.post(URL, {"name": "bank", "scopes": ["payouts:read"]})
    assert alice.api.get(URL, {"name": "bank"}).json()["results"] == []
    assert bob.api.get(URL, {"name": "bank"}).json()["results"] == []
    assert len(olga.api.get(URL, {"name": "bank"}).json()["results"]) == 1
