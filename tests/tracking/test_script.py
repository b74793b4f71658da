"""The first-party script in a real browser, on a shop's page of another site than the tracker's."""

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from network.ids import uuid7
from tests import factories
from tests.running import eventually
from tests.tracking.servers import serve
from tracking.clicks import ids
from tracking.models import Click, Impression, PageEvent
from tracking.seen import script

GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
NO_BEACONS = "delete Navigator.prototype.sendBeacon"
NO_STORAGE = (
    "Object.defineProperty(Document.prototype, 'cookie', "
    "{get() { throw new Error('no') }, set() { throw new Error('no') }})"
)
NO_NETWORK = f"{NO_BEACONS}; delete window.fetch"


@dataclass
class Shop:
    """A shop's pages, all alike; what stands in them can be changed."""

    tracker: str
    attributes: str = ""
    head: str = ""
    body: str = ""
    cookie: str = ""
    copy: bool = False
    server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        shop = self

        class Pages(BaseHTTPRequestHandler):
            def do_GET(self):
                page = shop.html.encode() if self.path != "/favicon.ico" else b""
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                if shop.cookie:
                    self.send_header("Set-Cookie", shop.cookie)
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def html(self) -> str:
        put_in = f"<script async src='{self.tracker}{script.LATEST}' {self.attributes}></script>"
        if self.copy:
            own = script.SCRIPT.decode()
            put_in = f"<script data-tracker='{self.tracker}'>{own}</script>"
        return f"<!doctype html><head>{self.head}{put_in}</head><body>{self.body}"

    @property
    def url(self) -> str:
        """By a name of its own: another site than 127.0.0.1, where the tracker is."""
        return f"http://localhost:{self.server.server_port}"


@pytest.fixture
def tracker(fresh_db, tmp_path):
    # Nobody is agreed for, so that it shows who said yes.
    environment = fresh_db.environment | {"CONSENT_ABSENT": "minimal"}
    with serve(environment, log=tmp_path / "tracker.log") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def shop(chromium, tracker):
    shop = Shop(tracker)
    offer = factories.make_offer(landing_url=f"{shop.url}/landing")
    factories.make_link(offer, code="abc123")
    yield shop
    shop.server.shutdown()
    shop.server.server_close()


def a_click_id():
    return ids.mint(uuid7())


def told():
    return list(PageEvent.objects.order_by("ts").values_list("name", "path"))


def nothing_more_comes():
    """Long enough for what a page sends by itself to arrive."""
    time.sleep(0.5)


def test_a_click_id_is_kept_for_the_whole_shop_and_told_of(chromium, shop):
    page, click_id = chromium.page(), a_click_id()
    page.go(f"{shop.url}/landing?click_id={click_id}&email=x@y.example#top")
    eventually(lambda: told() == [("page", "/landing")])
    page.go(f"{shop.url}/boots?colour=red")
    page.run("pa('event', 'Add to cart!')")
    eventually(lambda: len(told()) == 3)
    cookie = page.cookies()["pa_click"]
    assert (cookie["value"], cookie["domain"], cookie["path"]) == (click_id, "localhost", "/")
    assert (cookie["sameSite"], cookie["secure"]) == ("Lax", False)
    assert 29.9 < (cookie["expires"] - time.time()) / 86_400 <= 30
    assert sorted(told()) == [("add_to_cart_", "/boots"), ("page", "/boots"), ("page", "/landing")]
    assert set(PageEvent.objects.values_list("click_id", flat=True)) == {ids.read(click_id)}
    assert page.run("pa.clickId()") == click_id
    assert page.run("location.search") == "?colour=red"
    assert page.errors() == []


def test_the_page_chooses_names_and_days(chromium, shop):
    shop.attributes = 'data-param="from_peraction" data-days="7"'
    page, click_id = chromium.page(), a_click_id()
    page.go(f"{shop.url}/?from_peraction={click_id}&click_id={a_click_id()}")
    eventually(told)
    cookie = page.cookies()["pa_click"]
    assert cookie["value"] == click_id
    assert 6.9 < (cookie["expires"] - time.time()) / 86_400 <= 7


def test_a_cookie_of_the_shops_server_lives_as_long_as_it_says(chromium, shop):
    page, click_id = chromium.page(), a_click_id()
    shop.cookie = f"pa_click={click_id}; Max-Age={60 * 86_400}; Path=/; SameSite=Lax"
    page.go(f"{shop.url}/?click_id={click_id}")
    eventually(told)
    assert (page.cookies()["pa_click"]["expires"] - time.time()) / 86_400 > 59


def test_a_copy_of_the_script_calls_the_tracker_it_is_told(chromium, shop):
    shop.copy = True
    page, click_id = chromium.page(), a_click_id()
    page.go(f"{shop.url}/landing?click_id={click_id}")
    eventually(lambda: told() == [("page", "/landing")])


def test_a_later_click_takes_the_place_of_an_earlier_one(chromium, shop):
    page, later = chromium.page(), a_click_id()
    page.go(f"{shop.url}/?click_id={a_click_id()}")
    page.go(f"{shop.url}/?click_id={later}")
    eventually(lambda: len(told()) == 2)
    assert page.cookies()["pa_click"]["value"] == later


def test_who_came_by_no_click_is_told_nothing_of(chromium, shop):
    page = chromium.page()
    page.go(f"{shop.url}/?click_id=of-another-network")
    page.run("pa('event', 'cart')")
    nothing_more_comes()
    assert (page.run("pa.clickId()"), page.cookies(), told()) == ("", {}, [])


