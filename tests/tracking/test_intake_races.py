"""Simultaneous reports over HTTP to several tracker processes: one conversion, no money passed."""

import http.client
import json
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from network import crypto
from partners import snapshot
from partners.models import ReportKey
from tests import factories
from tests.shop import Shop
from tests.tracking.intake_desk import store_click
from tests.tracking.rows import available_micros
from tests.tracking.trackers import serve
from tracking.clicks import ids
from tracking.models import Conversion, Report

AT_ONCE = 64
ROUNDS = 20 if os.environ.get("TEST_LONG") == "True" else 5
SECRET = "shop-secret"


@pytest.fixture
def link(fresh_db):
    """A link to an offer of acme, who signs, has 1,000.00, and pays 7 % of a sale."""
    terms = {"revenue_ppm": 70_000, "commission_ppm": 50_000}
    acme = factories.make_advertiser("acme", report_auth="hmac", report_token_digest="")
    sealed = crypto.seal(SECRET.encode(), aad=snapshot.report_key_aad(acme.pk, "k1"))
    ReportKey.objects.create(
        advertiser=acme, key_id="k1", sealed_secret=sealed, created_at=factories.EVER
    )
    factories.fund(acme, micros=1_000_000_000)
    return factories.make_link(factories.make_offer(acme, terms=terms))


@pytest.fixture
def trackers(fresh_db, link, tmp_path):
    """The ports of two trackers on the same database."""
    environment = fresh_db.environment
    with (
        serve(environment, log=tmp_path / "one.log") as one,
        serve(environment, log=tmp_path / "two.log") as two,
    ):
        yield one.port, two.port


def at_once(ports, paths):
    """Ask for all paths at the same moment, over two trackers; the answers."""
    ready = threading.Barrier(len(paths))

    def ask(place, path):
        connection = http.client.HTTPConnection("127.0.0.1", ports[place % 2], timeout=30)
        connection.connect()
        ready.wait()
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    with ThreadPoolExecutor(len(paths)) as threads:
        return list(threads.map(ask, range(len(paths)), paths))


def make_shop():
    return Shop(0, "acme", "k1", SECRET, time.time)


@pytest.mark.parametrize(("nonce", "loser"), [("same", "report_replayed"), (None, "duplicate")])
def test_identical_reports_at_once_are_one_conversion(trackers, link, nonce, loser):
    shop, click = make_shop(), ids.mint(store_click(link))
    for number in range(ROUNDS):
        sale = {"click_id": click, "order_id": f"order-{number}", "amount": "10.00"}
        paths = [shop.path(nonce=nonce and f"{nonce}-{number}", **sale) for _ in range(AT_ONCE)]
        answers = at_once(trackers, paths)
        assert Counter(each["code"] for each in answers) == {"accepted": 1, loser: AT_ONCE - 1}
        assert len({each["conversion"] for each in answers}) == 1
    assert Conversion.objects.count() == ROUNDS
    assert Report.objects.count() == (ROUNDS if nonce else ROUNDS * AT_ONCE)


def test_funds_are_never_passed_and_used_up_to_the_last_that_fits(trackers, link):
    shop, click = make_shop(), ids.mint(store_click(link))
    paths = [
        shop.path(click_id=click, order_id=str(number), amount="100.00") for number in range(400)
    ]
    answers = [
        answer
        for start in range(0, 400, 80)
        for answer in at_once(trackers, paths[start : start + 80])
    ]
    assert Counter(each["status"] for each in answers) == {"pending": 142, "unfunded": 258}
    assert Conversion.objects.filter(status="pending").count() == 142
    assert available_micros(link.offer.advertiser_id) == 6_000_000
