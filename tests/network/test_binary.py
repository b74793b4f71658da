"""COPY's binary format: what goes in comes out of PostgreSQL, and rows are told apart."""

from datetime import timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from network import binary
from network.clock import EPOCH

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
TEXTS = st.lists(st.none() | TEXT, min_size=1)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
TYPES = "id uuid, number bigint, at timestamptz, word text, words text[], ip inet"


@given(st.uuids(), st.tuples(NUMBERS, st.integers(0, 2**41)), TEXT, TEXTS, st.ip_addresses())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_row_comes_back_as_it_was(db, id, numbers, word, words, ip):
    number, ms = numbers
    row = binary.row(
        binary.raw(id.bytes),
        binary.number(number),
        binary.number(binary.instant(ms)),
        binary.text(word),
        binary.texts(words),
        binary.address(str(ip)),
    )
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE told ({TYPES})")
        with cursor.copy("COPY told FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"".join([binary.BEGIN, row, row, binary.END]))
        cursor.execute("SELECT * FROM told")
        found = cursor.fetchall()
        cursor.execute("DROP TABLE told")
    at = EPOCH + timedelta(milliseconds=ms)
    assert found == [(id, number, at, word, words, str(ip))] * 2


def test_what_is_absent_is_null_and_what_is_no_character_is_replaced(db):
    row = binary.row(binary.text_or_null(""), binary.text_or_null(None), binary.text("\ud800"))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE absent (a text, b text, c text)")
        with cursor.copy("COPY absent FROM STDIN (FORMAT binary)") as copy:
            copy.write(binary.BEGIN + row + binary.END)
        cursor.execute("SELECT * FROM absent")
        assert cursor.fetchall() == [(None, None, "?")]


@pytest.mark.parametrize("text", ["", "192.0.2", "192.0.2.1/24", "1::2::3", "shop.example"])
def test_what_is_no_address_is_no_field(text):
    with pytest.raises(ValueError, match="no address"):
        binary.address(text)


FIELDS = st.one_of(st.just(binary.NULL), st.binary().map(binary.raw), TEXT.map(binary.text))
ROWS = st.lists(st.lists(FIELDS).map(lambda fields: binary.row(*fields)), max_size=8)


@given(ROWS)
def test_rows_are_told_apart(rows):
    assert binary.split(b"".join(rows)) == rows


@given(ROWS.filter(bool), st.data())
def test_rows_that_break_off_are_found_out(rows, data):
    whole = b"".join(rows)
    cut = data.draw(st.integers(1, len(rows[-1])))
    complete = whole[: len(whole) - cut]
    if cut == len(rows[-1]):
        assert binary.split(complete) == rows[:-1]
    else:
        with pytest.raises(binary.Broken):
            binary.split(complete)


def test_a_number_of_fields_below_zero_is_none():
    with pytest.raises(binary.Broken):
        binary.split(binary.END)
