"""`/postback` over HTTP: who may report, in which form, and what is answered."""

import hashlib
import hmac
import json
import time

import pytest

from network import crypto
from network.ids import uuid7
from partners import parties, snapshot
from partners.models import Advertiser, ReportKey
from tests import factories
from tests.shop import Shop
from tests.tracking.rows import make_click
from tests.tracking.trackers import report_path, tell
from tracking.clicks import ids
from tracking.models import Conversion, Report, ReportNonce

SECRET = "shop-secret"
JSON = {"content_type": "application/json"}
FORM = {"content_type": "application/x-www-form-urlencoded"}


@pytest.fixture
def click(fresh_db):
    """The external id of a click to an advertiser who reports with the token `token-of-acme`."""
    offer = factories.make_offer(factories.make_advertiser("acme"))
    factories.fund(offer.advertiser)
    return ids.mint(make_click(factories.make_link(offer)).id)


@pytest.fixture
def trying(click):
    """The same advertiser, who has a key and may sign with it; the token is as good."""
    acme = Advertiser.objects.get(code="acme")
    sealed = crypto.seal(SECRET.encode(), aad=snapshot.report_key_aad(acme.pk, "k1"))
    ReportKey.objects.create(
        advertiser=acme, key_id="k1", sealed_secret=sealed, created_at=factories.EVER
    )
    return Shop(0, "acme", "k1", SECRET, time.time)


@pytest.fixture
def shop(trying):
    """The same advertiser, who requires signatures now."""
    parties.require_signatures(Advertiser.objects.get(code="acme"))
    return trying


def by_token(click, **params):
    return {
        "advertiser": "acme",
        "token": "token-of-acme",
        "click_id": click,
        "amount": "9.00",
    } | params


def get(fresh_db, path):
    return tell(fresh_db.url, lambda visitor: visitor.get(path))


def post(fresh_db, body, headers, path="/postback"):
    return tell(fresh_db.url, lambda visitor: visitor.ask("POST", path, headers=headers, body=body))


def test_a_report_with_the_token_is_taken(fresh_db, click):
    answer = get(fresh_db, report_path(**by_token(click, order_id="1")))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {
        "request_id": answer.headers["x-request-id"],
        "report": str(Report.objects.get().id),
        "status": "pending",
        "code": "accepted",
        "conversion": str(Conversion.objects.get().id),
    }


@pytest.mark.parametrize("headers", [JSON, FORM])
def test_a_report_may_be_posted_as_json_or_a_form(fresh_db, click, headers):
    fields = by_token(click, order_id="1")
    form = report_path(**fields).partition("?")[2]
    body = json.dumps(fields) if headers is JSON else form
    assert post(fresh_db, body.encode(), headers).json["code"] == "accepted"
    report = Report.objects.get()
    assert (report.method, report.order_ref) == ("POST", "1")
    assert "token-of-acme" not in report.body + report.query


def test_a_signed_report_is_taken_and_its_signature_not_kept(fresh_db, click, shop):
    path = shop.path(click_id=click, order_id="1", amount="9.00", nonce="n-1")
    assert get(fresh_db, path).json["code"] == "accepted"
    report = Report.objects.get()
    assert (report.auth, ReportNonce.objects.get().nonce) == ("hmac:k1", "n-1")
    assert report.query.endswith("&sig=[hidden]")


def test_before_signatures_are_required_both_ways_are_taken(fresh_db, click, trying):
    paths = [
        trying.path(click_id=click, order_id="1", amount="9.00"),
        report_path(**by_token(click, order_id="2")),
        trying.path(click_id=click, order_id="3", amount="9.00", token="token-of-rival"),
        report_path(**by_token(click, order_id="4", key_id="k1", ts="1", nonce="n-1")),
    ]

    async def story(visitor):
        return [(await visitor.get(path)).json["code"] for path in paths]

    assert tell(fresh_db.url, story) == ["accepted"] * 4
    auths = Report.objects.order_by("order_ref").values_list("auth", flat=True)
    assert list(auths) == ["hmac:k1", "token", "hmac:k1", "token"]
    assert ReportNonce.objects.count() == 2


