"""`payee-methods`: sealed, versioned, and not paid to right after a change."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection

from partners import payees
from partners.models import PayeeMethod
from tests.cast import api_client
from tests.factories import make_key

URL = "/api/v1/payee-methods"
IBAN = "DE89370400440532013000"
OTHER = "GB82WEST12345698765432"
BODY = {"holder": "Alice Example", "iban": IBAN, "country": "DE", "town": "Berlin"}


def account(iban=IBAN):
    return payees.Account(holder="Alice", iban=iban, country="DE")


def test_bank_details_are_sealed_and_shown_by_four_digits(alice):
    response = alice.api.post(URL, BODY | {"iban": "de89 3704 0044 0532 0130 00"})
    assert response.status_code == 201
    assert response.json()["last4"] == "3000"
    row = PayeeMethod.objects.get()
    assert payees.open_account(row) == IBAN
    assert IBAN.encode() not in bytes(row.sealed)
    assert IBAN not in str(PayeeMethod.objects.values().get()) + alice.api.get(URL).content.decode()


def test_a_sealed_account_copied_into_another_row_does_not_open(alice, bob):
    method = payees.replace(alice.affiliate, account(), actor=alice.actor)
    theft = payees.replace(bob.affiliate, account(OTHER), actor=bob.actor)
    theft.sealed = method.sealed
    with pytest.raises(Exception, match="does not open"):
        payees.open_account(theft)


def test_the_first_account_is_usable_at_once_and_a_change_waits(alice, settings):
    settings.PAYEE_COOL_OFF_HOURS = 72
    first = alice.api.post(URL, BODY).json()
    second = alice.api.post(URL, BODY | {"iban": OTHER}).json()
    assert first["usable_from"] == first["created_at"]
    pause = parsed(second["usable_from"]) - parsed(second["created_at"])
    assert pause == timedelta(hours=72)


def parsed(text):
    return datetime.fromisoformat(text)


def test_a_change_supersedes_and_keeps_the_version_before(alice):
    first = alice.api.post(URL, BODY).json()["id"]
    second = alice.api.post(URL, BODY | {"iban": OTHER}).json()
    before = alice.api.get(f"{URL}/{first}").json()
    assert before["superseded_at"] == second["created_at"]
    live = alice.api.get(URL, {"live": "true"}).json()["results"]
    assert [row["id"] for row in live] == [second["id"]]


def test_simultaneous_changes_leave_one_live_version(fresh_db, alice):
    affiliate, actor = alice.affiliate, alice.actor

    def replace(_):
        try:
            payees.replace(affiliate, account(), actor=actor)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(replace, range(6)))
    assert PayeeMethod.objects.count() == 6
    assert PayeeMethod.objects.filter(superseded_at=None).count() == 1


@pytest.mark.parametrize("name", ["olga", "fred", "acme"])
def test_nobody_else_says_where_an_affiliate_is_paid(request, alice, name):
    response = request.getfixturevalue(name).api.post(URL, BODY)
    assert (response.status_code, response.json()["code"]) == (403, "role_not_allowed")


def test_a_machine_does_not_say_where_the_money_goes(alice):
    response = api_client(make_key(alice.membership, personal=False)).post(URL, BODY)
    assert (response.status_code, response.json()["code"]) == (403, "person_required")
    assert not PayeeMethod.objects.exists()


@pytest.mark.parametrize(
    "iban", ["DE89370400440532013001", "DE8937040044053201300", "XX00", "", "4111111111111111"]
)
def test_a_wrong_iban_is_refused_and_not_repeated(alice, iban):
    response = alice.api.post(URL, BODY | {"iban": iban})
    fault = response.json()["errors"][0]
    assert response.status_code == 422
    assert fault["pointer"] == "/iban"
    assert fault["code"] == ("iban_invalid" if iban else "blank")
    assert not iban or iban not in response.content.decode()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"holder": "Alice & Söhne <x>"}, "/holder"),
        ({"holder": "Владимир"}, "/holder"),
        ({"holder": "ß" * 36}, "/holder"),
        ({"town": "山"}, "/town"),
    ],
)
def test_a_name_that_no_bank_file_holds_is_refused_at_once(alice, change, pointer):
    response = alice.api.post(URL, BODY | change)
    faults = [(fault["pointer"], fault["code"]) for fault in response.json()["errors"]]
    assert (response.status_code, faults) == (422, [(pointer, "payee_unfit")])
    assert not PayeeMethod.objects.exists()


def test_a_name_that_the_bank_writes_otherwise_is_kept_as_given(alice):
    response = alice.api.post(URL, BODY | {"holder": "Alice & Söhne", "town": "Łódź"})
    assert (response.status_code, response.json()["holder"]) == (201, "Alice & Söhne")


def test_finance_sees_that_two_affiliates_share_an_account(alice, bob, fred):
    alice.api.post(URL, BODY)
    assert fred.api.get(URL).json()["results"][0]["shared"] is False
    bob.api.post(URL, BODY)
    shared = fred.api.get(URL, {"affiliate": bob.affiliate.pk}).json()["results"]
    assert [row["shared"] for row in shared] == [True]
    assert "shared" not in bob.api.get(URL).json()["results"][0]
