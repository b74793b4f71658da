"""`link-keys`: shown once, two at a time, ended at once or when their last link has run out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.dateparse import parse_datetime

from network import clock, crypto
from partners import link_keys
from partners.models import LinkKey
from partners.snapshot import link_key_aad

URL = "/api/v1/link-keys"


def later(hours=1):
    return (clock.now() + timedelta(hours=hours)).isoformat()


def test_a_secret_is_shown_once_and_sealed(alice):
    made = alice.api.post(URL, {"key_id": "site"})
    shown = made.json()
    secret = shown.pop("secret")
    assert (made.status_code, shown["key_id"], shown["expires_at"]) == (201, "site", None)
    assert alice.api.get(f"{URL}/{shown['id']}").json() == shown
    key = LinkKey.objects.get()
    aad = link_key_aad(alice.affiliate.pk, "site")
    assert secret.encode() not in bytes(key.sealed_secret)
    assert crypto.open_(key.sealed_secret, aad=aad) == secret.encode()


def test_an_id_is_made_up_and_is_not_used_twice(alice, bob):
    assert alice.api.post(URL, {}).json()["key_id"]
    taken = alice.api.post(URL, {"key_id": alice.api.get(URL).json()["results"][0]["key_id"]})
    assert taken.json()["code"] == "link_key_taken"
    assert bob.api.post(URL, {"key_id": LinkKey.objects.get().key_id}).status_code == 201


def test_two_keys_live_at_once_and_a_third_does_not(alice):
    ids = [alice.api.post(URL, {}).json()["id"] for _ in range(2)]
    third = alice.api.post(URL, {})
    assert (third.status_code, third.json()["code"]) == (409, "too_many_link_keys")
    assert alice.api.delete(f"{URL}/{ids[0]}").status_code == 204
    assert alice.api.post(URL, {}).status_code == 201


def test_simultaneous_requests_do_not_pass_the_limit(fresh_db, alice):
    def add(_):
        try:
            return alice.api.post(URL, {}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(add, range(5))) == [201, 201, 409, 409, 409]


def test_the_operator_adds_a_key_for_an_affiliate(olga, alice):
    assert olga.api.post(URL, {}).json()["errors"][0]["code"] == "required"
    made = olga.api.post(URL, {"affiliate": alice.affiliate.pk}).json()
    assert made["affiliate"] == alice.affiliate.pk


def test_a_key_ends_later_and_says_until_when_its_links_run(alice):
    key = alice.api.post(URL, {}).json()
    end = later()
    ended = alice.api.patch(f"{URL}/{key['id']}", {"expires_at": end}).json()
    assert parse_datetime(ended["expires_at"]) == parse_datetime(end)
    assert LinkKey.objects.get().expires_at == parse_datetime(end)


@pytest.mark.parametrize("end", ["2020-01-01T00:00:00Z", None])
def test_a_key_does_not_end_in_the_past(alice, end):
    end = end or clock.now().isoformat()
    key = alice.api.post(URL, {}).json()
    problems = [
        alice.api.post(URL, {"expires_at": end}),
        alice.api.patch(f"{URL}/{key['id']}", {"expires_at": end}),
    ]
    assert [problem.json()["code"] for problem in problems] == ["link_key_end_invalid"] * 2


def test_a_key_that_has_ended_stays_so(alice):
    key = alice.api.post(URL, {}).json()
    address = f"{URL}/{key['id']}"
    assert alice.api.delete(address).status_code == 204
    assert alice.api.delete(address).json()["code"] == "illegal_move"
    assert alice.api.patch(address, {"expires_at": later()}).json()["code"] == "illegal_move"
    assert LinkKey.objects.get().expires_at <= clock.now()


def test_keys_are_found_by_affiliate(olga, alice, bob):
    link_keys.add(affiliate=alice.affiliate)
    key, _ = link_keys.add(affiliate=bob.affiliate)
    found = olga.api.get(URL, {"affiliate": bob.affiliate.pk}).json()["results"]
    assert [row["id"] for row in found] == [key.pk]
