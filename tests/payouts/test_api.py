"""The money over HTTP: from a deposit to a settled run, and what everybody may see of it."""

import hashlib
from datetime import timedelta
from uuid import uuid4

import pytest

from payouts import bank
from payouts.models import Deposit, Journal, PayoutRun
from tests import factories
from tests.amounts import eur
from tests.cast import api_client
from tests.payouts.earning import booking, earn, payable, reverse, sent_run, violations

pytestmark = pytest.mark.django_db
API = "/api/v1"


def post(member, path, body=None, *, key=""):
    headers = {"idempotency-key": key or uuid4().hex}
    return member.api.post(f"{API}/{path}", body or {}, headers=headers)


def get(member, path, **query):
    return member.api.get(f"{API}/{path}", query)


def deposit_body(advertiser, **other):
    given = {
        "advertiser": advertiser.pk,
        "amount": eur("100.00"),
        "bank_ref": uuid4().hex,
        "booked_on": "2026-01-05",
    }
    return given | other


def codes(answer):
    return [error["code"] for error in answer.json()["errors"]]


def booking_body(payout):
    booked = booking(payout)
    return {
        "payout": payout.pk,
        "bank_ref": booked.bank_ref,
        "booked_on": booked.booked_on.isoformat(),
        "amount": eur(booked.amount.text()),
    }


def test_a_run_goes_from_build_to_settled(fred, gina, alice):
    payable(alice.affiliate, "12.345")
    run = post(fred, "payout-runs", {"currency": "EUR"}).json()
    assert (run["state"], run["total"], run["payouts_count"]) == ("draft", eur("12.34"), 1)
    path = f"payout-runs/{run['id']}"
    locked = post(fred, f"{path}/lock").json()
    sha256 = locked["content_sha256"]
    assert post(fred, f"{path}/approve", {"content_sha256": sha256}).json()["code"] == (
        "self_approval"
    )
    assert post(gina, f"{path}/approve", {"content_sha256": sha256}).json()["state"] == "approved"
    file = post(fred, f"{path}/file")
    assert (file.status_code, file.json()["total"]) == (201, eur("12.34"))
    first, second = get(fred, f"{path}/file"), get(gina, f"{path}/file")
    assert first.content == second.content
    assert hashlib.sha256(first.content).hexdigest() == file.json()["sha256"]
    assert first["Content-Type"] == "application/xml"
    assert f"PA-RUN-{run['id']}.xml" in first["Content-Disposition"]
    (payout,) = get(fred, "payouts", run=run["id"]).json()["results"]
    assert (payout["state"], payout["attempts"][0]["state"]) == ("sent", "unknown")
    body = {"bookings": [booking_body(PayoutRun.objects.get().payouts.get())]}
    assert post(fred, f"{path}/settle", body).json()["state"] == "done"
    page = get(fred, path).json()
    assert page["approvals"][0]["actor"] == gina.user.pk
    assert page["payouts"][0]["net"] == eur("12.34")
    assert page["file"]["sha256"] == file.json()["sha256"]
    assert violations() == []


def test_a_run_says_whom_it_left_out(fred, alice, bob):
    payable(alice.affiliate, "12")
    payable(bob.affiliate, "3")
    run = post(fred, "payout-runs", {"currency": "EUR", "minimum": eur("10.00")}).json()
    assert [(skip["reason"], skip["amount"]) for skip in run["skips"]] == [
        ("below_minimum", eur("3.00"))
    ]
    assert get(fred, f"payout-runs/{run['id']}/skips").json()["results"] == run["skips"]


def test_the_list_of_whom_a_run_left_out_comes_in_pages(fred, alice, bob):
    payable(alice.affiliate, "12")
    for affiliate in (bob.affiliate, *(factories.make_affiliate() for _ in range(2))):
        payable(affiliate, "3")
    run = post(fred, "payout-runs", {"currency": "EUR", "minimum": eur("10.00")}).json()
    first = get(fred, f"payout-runs/{run['id']}/skips", limit=2).json()
    assert first["results"] == run["skips"][:2]
    rest = get(fred, f"payout-runs/{run['id']}/skips", cursor=first["next_cursor"]).json()
    assert (rest["results"], rest["next_cursor"]) == (run["skips"][2:], None)
    assert get(fred, f"payout-runs/{run['id'] + 1}/skips").status_code == 404


