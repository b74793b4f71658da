"""`advertisers`: brought in by the operator, paused, closed; their report secrets turned over."""

import hashlib

import pytest

from network import clock, crypto
from partners import parties
from partners.models import Advertiser, Membership, Organisation, ReportKey, Role, User
from partners.snapshot import report_key_aad
from tests import factories
from tests.factories import PASSWORD

URL = "/api/v1/advertisers"
PERSON = {"email": "Dora@Test.Example", "name": "Dora", "password": PASSWORD}


def test_an_advertiser_comes_with_organisation_person_and_token(olga):
    response = olga.api.post(URL, {"code": "delta", "name": "Delta", "person": PERSON})
    assert response.status_code == 201
    advertiser = Advertiser.objects.get(code="delta")
    token = response.json()["report_token"]
    assert advertiser.report_token_digest == hashlib.sha256(token.encode()).hexdigest()
    membership = Membership.objects.get(organisation=advertiser.organisation)
    assert (membership.user.email, membership.role) == ("dora@test.example", Role.ADVERTISER)
    assert membership.user.check_password(PASSWORD)


def test_a_person_whom_the_network_knows_brings_no_password(olga, acme):
    known = {"email": acme.user.email}
    body = {"code": "delta", "name": "Delta", "person": known}
    assert olga.api.post(URL, body).status_code == 201
    again = olga.api.post(URL, body | {"code": "echo", "person": known | {"password": PASSWORD}})
    assert (again.status_code, again.json()["code"]) == (422, "person_exists")


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"code": "acme"}, "code_taken", "/code"),
        ({"person": {"email": "dora@test.example"}}, "password_missing", "/person/password"),
        ({"person": PERSON | {"password": "password1234"}}, "password_weak", "/person/password"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(olga, acme, change, code, pointer):
    counts = [kind.objects.count() for kind in (Organisation, Advertiser, User, Membership)]
    response = olga.api.post(URL, {"code": "delta", "name": "Delta", "person": PERSON} | change)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert {fault["pointer"] for fault in response.json()["errors"]} == {pointer}
    assert counts == [kind.objects.count() for kind in (Organisation, Advertiser, User, Membership)]


def test_only_the_operator_brings_in_and_closes(olga, acme, fred, alice):
    for somebody in (acme, fred, alice):
        assert somebody.api.post(URL, {}).status_code == 403
        assert somebody.api.patch(f"{URL}/{acme.advertiser.pk}", {}).status_code == 403
    paused = olga.api.patch(f"{URL}/{acme.advertiser.pk}", {"status": "paused"})
    assert paused.json()["status"] == "paused"


def test_closed_is_for_good(olga, acme):
    url = f"{URL}/{acme.advertiser.pk}"
    assert olga.api.patch(url, {"status": "closed"}).status_code == 200
    response = olga.api.patch(url, {"status": "active"})
    assert (response.status_code, response.json()["code"]) == (409, "illegal_move")
    assert olga.api.get(url).json()["status"] == "closed"


def test_a_new_report_token_ends_the_old_one(acme):
    url = f"{URL}/{acme.advertiser.pk}/report-token"
    tokens = {acme.api.post(url).json()["report_token"] for _ in range(2)}
    digest = Advertiser.objects.get(code="acme").report_token_digest
    assert len(tokens) == 2
    assert digest in {hashlib.sha256(token.encode()).hexdigest() for token in tokens}
    assert not any(token in acme.api.get(URL).content.decode() for token in tokens)


def test_a_report_keys_secret_is_shown_once_and_kept_sealed(acme):
    url = f"{URL}/{acme.advertiser.pk}/report-keys"
    issued = acme.api.post(url, {"key_id": "k1"}).json()
    row = ReportKey.objects.get()
    aad = report_key_aad(acme.advertiser.pk, "k1")
    assert crypto.open_(row.sealed_secret, aad=aad) == issued["secret"].encode()
    assert issued["secret"].encode() not in bytes(row.sealed_secret)
    assert issued["secret"] not in acme.api.get(url).content.decode()


def test_a_sealed_secret_does_not_open_for_another_advertiser(acme, rival):
    key, _ = parties.add_report_key(acme.advertiser, key_id="k1")
    with pytest.raises(crypto.Unreadable):
        crypto.open_(key.sealed_secret, aad=report_key_aad(rival.advertiser.pk, "k1"))


def test_two_report_keys_live_at_once_and_a_third_does_not(acme):
    url = f"{URL}/{acme.advertiser.pk}/report-keys"
    first = acme.api.post(url, {}).json()
    assert acme.api.post(url, {}).status_code == 201
    third = acme.api.post(url, {})
    assert (third.status_code, third.json()["code"]) == (409, "too_many_report_keys")
    assert acme.api.delete(f"{url}/{first['id']}").status_code == 204
    assert acme.api.delete(f"{url}/{first['id']}").status_code == 409
    assert acme.api.post(url, {}).status_code == 201


def test_a_report_key_id_is_never_used_twice(acme):
    url = f"{URL}/{acme.advertiser.pk}/report-keys"
    first = acme.api.post(url, {"key_id": "k1"}).json()
    acme.api.delete(f"{url}/{first['id']}")
    assert acme.api.post(url, {"key_id": "k1"}).json()["code"] == "code_taken"


def test_signing_needs_a_key_and_there_is_no_way_back(acme):
    url = f"{URL}/{acme.advertiser.pk}"
    refused = acme.api.post(f"{url}/require-signatures")
    assert (refused.status_code, refused.json()["code"]) == (409, "report_key_missing")
    key = acme.api.post(f"{url}/report-keys", {}).json()
    assert acme.api.post(f"{url}/require-signatures").json()["report_auth"] == "hmac"
    assert acme.api.post(f"{url}/report-token").json()["code"] == "no_report_token"
    last = acme.api.delete(f"{url}/report-keys/{key['id']}")
    assert (last.status_code, last.json()["code"]) == (409, "report_key_needed")


def test_an_expired_report_key_makes_room(acme):
    for key_id in ("k1", "k2"):
        parties.add_report_key(acme.advertiser, key_id=key_id)
    ReportKey.objects.filter(key_id="k1").update(expires_at=clock.now())
    assert parties.add_report_key(acme.advertiser, key_id="k3")[0].key_id == "k3"


def test_an_advertiser_sees_itself_alone(acme, rival, fred):
    assert [row["code"] for row in acme.api.get(URL).json()["results"]] == ["acme"]
    assert len(fred.api.get(URL).json()["results"]) == 2
    assert fred.api.get(URL, {"code": "rival"}).json()["results"][0]["id"] == rival.advertiser.pk


def test_a_partner_in_the_factories_is_a_partner_by_onboarding(stage):
    made = factories.make_advertiser("one")
    onboarded, _ = parties.onboard_advertiser(code="two", name="Two")
    assert made.status == onboarded.status
    assert made.report_auth == onboarded.report_auth
