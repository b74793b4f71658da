"""People sign in and out; writes need the CSRF token; no password is found by trying."""

from ipaddress import ip_network

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from partners.models import Role
from tests import factories
from tests.factories import PASSWORD

URL = "/api/v1/session"


pytestmark = pytest.mark.usefixtures("quick_passwords")


@pytest.fixture(autouse=True)
def _fresh_limits():
    cache.clear()


@pytest.fixture
def olga_with_password(olga):
    olga.user.set_password(PASSWORD)
    olga.user.save()
    return olga


@pytest.fixture
def browser(stage):
    return APIClient(enforce_csrf_checks=True)


def sign_in(browser, email="olga@test.example", password=PASSWORD):
    return browser.post(URL, {"email": email, "password": password})


def test_signing_in_shows_who_one_is(olga_with_password, browser):
    response = sign_in(browser, "Olga@Test.Example")
    assert response.status_code == 200
    assert response.json()["role"] == Role.OPERATOR
    assert browser.get("/api/v1/me").json()["person"]["email"] == "olga@test.example"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("olga@test.example", "wrong"),
        ("nobody@test.example", PASSWORD),
        ("olga@test.example\0", "x"),
    ],
)
def test_every_mistake_gets_the_same_answer(olga_with_password, browser, email, password):
    response = sign_in(browser, email, password)
    if "\0" in email:
        assert response.status_code == 422
    else:
        assert (response.status_code, response.json()["code"]) == (401, "sign_in_failed")


def test_an_inactive_person_does_not_get_in(olga_with_password, browser):
    olga_with_password.user.is_active = False
    olga_with_password.user.save()
    assert sign_in(browser).status_code == 401


def test_a_person_without_a_role_does_not_get_in(browser):
    factories.make_user("eve@test.example", password=PASSWORD)
    response = sign_in(browser, "eve@test.example")
    assert (response.status_code, response.json()["code"]) == (403, "membership_unknown")
    assert browser.get("/api/v1/me").status_code == 401


def test_a_write_without_the_csrf_token_changes_nothing(olga_with_password, browser):
    sign_in(browser)
    body = {"code": "carol", "name": "Carol"}
    refused = browser.post("/api/v1/affiliates", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    token = browser.cookies["csrftoken"].value
    accepted = browser.post("/api/v1/affiliates", body, headers={"x-csrftoken": token})
    assert accepted.status_code == 201


def test_after_signing_out_the_session_is_gone(olga_with_password, browser):
    sign_in(browser)
    token = browser.cookies["csrftoken"].value
    assert browser.delete(URL, headers={"x-csrftoken": token}).status_code == 204
    assert browser.get("/api/v1/me").status_code == 401


def test_a_person_whose_last_role_was_taken_away_can_sign_out(olga_with_password, browser):
    sign_in(browser)
    token = {"x-csrftoken": browser.cookies["csrftoken"].value}
    olga_with_password.membership.delete()
    assert browser.get("/api/v1/me").json()["code"] == "membership_unknown"
    assert browser.delete(URL).json()["code"] == "csrf_failed"
    assert browser.delete(URL, headers=token).status_code == 204
    assert browser.get("/api/v1/me").status_code == 401


def test_somebody_else_signs_in_over_a_session_without_a_role(olga_with_password, browser, fred):
    fred.user.set_password(PASSWORD)
    fred.user.save()
    sign_in(browser)
    token = {"x-csrftoken": browser.cookies["csrftoken"].value}
    olga_with_password.membership.delete()
    again = {"email": "olga@test.example", "password": PASSWORD}
    refused = browser.post(URL, again, headers=token)
    assert (refused.status_code, refused.json()["code"]) == (403, "membership_unknown")
    taken = browser.post(URL, again | {"email": "fred@test.example"}, headers=token)
    assert (taken.status_code, taken.json()["role"]) == (200, Role.FINANCE)


def test_a_form_of_another_site_cannot_sign_anybody_in(olga_with_password, browser):
    body = "email=olga@test.example&password=x"
    response = browser.post(URL, body, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 415


def test_ten_tries_a_minute_and_then_none(olga_with_password, browser):
    answers = [sign_in(browser, password="wrong").status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
    assert sign_in(browser).json()["code"] == "rate_limited"


def test_tries_from_many_addresses_are_counted_for_the_account(olga_with_password):
    answers = [
        sign_in(APIClient(REMOTE_ADDR=f"203.0.113.{n}"), password="wrong").status_code
        for n in range(11)
    ]
    assert answers[-1] == 429


def test_tries_through_a_proxy_are_counted_for_the_visitor(olga_with_password, settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]

    def tries(visitor, count):
        client = APIClient(REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": visitor})
        bodies = [{"email": f"{n}@test.example", "password": "wrong"} for n in range(count)]
        return [client.post(URL, body).status_code for body in bodies]

    assert tries("203.0.113.7", 11)[-1] == 429
    assert tries("203.0.113.8", 1) == [401]
    assert tries("203.0.113.7, 203.0.113.9", 1) == [401]


def test_people_sign_in_while_the_cache_is_away(olga_with_password, browser, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nowhere/at/all.sock",
        }
    }
    assert sign_in(browser, password="wrong").status_code == 401
    assert sign_in(browser).status_code == 200


def test_signing_out_takes_no_body(olga_with_password, browser):
    sign_in(browser)
    token = {"x-csrftoken": browser.cookies["csrftoken"].value}
    assert browser.delete(URL, {"everywhere": True}, headers=token).status_code == 422
    assert browser.get("/api/v1/me").status_code == 200
    assert browser.delete(URL, headers=token).status_code == 204


def test_a_changed_password_ends_the_other_sessions(olga_with_password, browser):
    other = APIClient()
    sign_in(browser)
    sign_in(other)
    response = browser.post(
        "/api/v1/me/password",
        {"old": PASSWORD, "new": "another horse battery"},
        headers={"x-csrftoken": browser.cookies["csrftoken"].value},
    )
    assert response.status_code == 204
    assert browser.get("/api/v1/me").status_code == 200
    assert other.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("old", "new", "code", "pointer"),
    [
        ("wrong", "another horse battery", "password_wrong", "/old"),
        (PASSWORD, "short", "password_weak", "/new"),
    ],
)
def test_a_password_change_wants_the_old_one_and_a_strong_one(
    olga_with_password, old, new, code, pointer
):
    response = olga_with_password.api.post("/api/v1/me/password", {"old": old, "new": new})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, code)
    assert problem["errors"][0]["pointer"] == pointer
