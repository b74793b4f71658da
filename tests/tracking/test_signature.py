"""The signature of a report: the published example, and everything that must not pass."""

from datetime import UTC, datetime, timedelta

import pytest

from tracking.conversions.refusals import BadSignature, SignatureExpired
from tracking.conversions.signature import find, sign

SECRET = b"peraction-example-secret"
QUERY = (
    b"advertiser=adv_demo&click_id=AZ8x&goal=sale&order_id=1001&amount=49.90&currency=EUR"
    b"&key_id=k1&ts=1795305600&nonce=n-0001"
)
SIG = "912161ef2cb03bc4a08913520bae6dbc4d70b4c461be98187de31560e59802d6"
PARTS = {"key_id": "k1", "ts": "1795305600", "nonce": "n-0001", "sig": SIG}
AT = datetime.fromtimestamp(1_795_305_600, UTC)


SIGNED = QUERY + b"&sig=" + SIG.encode()


def found(query=SIGNED, **parts):
    return find(query, PARTS | parts, {})


def check(signature, *, secret=SECRET, method="GET", path="/postback", body=b""):
    signature.check(secret, method=method, path=path, body=body)


def test_the_published_example_has_its_signature():
    request = {"method": "GET", "path": "/postback", "query": QUERY, "body": b""}
    assert sign(SECRET, ts="1795305600", nonce="n-0001", **request) == SIG


def test_the_signature_in_the_query_is_found_and_right():
    signature = found()
    assert (signature.key_id, signature.query) == ("k1", QUERY)
    check(signature)


def test_the_signature_may_come_in_headers_and_covers_the_body():
    body = b'{"order_id":"1001"}'
    request = {"method": "POST", "path": "/postback", "query": b"a=1", "body": body}
    sig = sign(SECRET, ts="1795305600", nonce="n-2", **request)
    headers = {
        b"peraction-key": b"k1",
        b"peraction-timestamp": b"1795305600",
        b"peraction-nonce": b"n-2",
        b"peraction-signature": sig.encode(),
    }
    signature = find(b"a=1", {}, headers)
    check(signature, method="POST", body=body)
    with pytest.raises(BadSignature):
        check(signature, method="POST", body=body + b" ")


def test_a_part_that_is_absent_is_named_before_any_is_read():
    with pytest.raises(BadSignature, match="lacks `key_id`, `nonce`"):
        found(key_id="", ts="soon", nonce="")
    with pytest.raises(BadSignature, match="lacks Peraction-Key, Peraction-Timestamp, Peraction-N"):
        find(b"a=1", {}, {b"peraction-signature": SIG.encode()})


@pytest.mark.parametrize(
    "other", [{"secret": b"x"}, {"method": "POST"}, {"path": "/postback/"}, {"body": b"x"}]
)
def test_another_request_does_not_have_this_signature(other):
    with pytest.raises(BadSignature):
        check(found(), **other)


@pytest.mark.parametrize(
    ("old", "new"), [(b"49.90", b"94.90"), (b"n-0001", b"n-0002"), (b"k1", b"k2")]
)
def test_a_changed_query_does_not_have_this_signature(old, new):
    query = SIGNED.replace(old, new)
    parts = {name: value.replace(old.decode(), new.decode()) for name, value in PARTS.items()}
    with pytest.raises(BadSignature):
        check(found(query, **parts))


@pytest.mark.parametrize(
    "query",
    [
        SIGNED + b"&amount=1",
        b"sig=" + SIG.encode() + b"&" + QUERY,
        QUERY + b"&s%69g=" + SIG.encode(),
    ],
)
def test_sig_must_be_last(query):
    with pytest.raises(BadSignature, match="last"):
        found(query)


@pytest.mark.parametrize(
    "parts",
    [
        {"sig": SIG.upper()},
        {"sig": ""},
        {"ts": "1795305600.0"},
        {"ts": "-1"},
        {"ts": ""},
        {"nonce": ""},
        {"nonce": "a\nb"},
        {"nonce": "n" * 81},
    ],
)
def test_parts_that_are_not_well_formed_are_refused(parts):
    with pytest.raises(BadSignature):
        found(**parts)


def test_without_any_signature_there_is_none():
    with pytest.raises(BadSignature):
        find(b"advertiser=acme", {}, {})


def test_the_timestamp_is_good_for_the_skew_both_ways():
    for distance in (-300, 0, 300):
        found().check_time(AT + timedelta(seconds=distance), 300)
    for distance in (-301, 301):
        with pytest.raises(SignatureExpired):
            found().check_time(AT + timedelta(seconds=distance), 300)
