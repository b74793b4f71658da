"""Every answer of the real API is counted and says what is left, whoever asked for whatever."""

from ipaddress import ip_network

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from partners import keys


@pytest.fixture(autouse=True)
def _three_a_minute(settings):
    cache.clear()
    settings.API_RATE_PER_MINUTE = 3


def told(answer):
    return answer.status_code, answer["RateLimit"].split(";")[1]


def test_what_an_actor_may_not_do_is_counted_too(alice):
    answers = [told(alice.api.get("/api/v1/deposits")) for _ in range(4)]
    assert answers == [(403, "r=2"), (403, "r=1"), (403, "r=0"), (429, "r=0")]


def test_a_second_key_makes_nobody_another(alice):
    _, other = keys.issue(actor=alice.actor, name="second", scopes=[])
    assert told(alice.api.get("/api/v1/me")) == (200, "r=2")
    second = APIClient(headers={"authorization": f"Bearer {other}"})
    assert told(second.get("/api/v1/me")) == (200, "r=1")


def test_bad_keys_are_counted_by_address_and_stop_no_good_one(alice):
    stranger = APIClient(headers={"authorization": "Bearer pk_none_none"})
    answers = [told(stranger.get("/api/v1/me")) for _ in range(4)]
    assert answers == [(401, "r=2"), (401, "r=1"), (401, "r=0"), (429, "r=0")]
    assert told(alice.api.get("/api/v1/me")) == (200, "r=2")


def test_bad_keys_through_a_proxy_are_counted_for_the_visitor(stage, settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    for visitor in ("203.0.113.7", "203.0.113.8"):
        client = APIClient(REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": visitor})
        assert told(client.get("/api/v1/me")) == (401, "r=2")


def test_what_is_limited_more_tightly_is_counted_with_the_rest(alice):
    assert told(APIClient().delete("/api/v1/session")) == (204, "r=2")
    body = {"old": "wrong", "new": "another horse battery"}
    assert told(alice.api.post("/api/v1/me/password", body)) == (422, "r=2")


def test_the_schema_is_counted(stage):
    assert told(APIClient().get("/api/v1/schema")) == (200, "r=2")


def test_a_session_without_a_role_is_counted_by_address(olga):
    browser = APIClient()
    browser.force_login(olga.user)
    olga.membership.delete()
    assert told(browser.get("/api/v1/me")) == (403, "r=2")
