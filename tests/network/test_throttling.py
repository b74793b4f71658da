"""Request limits: counted per actor, told in headers, and no reason to fall over."""

import re

import pytest
from django.core.cache import cache

pytestmark = pytest.mark.django_db
BEATS = "/api/v1/heartbeats"


@pytest.fixture(autouse=True)
def _three_a_minute(settings):
    cache.clear()
    settings.API_RATE_PER_MINUTE = 3


def test_every_answer_tells_what_is_left(anna):
    for left in (2, 1, 0):
        answer = anna.get(BEATS)
        assert answer["RateLimit-Policy"] == '"default";q=3;w=60'
        assert re.fullmatch(rf'"default";r={left};t=([1-9]|[1-5]\d|60)', answer["RateLimit"])


def test_beyond_the_limit_comes_a_refusal_with_the_time_to_wait(anna):
    for _ in range(3):
        anna.get(BEATS)
    answer = anna.get(BEATS)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert answer["RateLimit"].startswith('"default";r=0;')


def test_refused_input_is_counted_and_tells_too(anna):
    assert anna.get(BEATS, {"limit": "x"})["RateLimit"].startswith('"default";r=2;')


def test_actors_have_limits_of_their_own(anna, boris):
    for _ in range(4):
        anna.get(BEATS)
    assert boris.get(BEATS).status_code == 200


def left(answer):
    return answer["RateLimit"].split(";")[1]


def test_requests_without_credentials_are_counted_by_address_and_tell_too(nobody, anna):
    answers = [nobody.get(BEATS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert [left(answer) for answer in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert "Retry-After" in answers[3]
    assert nobody.get(BEATS, REMOTE_ADDR="203.0.113.7").status_code == 401
    assert anna.get(BEATS).status_code == 200


def test_an_answer_nobody_would_accept_is_counted_by_address(anna):
    answer = anna.get(BEATS, headers={"accept": "text/html"})
    assert (answer.status_code, left(answer)) == (406, "r=2")
    assert left(anna.get(BEATS)) == "r=2"


def test_a_cache_that_is_away_stops_nobody(anna, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nowhere/at/all.sock",
        }
    }
    assert [anna.get(BEATS).status_code for _ in range(5)] == [200] * 5