def test_a_cancelled_run_is_built_again(fred, alice):
    payable(alice.affiliate, "12")
    run = post(fred, "payout-runs", {"currency": "EUR"}).json()
    assert post(fred, "payout-runs", {"currency": "EUR"}).json()["code"] == "nothing_to_pay"
    assert post(fred, f"payout-runs/{run['id']}/cancel").json()["state"] == "cancelled"
    assert post(fred, "payout-runs", {"currency": "EUR"}).status_code == 201


def test_a_rejected_payout_needs_evidence(fred, gina, alice):
    payable(alice.affiliate, "12")
    payout = sent_run(fred, gina).payouts.get()
    assert codes(post(fred, f"payouts/{payout.pk}/reject")) == ["required"]
    rejected = post(fred, f"payouts/{payout.pk}/reject", {"evidence": "AC04"}).json()
    assert (rejected["state"], rejected["attempts"][0]["evidence"]) == ("rejected", "AC04")
    assert post(fred, f"payouts/{payout.pk}/reject", {"evidence": "AC04"}).status_code == 409


def test_a_deposit_is_money_free_to_promise(fred, acme):
    answer = post(fred, "deposits", deposit_body(acme.advertiser))
    assert (answer.status_code, answer.json()["amount"]) == (201, eur("100.00"))
    (balance,) = get(acme, "balances").json()["advertisers"]
    assert (balance["available"], balance["prepaid"]) == (eur("100.00"), eur("100.00"))
    assert get(acme, "deposits").json()["results"] == [answer.json()]


def test_money_for_which_there_is_no_offer_says_so_until_there_is_one(fred, acme):
    posted = post(fred, "deposits", deposit_body(acme.advertiser)).json()
    factories.make_offer(acme.advertiser, currency="USD")
    (waiting,) = get(acme, "balances").json()["advertisers"]
    factories.make_offer(acme.advertiser)
    (usable,) = get(acme, "balances").json()["advertisers"]
    (listed,) = get(acme, "deposits").json()["results"]
    shown = [each["has_offer"] for each in (posted, waiting, usable, listed)]
    assert shown == [False, False, True, True]


def test_a_balance_says_whether_its_currency_can_be_paid_out(fred, alice, bob):
    payable(alice.affiliate, "12")
    payable(bob.affiliate, "12", currency="USD")
    for member, expected in ((alice, [True]), (bob, [False])):
        rows = get(member, "balances").json()["affiliates"]
        assert [row["has_rail"] for row in rows] == expected
    network = get(fred, "balances").json()["network"]
    assert {(row["balance"]["currency"], row["has_rail"]) for row in network} == {
        ("EUR", True),
        ("USD", False),
    }


def test_a_repeated_request_deposits_once(fred, acme):
    body = deposit_body(acme.advertiser)
    first, second = (post(fred, "deposits", body, key="k1") for _ in range(2))
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    assert (Deposit.objects.count(), Journal.objects.count()) == (1, 1)


def test_the_same_booking_is_refused_under_another_key(fred, acme):
    body = deposit_body(acme.advertiser)
    post(fred, "deposits", body)
    answer = post(fred, "deposits", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "deposit_exists")


def test_a_credit_limit_is_set_and_guarded(fred, acme, alice):
    body = {"advertiser": acme.advertiser.pk, "limit": eur("50.00")}
    assert post(fred, "credit-limits", body).json()["limit"] == eur("50.00")
    earn(alice.affiliate, acme.advertiser, "10", revenue="40")
    answer = post(fred, "credit-limits", body | {"limit": eur("39.99")})
    assert (answer.status_code, answer.json()["code"]) == (409, "limit_in_use")


