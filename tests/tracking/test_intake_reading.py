"""Reading a report: what is taken from query and body, what is hidden, what is at fault."""

import re

import pytest

from network.errors import Malformed
from network.ids import uuid7
from tracking.clicks import ids
from tracking.conversions import evidence, message

FORM = {b"content-type": b"application/x-www-form-urlencoded"}
JSON = {b"content-type": b"application/json; charset=utf-8"}


def read(query=b"", *, body=b"", headers=FORM):
    return message.read(method="POST", path="/postback", query=query, headers=headers, body=body)


def fault(**fields):
    found = evidence.read({"click_id": ids.mint(uuid7())} | fields).fault
    return found and found.code


def test_query_and_form_are_one_set_of_fields():
    said = read(b"advertiser=acme&x=1", body=b"order_id=a%20b&amount=1.50")
    assert said.fields == {"advertiser": "acme", "order_id": "a b", "amount": "1.50"}


def test_what_nobody_reads_may_come_twice_and_in_any_bytes():
    assert read(b"x=%E4&x=%F6&goal=a").fields == {"goal": "a"}
    body = b'{"x": {"goal": 1, "goal": 2}, "y": 1, "y": ' + b"1" * 300 + b', "goal": "a"}'
    assert read(body=body, headers=JSON).fields == {"goal": "a"}


def test_a_field_is_utf_8_written_out_or_not():
    assert read("order_id=Kä%C3%B6+1".encode()).fields == {"order_id": "Käö 1"}


def test_json_keeps_its_types_and_null_is_absent():
    said = read(body=b'{"order_id": 7, "amount": 1.5, "goal": null, "x": [1]}', headers=JSON)
    assert said.fields == {"order_id": 7, "amount": 1.5}


@pytest.mark.parametrize(
    ("query", "body", "headers"),
    [
        (b"goal=a&goal=a", b"", FORM),
        (b"goal=a", b"goal=b", FORM),
        (b"goal=a", b'{"goal": "b"}', JSON),
        (b"", b"[]", JSON),
        (b"", b"{", JSON),
        (b"", b'{"goal": "\xff"}', JSON),
        (b"", b'{"goal": "a", "x": 1, "goal": "b"}', JSON),
        (b"", b'{"goal": "a", "g\\u006fal": "a"}', JSON),
        (b"", b'{"x": ' + b"[" * 1_010 + b"]" * 1_010 + b"}", JSON),
        (b"order_id=K%E4se", b"", FORM),
        (b"order_id=K\xe4se", b"", FORM),
        (b"", b"order_id=K%F6se", FORM),
        (b"", b"x", {b"content-type": b"multipart/form-data; boundary=x"}),
    ],
)
def test_what_can_be_read_two_ways_or_none_is_malformed(query, body, headers):
    with pytest.raises(Malformed):
        read(query, body=body, headers=headers)


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b"a=1&token=s3cret&b=2", "a=1&token=[hidden]&b=2"),
        (b"tok%65n=s3cret", "tok%65n=[hidden]"),
        (b"a=1&sig=s3cret", "a=1&sig=[hidden]"),
        (b"a=%00\0b", "a=%00b"),
    ],
)
def test_no_secret_is_kept_of_a_query_or_a_form(raw, kept):
    assert read(raw).stored_query == kept
    assert read(body=raw).stored_body == kept


def test_no_secret_is_kept_of_json():
    said = read(body=b'{"token":"s3cret","x":{"y":1}}', headers=JSON)
    assert said.stored_body == '{"token":"[hidden]","x":{"y":1}}'
    assert said.fields["token"] == "s3cret"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('{"token" : "s3c\\"r\\u0065t", "x": 1}', '{"token" : "[hidden]", "x": 1}'),
        ('{ "tok\\u0065n":{"a":["s3cret"]} }', '{ "tok\\u0065n":"[hidden]" }'),
        ('{"x":12345678901234567890123,"sig":1,"y":1.10e0}', None),
        ('{"sig":null,"x":"\\u00e4 } , : {","y":{}}', None),
        ('{"token":1,"x":' + "[" * 900 + "]" * 900 + "}", None),
    ],
)
def test_json_with_a_secret_is_kept_as_it_was_written_otherwise(body, kept):
    stored = read(body=body.encode(), headers=JSON).stored_body
    secret = re.compile(r'"(sig|token)":(1|null)')
    assert stored == (kept or secret.sub(r'"\1":"[hidden]"', body))


def test_json_without_a_secret_is_kept_as_it_came():
    body = b'{ "order_id":   "1" }'
    assert read(body=body, headers=JSON).stored_body == body.decode()


def test_evidence_is_read_whole():
    id = uuid7()
    said = evidence.read(
        {"click_id": ids.mint(id), "goal": "Sale", "order_id": " 1001 ", "event_id": 7}
        | {"amount": "49.90", "currency": "eur", "test": "1"}
    )
    assert (said.click_id, said.goal_code, said.order_ref, said.event_ref) == (
        id,
        "Sale",
        "1001",
        "7",
    )
    assert (said.sale_micros, said.currency, said.is_test) == (49_900_000, "EUR", True)
    assert said.fault is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"click_id": "A" * 32}, "unknown_click"),
        ({"click_id": ""}, "unknown_click"),
        ({"amount": 49.9}, "money_must_be_string"),
        ({"amount": 49}, "money_must_be_string"),
        ({"amount": "49,90"}, "amount_invalid"),
        ({"amount": "-1"}, "amount_invalid"),
        ({"amount": "1e3"}, "amount_invalid"),
        ({"amount": "0.0000001"}, "amount_too_fine"),
        ({"amount": "1000000001"}, "amount_too_large"),
        ({"currency": "EURO"}, "currency_not_offers"),
        ({"order_id": "x" * 121}, "malformed"),
        ({"order_id": "a\0b"}, "malformed"),
        ({"order_id": ["1"]}, "malformed"),
        ({"order_id": True}, "malformed"),
        ({"goal": "x" * 41}, "malformed"),
        *(({"test": word}, "malformed") for word in ("yes", "on", "2", "tru", "truee", 1.0, [1])),
    ],
)
def test_faults_have_their_codes(fields, code):
    assert fault(**fields) == code


@pytest.mark.parametrize(
    ("words", "is_test"),
    [
        (("1", "true", "True", " TRUE ", 1, True), True),
        (("0", "false", "FALSE", 0, False, "", " ", None), False),
    ],
)
def test_a_report_is_a_test_or_not_by_a_word_that_both_sides_know(words, is_test):
    for word in words:
        said = evidence.read({"click_id": ids.mint(uuid7()), "test": word})
        assert (said.is_test, said.fault) == (is_test, None)


def test_a_click_id_that_is_missing_is_told_from_one_that_is_not_ours():
    missing, forged = (evidence.read({"click_id": text}).fault for text in ("", "A" * 32))
    assert str(missing).startswith("The click id is missing")
    assert str(forged) == "The click id is not one of ours."


def test_what_can_be_read_is_kept_beside_a_fault():
    said = evidence.read({"click_id": "forged", "order_id": "1001", "amount": "1.00"})
    assert (said.fault.code, said.order_ref, said.sale_micros) == (
        "unknown_click",
        "1001",
        1_000_000,
    )


def test_an_amount_of_nothing_is_an_amount():
    assert evidence.read({"amount": "0.00"}).sale_micros == 0
    assert evidence.read({"amount": ""}).sale_micros is None
