"""Simultaneous reports over HTTP to several tracker processes: one conversion, no money passed."""

import http.client
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from network import crypto
from partners import snapshot
from partners.models import ReportKey
from tests import factories
from tests.environment import LONG
from tests.shop import Shop
from tests.tracking.rows import make_click
from tests.tracking.servers import serve
from tracking.clicks import ids
from tracking.models import Conversion, Report

AT_ONCE = 64
ROUNDS = 20 if LONG else 5
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
    shop, click = make_shop(), ids.mint(make_click(link).id)
    for number in range(ROUNDS):
        sale = {"click_id": click, "order_id": f"order-{number}", "amount": "10.00"}
        paths = [shop.path(nonce=nonce and f"{nonce}-{number}", **sale) for _ in range(AT_ONCE)]
        answers = at_once(trackers, paths)
        assert Counter(each["code"] for each in answers) == {"accepted": 1, loser: AT_ONCE - 1}
        assert len({each["conversion"] for each in answers}) == 1
    assert Conversion.objects.count() == ROUNDS
    assert Report.objects.count() == (ROUNDS if nonce else ROUNDS * AT_ONCE)