def test_a_signed_report_counts_once_also_before_signatures_are_required(fresh_db, click, trying):
    path = trying.path(click_id=click, order_id="1", amount="9.00")

    async def story(visitor):
        return [await visitor.get(path) for _ in range(2)]

    first, second = tell(fresh_db.url, story)
    assert (second.status, second.json["code"]) == (409, "report_replayed")
    assert second.json["report"] == first.json["report"]
    assert Report.objects.count() == 1


def test_a_wrong_signature_is_refused_though_the_token_is_right(fresh_db, click, trying, clock):
    good = trying.path(click_id=click, order_id="1", amount="9.00", token="token-of-acme")
    forgeries = {
        good.replace("9.00", "99.00"): "bad_signature",
        good.rpartition("&sig=")[0] + "&sig=": "bad_signature",
        good.replace("key_id=k1", "key_id=k2"): "unknown_key",
    }

    async def story(visitor):
        answers = [(await visitor.get(path)).json["code"] for path in forgeries]
        clock.forward(minutes=6)
        return [*answers, (await visitor.get(good)).json["code"]]

    assert tell(fresh_db.url, story) == [*forgeries.values(), "signature_expired"]
    headers = JSON | {"peraction_signature": "0" * 64}
    body = json.dumps(by_token(click, order_id="1")).encode()
    assert post(fresh_db, body, headers).json["code"] == "bad_signature"
    assert not Report.objects.exists()
    assert not ReportNonce.objects.exists()


def test_a_report_whose_signature_was_taken_off_is_refused(fresh_db, click, trying):
    unsigned = trying.path(click_id=click, order_id="1").partition("&sig=")[0]
    answer = get(fresh_db, unsigned)
    assert (answer.status, answer.json["code"]) == (401, "bad_token")


def test_the_key_of_another_advertiser_signs_nothing(fresh_db, click, trying):
    factories.make_advertiser("rival")
    stranger = Shop(0, "rival", "k1", SECRET, time.time)
    answer = get(fresh_db, stranger.path(click_id=click, order_id="1"))
    assert (answer.status, answer.json["code"]) == (401, "unknown_key")
    assert not Report.objects.exists()


@pytest.mark.parametrize("order", ["K%E4se", "K%F6se"])
def test_an_order_that_is_no_utf_8_is_malformed_and_leaves_nothing(fresh_db, click, shop, order):
    path = shop.path(click_id=click, order_id="ORDER", amount="9.00").replace("ORDER", order)
    answer = get(fresh_db, path)
    assert (answer.status, answer.json["code"]) == (400, "malformed")
    assert not Report.objects.exists()
    assert not ReportNonce.objects.exists()


def test_a_signature_in_headers_covers_a_json_body(fresh_db, click, shop):
    body = json.dumps({"advertiser": "acme", "click_id": click, "order_id": "1", "amount": "9.00"})
    ts = str(int(time.time()))
    sig = _signature_of_body(ts, "n-1", "POST", "/postback", "", body.encode())
    headers = JSON | {
        "peraction_key": "k1",
        "peraction_timestamp": ts,
        "peraction_nonce": "n-1",
        "peraction_signature": sig,
    }
    assert post(fresh_db, body.encode(), headers).json["code"] == "accepted"
    assert post(fresh_db, body.replace("9.00", "99.00").encode(), headers).status == 401


def test_a_report_sent_again_as_it_was_is_a_replay(fresh_db, click, shop):
    path = shop.path(click_id=click, order_id="1", amount="9.00")
    first = get(fresh_db, path).json
    again = get(fresh_db, path)
    assert (again.status, again.headers["content-type"]) == (409, "application/problem+json")
    assert again.json["code"] == "report_replayed"
    assert (again.json["report"], again.json["conversion"]) == (
        first["report"],
        first["conversion"],
    )


