"""Money is exact or an error."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from network import errors
from network.currencies import EXPONENTS
from network.money import (
    LIMIT_MICROS,
    MICROS,
    PPM,
    Money,
    format_micros,
    parse_micros,
    share_micros,
)

currencies = st.sampled_from(sorted(EXPONENTS))
micros = st.integers(min_value=-LIMIT_MICROS + 1, max_value=LIMIT_MICROS - 1)
moneys = st.builds(Money, micros, currencies)


@given(micros, st.integers(0, PPM))
@example(1, 500_000)
@example(-1, 500_000)
def test_a_share_is_the_nearest_micro_and_half_goes_away_from_zero(amount, ppm):
    exact = Fraction(amount * ppm, PPM)
    nearest = int(abs(exact) + Fraction(1, 2))
    assert share_micros(amount, ppm) == (nearest if exact >= 0 else -nearest)


@given(moneys)
def test_what_is_printed_reads_back_the_same(money):
    assert Money.parse(money.text(), money.currency, places=6) == money
    assert Decimal(money.text()) == Decimal(money.micros) / MICROS


@given(moneys)
def test_minor_units_and_the_rest_are_the_whole(money):
    minor, rest = money.to_minor_floor()
    step = MICROS // 10 ** EXPONENTS[money.currency]
    assert minor * step + rest.micros == money.micros
    assert 0 <= rest.micros < step


def test_minor_units_are_money():
    assert Money.from_minor(1_234, "EUR") == Money.parse("12.34", "EUR")
    assert Money.from_minor(1_234, "KWD") == Money.parse("1.234", "KWD")
    with pytest.raises(errors.Inexact):
        Money.from_minor(12.34, "EUR")


@pytest.mark.parametrize("value", [1.0, Decimal(1), True, "1", None])
def test_only_whole_numbers_of_micros_are_money(value):
    with pytest.raises(errors.Inexact):
        Money(value, "EUR")


@pytest.mark.parametrize(
    ("text", "currency", "expected"),
    [
        ("12.34", "EUR", 12_340_000),
        ("12.3400", "EUR", 12_340_000),
        ("-0.01", "EUR", -10_000),
        ("007", "JPY", 7_000_000),
        ("1.234", "KWD", 1_234_000),
        ("1.2345", "CLF", 1_234_500),
        ("-0", "EUR", 0),
    ],
)
def test_amounts_are_read_exactly(text, currency, expected):
    assert Money.parse(text, currency).micros == expected


@pytest.mark.parametrize(
    ("text", "currency", "error"),
    [
        ("12.345", "EUR", errors.AmountTooFine),
        ("1.5", "JPY", errors.AmountTooFine),
        ("9223372036854.775808", "EUR", errors.AmountTooFine),
        ("9223372036855", "EUR", errors.AmountTooLarge),
        ("1e3", "EUR", errors.AmountInvalid),
        ("1,50", "EUR", errors.AmountInvalid),
        (" 1", "EUR", errors.AmountInvalid),
        ("+1", "EUR", errors.AmountInvalid),
        ("1.", "EUR", errors.AmountInvalid),
        ("NaN", "EUR", errors.AmountInvalid),
        ("١", "EUR", errors.AmountInvalid),
        ("9" * 5000, "EUR", errors.AmountInvalid),
        (12.34, "EUR", errors.MoneyNotString),
        (None, "EUR", errors.MoneyNotString),
        ("1", "eur", errors.UnknownCurrency),
        ("1", "XXX", errors.UnknownCurrency),
        ("1", ["EUR"], errors.UnknownCurrency),
    ],
)
def test_what_is_no_exact_amount_is_refused(text, currency, error):
    with pytest.raises(error):
        Money.parse(text, currency)


def test_an_amount_of_a_currency_yet_unknown_has_the_decimals_that_are_asked_for():
    assert parse_micros("1.234560", places=5) == 1_234_560
    with pytest.raises(errors.AmountTooFine, match="at most 5 decimals"):
        parse_micros("1.234567", places=5)


@pytest.mark.parametrize(
    ("micros", "currency", "text"),
    [
        (12_340_000, "EUR", "12.34"),
        (12_000_000, "EUR", "12.00"),
        (3_500, "USD", "0.0035"),
        (-7_000_000, "JPY", "-7"),
        (500_000, "JPY", "0.5"),
        (1, "KWD", "0.000001"),
    ],
)
def test_amounts_are_written_with_the_decimals_of_their_currency(micros, currency, text):
    assert format_micros(micros, currency) == text


def test_fixed_places_drop_no_digit():
    assert format_micros(12_300_000, "EUR", places=6) == "12.300000"
    with pytest.raises(errors.Inexact):
        format_micros(12_345_000, "EUR", places=2)


def test_two_currencies_never_meet():
    euro, dollar = Money(1, "EUR"), Money(1, "USD")
    assert euro != dollar
    for meet in (lambda: euro + dollar, lambda: euro - dollar, lambda: euro < dollar):
        with pytest.raises(errors.CurrencyMismatch):
            meet()


def test_sums_beyond_a_bigint_are_refused():
    most = Money(LIMIT_MICROS - 1, "EUR")
    with pytest.raises(errors.AmountTooLarge):
        most + Money(1, "EUR")


def test_amounts_add_order_and_turn():
    one, two = Money.parse("1", "EUR"), Money.parse("2.50", "EUR")
    assert one + two == Money.parse("3.50", "EUR")
    assert one - two == Money.parse("-1.50", "EUR") == -(two - one)
    assert one < two
    assert one <= two
    assert str(two) == "2.50 EUR"