@pytest.mark.parametrize(
    "path",
    [
        "deposits",
        "credit-limits",
        "payout-runs",
        "payout-runs/1/lock",
        "payout-runs/1/approve",
        "payout-runs/1/cancel",
        "payout-runs/1/file",
        "payout-runs/1/settle",
        "payouts/1/reject",
    ],
)
def test_every_write_that_moves_money_wants_an_idempotency_key(fred, path):
    answer = fred.api.post(f"{API}/{path}", {})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": 100}, "money_must_be_string"),
        ({"amount": eur("1.001")}, "amount_too_fine"),
        ({"amount": eur("0.00")}, "amount_not_positive"),
        ({"amount": eur("-5.00")}, "amount_not_positive"),
        ({"amount": {"amount": "5", "currency": "XXX"}}, "unknown_currency"),
        ({"advertiser": 999_999}, "unknown_advertiser"),
        ({"advertiser": "1"}, "invalid"),
        ({"bank_ref": ""}, "blank"),
        ({"bank_ref": "x" * 81}, "max_length"),
        ({"bank_ref": "R1\u200b"}, "bank_ref_invalid"),
        ({"account": "x"}, "unknown_account"),
        ({"booked_on": "yesterday"}, "invalid"),
        ({"booked_on": "2999-01-01"}, "booked_in_future"),
        ({"booked_on": "0001-01-01"}, "day_out_of_range"),
        ({"surprise": 1}, "unknown_field"),
    ],
)
def test_a_bad_deposit_is_refused_and_changes_nothing(fred, acme, change, code):
    answer = post(fred, "deposits", deposit_body(acme.advertiser) | change)
    assert (answer.status_code, codes(answer)) == (422, [code])
    assert not Journal.objects.exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({"currency": "euro"}, "invalid"),
        ({"currency": "JPY"}, "no_rail"),
        ({"currency": "XXX"}, "no_rail"),
        ({"currency": "EUR", "minimum": {"amount": "5", "currency": "USD"}}, "currency_mismatch"),
        ({"currency": "EUR", "cutoff_at": "2999-01-01T00:00:00Z"}, "cutoff_in_future"),
        ({"currency": "EUR", "run": 1}, "unknown_field"),
    ],
)
def test_a_bad_run_is_refused(fred, body, code):
    answer = post(fred, "payout-runs", body)
    assert (answer.status_code, codes(answer)) == (422, [code])


def test_a_bad_settlement_is_refused_with_the_place_of_the_fault(fred, gina, alice):
    payable(alice.affiliate, "12")
    run = sent_run(fred, gina)
    good = booking_body(run.payouts.get())
    path = f"payout-runs/{run.pk}/settle"
    for change, pointer, code in (
        ({"payout": 999}, "/bookings/0/payout", "unknown_payout"),
        ({"payout": 10**30}, "/bookings/0/payout", "max_value"),
        ({"amount": eur("11.99")}, "/bookings/0/amount", "booking_unlike_payout"),
        ({"booked_on": "2999-01-01"}, "/bookings/0/booked_on", "booked_in_future"),
        ({"amount": 12}, "/bookings/0/amount", "money_must_be_string"),
        ({"fee": 12}, "/bookings/0/fee", "unknown_field"),
    ):
        (error,) = post(fred, path, {"bookings": [good | change]}).json()["errors"]
        assert (error["pointer"], error["code"]) == (pointer, code)
    assert codes(post(fred, path, {"bookings": []})) == ["empty"]


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("alice", "deposits"),
        ("alice", "credit-limits"),
        ("alice", "payout-runs"),
        ("acme", "payout-runs"),
        ("acme", "payouts"),
        ("acme", "commissions"),
        ("acme", "statements"),
    ],
)
def test_what_is_not_for_a_role_is_refused(request, who, path):
    answer = get(request.getfixturevalue(who), path)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_not_allowed")


@pytest.mark.parametrize("who", ["alice", "acme", "olga"])
@pytest.mark.parametrize(
    "path",
    [
        "deposits",
        "credit-limits",
        "payout-runs",
        "payout-runs/1/lock",
        "payout-runs/1/approve",
        "payout-runs/1/file",
        "payout-runs/1/settle",
        "payout-runs/1/cancel",
        "payouts/1/reject",
    ],
)
def test_only_finance_moves_money(request, who, path):
    answer = post(request.getfixturevalue(who), path)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_not_allowed")