def test_a_click_that_is_not_stored_yet_is_waited_for(fresh_db, click):
    answer = get(fresh_db, report_path(**by_token(ids.mint(uuid7()), order_id="1")))
    assert (answer.status, answer.json["code"]) == (202, "waiting")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"advertiser": "nobody"}, "unknown_advertiser"),
        ({"advertiser": ""}, "unknown_advertiser"),
        ({"token": "token-of-rival"}, "bad_token"),
        ({"token": ""}, "bad_token"),
        ({"token": "жетон"}, "bad_token"),
    ],
)
def test_who_is_not_known_is_refused_and_nothing_is_stored(fresh_db, click, params, code):
    answer = get(fresh_db, report_path(**by_token(click) | params))
    assert (answer.status, answer.json["code"]) == (401, code)
    assert not Report.objects.exists()


def test_who_signs_cannot_be_spoken_for_by_a_token(fresh_db, click, shop):
    answer = get(fresh_db, report_path(**by_token(click, order_id="1")))
    assert (answer.status, answer.json["code"]) == (401, "bad_signature")
    assert answer.json["detail"] == (
        "This advertiser requires signatures: sign the report, its token has ended."
    )


def test_forged_signatures_are_refused_and_change_nothing(fresh_db, click, shop):
    good = shop.path(click_id=click, order_id="1", amount="9.00")
    forgeries = {
        good.replace("9.00", "99.00"): "bad_signature",
        good[:-1] + ("0" if good[-1] != "0" else "1"): "bad_signature",
        good.replace("key_id=k1", "key_id=k2"): "unknown_key",
        good.partition("&sig=")[0]: "bad_signature",
        good + "&amount=99.00": "malformed",
    }

    async def story(visitor):
        return [(await visitor.get(path)).json["code"] for path in forgeries]

    assert tell(fresh_db.url, story) == list(forgeries.values())
    assert not Report.objects.exists()
    assert not ReportNonce.objects.exists()


def test_an_old_signature_and_an_ended_key_are_refused(fresh_db, click, shop, clock):
    path = shop.path(click_id=click, order_id="1")
    clock.forward(minutes=6)
    assert get(fresh_db, path).json["code"] == "signature_expired"
    ReportKey.objects.update(expires_at=factories.EVER)
    assert get(fresh_db, path).json["code"] == "unknown_key"


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"x=" + b"y" * 70_000, FORM, 413, "body_too_large"),
        (b"{}", FORM | {"content_length": "999999"}, 413, "body_too_large"),
        (b"{", JSON, 400, "malformed"),
        (b"x", {"content_type": "text/plain"}, 400, "malformed"),
    ],
)
def test_what_cannot_be_read_is_refused(fresh_db, click, body, headers, status, code):
    answer = post(fresh_db, body, headers)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert not Report.objects.exists()


def test_money_as_a_json_number_is_refused_with_a_pointer(fresh_db, click):
    body = json.dumps(by_token(click, order_id="1") | {"amount": 9.0})
    answer = post(fresh_db, body.encode(), JSON)
    assert (answer.status, answer.json["code"]) == (422, "money_must_be_string")
    assert answer.json["errors"][0]["pointer"] == "/amount"
    assert Report.objects.get().verdict == "refused"


def test_other_methods_are_refused(fresh_db, click):
    answer = tell(fresh_db.url, lambda visitor: visitor.ask("PUT", "/postback"))
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")


def test_what_is_turned_away_is_counted(fresh_db, click):
    async def story(visitor):
        await visitor.get(report_path(**by_token(click, token="x")))
        return await visitor.get("/healthz")

    assert tell(fresh_db.url, story).json["reports_refused"] == {"bad_token": 1}


def test_an_unknown_address_is_a_page_and_health_is_told(fresh_db, click):
    async def story(visitor):
        return [(await visitor.get(path)).status for path in ("/", "/healthz", "/readyz")]

    assert tell(fresh_db.url, story) == [404, 200, 200]


def _signature_of_body(ts, nonce, method, path, query, body):
    """As a shop computes it that posts a body."""
    text = "\n".join(["v1", ts, nonce, method, path, query, hashlib.sha256(body).hexdigest()])
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
