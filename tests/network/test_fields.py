"""Money and rates on the wire."""

from types import SimpleNamespace

import pytest
from rest_framework.serializers import ValidationError

from network.api.fields import MoneyField, MoneyOf, RateField
from network.money import Money
from tests.network.endpoints import AmountSerializer


def code(field, value):
    with pytest.raises(ValidationError) as refused:
        field.run_validation(value)
    return refused.value.get_codes()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12.34, ["money_must_be_string"]),
        (True, ["money_must_be_string"]),
        ({"amount": 12, "currency": "EUR"}, ["money_must_be_string"]),
        ({"amount": "12.345", "currency": "EUR"}, ["amount_too_fine"]),
        ({"amount": "1.5", "currency": "JPY"}, ["amount_too_fine"]),
        ({"amount": "1,5", "currency": "EUR"}, ["amount_invalid"]),
        ({"amount": "1", "currency": "EURO"}, ["unknown_currency"]),
        ({"amount": "1", "currency": None}, ["unknown_currency"]),
        ({"amount": "0", "currency": "EUR"}, ["amount_not_positive"]),
        ({"amount": "-1", "currency": "EUR"}, ["amount_not_positive"]),
        ({"amount": "1000000000.01", "currency": "EUR"}, ["amount_too_large"]),
        ({"amount": "9" * 20, "currency": "EUR"}, ["amount_too_large"]),
        ({"amount": "1"}, ["invalid"]),
        ("12.34 EUR", ["invalid"]),
        ([], ["invalid"]),
        ({"amount": "1", "currency": "EUR", "vat": "0"}, {"vat": ["unknown_field"]}),
    ],
)
def test_what_is_no_money_has_a_code(value, expected):
    assert code(MoneyField(), value) == expected


def test_money_comes_in_and_goes_out_the_same():
    wire = {"amount": "12.34", "currency": "EUR"}
    money = MoneyField().run_validation(wire)
    assert money == Money(12_340_000, "EUR")
    assert MoneyField().to_representation(money) == wire


def test_bounds_are_the_endpoints_to_set():
    zero, minus = {"amount": "0", "currency": "EUR"}, {"amount": "-1", "currency": "EUR"}
    assert MoneyField(least=0).run_validation(zero).micros == 0
    assert code(MoneyField(least=0), minus) == ["amount_too_small"]
    assert MoneyField(least=-5).run_validation(minus).micros == -1_000_000


def test_two_columns_are_shown_as_money():
    row = SimpleNamespace(commission_micros=3_500, offer=SimpleNamespace(currency="USD"))
    shown = AmountSerializer(row).data
    assert shown == {"commission": {"amount": "0.0035", "currency": "USD"}}


def test_no_amount_is_shown_as_none():
    assert MoneyOf("micros").to_representation({"micros": None, "currency": "EUR"}) is None


@pytest.mark.parametrize(
    ("text", "ppm", "canonical"),
    [("7.3333", 73_333, "7.3333"), ("10", 100_000, "10"), ("0.50", 5_000, "0.5"), ("0", 0, "0")],
)
def test_a_rate_is_a_percentage(text, ppm, canonical):
    assert RateField().run_validation(text) == ppm
    assert RateField().to_representation(ppm) == canonical


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7.5, "rate_must_be_string"),
        ("7.33333", "rate_too_fine"),
        ("100.0001", "rate_too_large"),
        ("-1", "rate_invalid"),
        ("7%", "rate_invalid"),
        ("", "rate_invalid"),
    ],
)
def test_what_is_no_rate_has_a_code(value, expected):
    assert code(RateField(), value) == [expected]