def test_a_key_needs_the_scope(fred, alice):
    reader = api_client(factories.make_key(fred.membership, scopes=["payouts:read"]))
    headers = {"idempotency-key": "k"}
    for path in ("payout-runs", "payout-runs/1/approve", "deposits"):
        answer = reader.post(f"{API}/{path}", {}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("personal", [True, False])
def test_a_retry_with_a_rotated_key_books_nothing_twice(fred, gina, acme, personal):
    body = {
        "advertiser": acme.advertiser.pk,
        "amount": eur("5.00"),
        "bank_ref": "IN1",
        "booked_on": "2026-01-02",
    }
    headers = {"idempotency-key": "k"}
    old, new = (api_client(factories.make_key(fred.membership, personal=personal)) for _ in "12")
    first, again = (api.post(f"{API}/deposits", body, headers=headers) for api in (old, new))
    assert (first.status_code, again.content) == (201, first.content)
    assert again["Idempotent-Replayed"] == "true"
    other = gina.api.post(f"{API}/deposits", body, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "deposit_exists")


def test_a_key_without_a_person_cannot_approve(fred, gina, alice):
    payable(alice.affiliate, "12")
    run = post(fred, "payout-runs", {"currency": "EUR"}).json()
    sha256 = post(fred, f"payout-runs/{run['id']}/lock").json()["content_sha256"]
    machine = api_client(factories.make_key(gina.membership, personal=False))
    answer = machine.post(
        f"{API}/payout-runs/{run['id']}/approve",
        {"content_sha256": sha256},
        headers={"idempotency-key": "k"},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "person_required")


def test_a_second_key_of_the_maker_is_still_the_maker(fred, alice):
    payable(alice.affiliate, "12")
    run = post(fred, "payout-runs", {"currency": "EUR"}).json()
    sha256 = post(fred, f"payout-runs/{run['id']}/lock").json()["content_sha256"]
    second = api_client(factories.make_key(fred.membership))
    answer = second.post(
        f"{API}/payout-runs/{run['id']}/approve",
        {"content_sha256": sha256},
        headers={"idempotency-key": "k"},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "self_approval")


def test_an_affiliate_sees_its_own_commissions_without_revenue(alice, bob, fred):
    earned = payable(alice.affiliate, "12.345678")
    payable(bob.affiliate, "3")
    (shown,) = get(alice, "commissions").json()["results"]
    assert (shown["state"], shown["commission"]) == ("payable", eur("12.345678"))
    assert not {"revenue", "advertiser", "journal"} & set(shown)
    path = f"commissions/{earned.share.id}"
    assert get(bob, path).status_code == 404
    assert get(fred, path).json()["revenue"] == eur("24.691356")


def test_commissions_are_found_by_conversion_and_state(fred, alice, bob):
    earned = payable(alice.affiliate, "12")
    reverse(earned, "2")
    payable(bob.affiliate, "3")
    found = get(fred, "commissions", conversion=str(earned.conversion_id)).json()["results"]
    assert sorted(each["commission"]["amount"] for each in found) == ["-2.00", "12.00"]
    post(fred, "payout-runs", {"currency": "EUR"})
    found = get(fred, "commissions", state="in_payout").json()["results"]
    assert len(found) == 3
    assert {each["payout"] is None for each in found} == {False}
    assert get(fred, "commissions", state="nonsense").json()["code"] == "invalid_parameter"
    assert get(fred, "commissions", colour="red").json()["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("commissions", {"currency": "nonsense"}, "unknown_currency"),
        ("commissions", {"from": "noon"}, "invalid"),
        ("commissions", {"affiliate": "1.9"}, "invalid_parameter"),
        ("deposits", {"currency": "nonsense"}, "unknown_currency"),
        ("deposits", {"advertiser": "1e400"}, "invalid_parameter"),
        ("payout-runs", {"currency": "eur"}, "unknown_currency"),
        ("payouts", {"run": str(2**63)}, "invalid_parameter"),
        ("postbacks", {"active": "maybe"}, "invalid_choice"),
        ("balances", {"affiliate": "1.9"}, "invalid_parameter"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(fred, path, query, code):
    answer = get(fred, path, **query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (f"?{next(iter(query))}", code)


def test_commissions_are_found_by_the_time_they_were_accrued(fred, alice):
    payable(alice.affiliate, "5")
    assert len(get(fred, "commissions", **{"to": "2999-01-01T00:00:00Z"}).json()["results"]) == 1
    assert get(fred, "commissions", **{"from": "2999-01-01T00:00:00Z"}).json()["results"] == []


def test_a_lock_with_a_body_is_refused_and_locks_nothing(fred, alice):
    payable(alice.affiliate, "12")
    run = post(fred, "payout-runs", {"currency": "EUR"}).json()
    answer = post(fred, f"payout-runs/{run['id']}/lock", {"colour": "red"})
    assert (answer.status_code, codes(answer)) == (422, ["unknown_field"])
    assert PayoutRun.objects.get().state == "draft"


def test_an_affiliate_sees_its_own_payouts_from_the_lock_on(fred, alice, bob):
    payable(alice.affiliate, "12")
    payable(bob.affiliate, "3")
    run = post(fred, "payout-runs", {"currency": "EUR"}).json()
    assert get(alice, "payouts").json()["results"] == []
    post(fred, f"payout-runs/{run['id']}/lock")
    (shown,) = get(alice, "payouts").json()["results"]
    assert (shown["net"], shown["affiliate"]) == (eur("12.00"), alice.affiliate.pk)
    assert "attempts" not in shown
    assert get(bob, f"payouts/{shown['id']}").status_code == 404


def test_everybody_sees_their_own_balances(fred, alice, bob):
    payable(alice.affiliate, "12")
    payable(bob.affiliate, "3")
    own = get(alice, "balances").json()
    assert [each["payable"] for each in own["affiliates"]] == [eur("12.00")]
    assert own["advertisers"] == own["network"] == []
    all_of_them = get(fred, "balances").json()
    assert len(all_of_them["affiliates"]) == 2
    assert {each["kind"] for each in all_of_them["network"]} >= {"bank", "network_revenue"}
    one = get(fred, "balances", affiliate=bob.affiliate.pk).json()
    assert [each["payable"] for each in one["affiliates"]] == [eur("3.00")]


def test_another_partners_balance_is_not_asked_for(alice, bob):
    payable(bob.affiliate, "3")
    for whose in ({"affiliate": bob.affiliate.pk}, {"advertiser": 1}):
        answer = get(alice, "balances", **whose)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_not_allowed")


def test_a_statement_is_for_its_affiliate_and_the_network(fred, alice, bob):
    payable(alice.affiliate, "12")
    (own,) = get(alice, "statements").json()["currencies"]
    assert (own["opening"]["total"], own["closing"]["payable"]) == (eur("0.00"), eur("12.00"))
    assert [line["what"] for line in own["lines"]] == ["earned", "released"]
    seen = get(fred, "statements", affiliate=alice.affiliate.pk).json()["currencies"]
    assert seen == [own]
    assert get(bob, "statements", affiliate=alice.affiliate.pk).status_code == 404
    assert get(fred, "statements").json()["code"] == "invalid_parameter"
    for day in ("soon", "0001-01-01", "9999-12-31"):
        answer = get(alice, "statements", **{"from": day})
        assert answer.json()["code"] == "invalid_parameter"


def test_a_statement_includes_its_first_and_its_last_day(alice):
    payable(alice.affiliate, "12")
    today = bank.today()
    one_day = {"from": str(today), "to": str(today)}
    shown = get(alice, "statements", **one_day).json()
    assert {name: shown[name] for name in one_day} == one_day
    assert shown["currencies"][0]["closing"]["payable"] == eur("12.00")
    backwards = one_day | {"to": str(today - timedelta(days=1))}
    answer = get(alice, "statements", **backwards)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    by_default = get(alice, "statements", to="2026-02-10").json()
    assert (by_default["from"], by_default["to"]) == ("2026-02-01", "2026-02-10")


def test_who_is_nobody_sees_nothing(db):
    for path in ("commissions", "deposits", "balances", "payout-runs", "payouts", "statements"):
        answer = api_client("").get(f"{API}/{path}")
        assert answer.status_code == 401


def test_an_unknown_id_is_not_found(fred):
    for path in ("payout-runs/999", "payouts/999", "deposits/999", f"commissions/{uuid4()}"):
        assert get(fred, path).status_code == 404
    for id in (999, 10**30):
        for verb in ("lock", "cancel", "file"):
            assert post(fred, f"payout-runs/{id}/{verb}").status_code == 404
        assert get(fred, f"payout-runs/{id}").status_code == 404


def test_a_file_that_is_not_there_yet_is_not_found(fred, alice):
    payable(alice.affiliate, "12")
    run = post(fred, "payout-runs", {"currency": "EUR"}).json()
    assert get(fred, f"payout-runs/{run['id']}/file").status_code == 404