def test_a_direct_link_is_a_click_without_a_redirect(chromium, shop):
    page = chromium.page()
    address = f"{shop.url}/boots?pa=abc123&sub1=a%20b&email=x@y.example"
    page.go(address, referrer="http://blog.example/")
    eventually(told)
    click = Click.objects.get()
    assert (click.reason, click.subs) == ("ok", ["a b"])
    assert click.referrer == "http://blog.example/"
    assert page.cookies()["pa_click"]["value"] == page.run("pa.clickId()") == ids.mint(click.id)
    assert page.run("location.href") == address
    # Neither a reload nor a later page is another click.
    page.reload()
    page.go(f"{shop.url}/cart")
    eventually(lambda: len(told()) == 3)
    assert Click.objects.count() == 1
    # Another direct link is.
    page.go(address)
    eventually(lambda: Click.objects.count() == 2)


def test_a_direct_link_on_another_page_than_the_offers_is_no_click(chromium, shop, tracker):
    foreign = f"{shop.url.replace('localhost', 'other.localhost')}/?pa=abc123"
    page = chromium.page()
    page.go(foreign)
    nothing_more_comes()
    assert page.run("pa.clickId()") == ""
    assert (page.cookies(), told()) == ({}, [])


def test_without_consent_nothing_is_kept_or_told(chromium, shop):
    shop.attributes = 'data-consent="required"'
    page, click_id = chromium.page(), a_click_id()
    page.go(f"{shop.url}/landing?click_id={click_id}")
    page.run("pa('event', 'cart')")
    nothing_more_comes()
    assert (page.cookies(), told(), page.run("pa.clickId()")) == ({}, [], "")
    page.run("pa.consent(true)")
    eventually(lambda: sorted(name for name, _ in told()) == ["cart", "page"])
    assert page.cookies()["pa_click"]["value"] == page.run("pa.clickId()") == click_id
    page.run("pa.consent(false)")
    page.run("pa('event', 'later')")
    nothing_more_comes()
    assert (page.cookies(), len(told()), page.run("pa.clickId()")) == ({}, 2, "")


def test_a_direct_link_waits_for_consent(chromium, shop):
    shop.attributes = 'data-consent="required"'
    page = chromium.page()
    page.go(f"{shop.url}/?pa=abc123")
    nothing_more_comes()
    assert not Click.objects.exists()
    page.run("pa('consent', true)")
    eventually(Click.objects.exists)
    assert Click.objects.get().visitor is not None


def test_a_direct_link_that_says_no_itself_is_believed(chromium, shop):
    shop.attributes = 'data-consent="required"'
    page = chromium.page()
    page.go(f"{shop.url}/?pa=abc123&cons=0")
    page.run("pa.consent(true)")
    eventually(Click.objects.exists)
    assert "consent_refused" in Click.objects.get().marks


def test_who_was_not_asked_has_not_agreed(chromium, shop):
    chromium.page().go(f"{shop.url}/?pa=abc123")
    eventually(Click.objects.exists)
    assert "consent_minimal" in Click.objects.get().marks


def test_global_privacy_control_keeps_and_tells_nothing(chromium, shop):
    page, click_id = chromium.page(GPC), a_click_id()
    page.go(f"{shop.url}/landing?click_id={click_id}")
    page.run("pa.consent(true); pa('event', 'cart')")
    nothing_more_comes()
    assert (page.cookies(), told()) == ({}, [])
    # The page it was given to may still report what was bought there.
    assert page.run("pa.clickId()") == click_id
    page.go(f"{shop.url}/cart")
    assert page.run("pa.clickId()") == ""


def test_what_is_called_before_the_script_is_there_is_done_later(chromium, shop):
    shop.head = (
        "<script>window.pa = window.pa || function () { (pa.q = pa.q || []).push(arguments) };"
        "pa('event', 'early'); pa('nonsense'); pa('event')</script>"
    )
    page = chromium.page()
    page.go(f"{shop.url}/?click_id={a_click_id()}")
    eventually(lambda: {"page", "early"} <= {name for name, _ in told()})
    assert page.errors() == []


def test_without_beacons_events_go_by_fetch(chromium, shop):
    page = chromium.page(NO_BEACONS)
    page.go(f"{shop.url}/landing?click_id={a_click_id()}")
    eventually(lambda: told() == [("page", "/landing")])


@pytest.mark.parametrize("blocked", [NO_STORAGE, f"{NO_STORAGE}; {NO_NETWORK}"])
def test_what_is_blocked_breaks_nothing(chromium, shop, blocked):
    page, click_id = chromium.page(blocked), a_click_id()
    page.go(f"{shop.url}/?click_id={click_id}")
    page.run("pa('event', 'cart'); pa('event', {toString: 1}); pa(); pa.consent()")
    page.run("pa.consent(true)")
    assert page.run("pa.clickId()") == click_id
    page.go(f"{shop.url}/?pa=abc123")
    nothing_more_comes()
    assert page.errors() == []


def test_the_page_gets_one_new_name(chromium, shop):
    names = "Object.getOwnPropertyNames(window)"
    shop.head = f"<script>document.before = {names}</script>"
    page = chromium.page()
    page.go(f"{shop.url}/?click_id={a_click_id()}")
    eventually(told)
    assert page.run(f"{names}.filter(name => !document.before.includes(name))") == ["pa"]


def test_the_script_is_put_in_twice_and_works_once(chromium, shop):
    shop.body = f"<script src='{shop.tracker}{script.FIXED}'></script>"
    page = chromium.page()
    page.go(f"{shop.url}/?click_id={a_click_id()}")
    nothing_more_comes()
    assert told() == [("page", "/")]


def test_a_picture_on_another_site_is_an_impression(chromium, shop):
    shop.body = f"<img src='{shop.tracker}/i/abc123?source=blog' width=1 height=1 alt=''>"
    page = chromium.page()
    page.go(shop.url)
    assert page.run("document.images[0].naturalWidth") == 1
    assert Impression.objects.get().source == "blog"
