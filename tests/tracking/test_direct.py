"""Clicks without a redirect: told by the script on the landing page, and by no other page."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from partners import watcher
from partners.models import Landing
from tests import factories
from tests.tracking.trackers import tell
from tracking.clicks import ids
from tracking.clicks.edge import Taken
from tracking.models import Click
from tracking.seen.edge import SeenEdge

SHOP = "https://shop.example"


@pytest.fixture
def link(fresh_db):
    return factories.make_link(code="abc123")


def ask(fresh_db, path="/d/abc123", *, method="GET", **headers):
    return tell(fresh_db.url, lambda visitor: visitor.ask(method, path, headers=headers))


@dataclass
class Noted:
    """Notes what it is asked to take, in place of the edge that stores clicks."""

    taken: Taken = field(default_factory=lambda: Taken("x" * 32, "ok", ""))
    asked: list[Any] = field(default_factory=list)

    async def take(self, asked, code, said, *, looked_up):
        self.asked.append((dict(asked.headers), code, said.params))
        return self.taken


def timed(fresh_db, path, *, away=False, **headers):
    """The answer, and the seconds that it took; perhaps while PostgreSQL is away."""

    async def story(visitor):
        recorder = visitor.tracker.recorder
        if away:
            await recorder._drop(recorder._connection)
        began_s = time.monotonic()
        return await visitor.get(path, **headers), time.monotonic() - began_s

    return tell(fresh_db.url, story)


def handed_on(fresh_db, path, noted=None, **headers):
    """What is handed on to be taken, and the answer."""
    noted = noted or Noted()

    async def story(visitor):
        noted.link = visitor.tracker.clicks.link
        visitor.tracker.seen = SeenEdge(None, noted)
        return await visitor.get(path, **headers)

    answer = tell(fresh_db.url, story)
    return noted.asked[0], answer


def test_a_direct_click_is_stored_and_told_its_id(fresh_db, link):
    answer = ask(
        fresh_db, "/d/abc123?sub1=a&ref=https%3A%2F%2Fblog.example%2F", origin=SHOP, referer=SHOP
    )
    click = Click.objects.get()
    assert (answer.status, answer.json["reason"]) == (200, "ok")
    assert (answer.headers["access-control-allow-origin"], answer.headers["cache-control"]) == (
        "*",
        "no-store",
    )
    assert ids.read(answer.json["click_id"]) == click.id
    assert (click.link_id, click.reason, click.subs) == (link.pk, "ok", ["a"])
    assert click.referrer == "https://blog.example/"


def test_a_link_made_a_moment_ago_has_direct_clicks(fresh_db, link):
    def make():
        with psycopg.connect(fresh_db.url) as other:
            other.execute(
                "INSERT INTO link (code, affiliate_id, offer_id, name, active, created_at)"
                " VALUES ('fresh1', %s, %s, '', true, now())",
                [link.affiliate_id, link.offer_id],
            )

    async def story(visitor):
        await asyncio.to_thread(make)
        return await visitor.get("/d/fresh1", origin=SHOP)

    assert tell(fresh_db.url, story).json["reason"] == "ok"


def test_a_code_that_nobody_has_is_waited_for_once(fresh_db, link):
    answer, took_s = timed(fresh_db, "/d/nosuchlink", origin=SHOP)
    assert answer.json == {"click_id": None, "reason": "link_unknown"}
    assert took_s < watcher.CHECK_EVERY_S * 1.5


def test_a_smart_links_code_is_waited_for_by_nobody(fresh_db, link):
    smart = factories.make_smart_link(link.offer, strategy="priority")
    answer, took_s = timed(fresh_db, f"/d/{smart.code}", origin=SHOP)
    assert answer.json == {"click_id": None, "reason": "smart_no_offer"}
    assert took_s < watcher.CHECK_EVERY_S / 2


def test_an_unknown_code_waits_for_no_database_that_is_away(fresh_db, link):
    answer, took_s = timed(fresh_db, "/d/nosuchlink", away=True, origin=SHOP)
    assert answer.json == {"click_id": None, "reason": "link_unknown"}
    assert took_s < watcher.CHECK_EVERY_S / 2


def test_a_click_that_is_not_good_has_no_id(fresh_db, link):
    type(link.offer).objects.update(status="paused")
    answer = ask(fresh_db, origin=SHOP)
    assert (answer.status, answer.json["click_id"]) == (200, None)
    assert Click.objects.get().reason == "offer_inactive"


@pytest.mark.parametrize(
    "headers", [{"origin": SHOP}, {"referer": f"{SHOP}/boots"}, {"origin": f"{SHOP}:8443"}]
)
def test_on_the_landing_host_it_is_a_click_like_any_other(fresh_db, link, headers):
    path = "/d/abc123?sub1=a&deep_link=https%3A%2F%2Fevil.example%2F"
    (told, code, params), _ = handed_on(fresh_db, path, **headers)
    assert (code, params) == ("abc123", {"sub1": "a"})
    assert b"referer" not in told


def test_each_of_the_offers_landing_pages_is_one(fresh_db, link):
    Landing.objects.create(
        offer=link.offer, name="B", url="https://b.example/", created_at=factories.EVER
    )
    answer = ask(fresh_db, origin="https://b.example")
    assert answer.json["reason"] == "ok"


def test_a_host_that_the_offer_lists_is_as_good(fresh_db, link):
    type(link.offer).objects.update(deep_link_hosts=["*.shop.example"])
    answer = ask(fresh_db, origin="https://www.shop.example:8443")
    assert answer.json["reason"] == "ok"
    assert ids.read(answer.json["click_id"]) == Click.objects.get().id


@pytest.mark.parametrize(
    ("headers", "page"),
    [
        ({"origin": "https://evil.example"}, "https://evil.example/"),
        ({"origin": "https://evil.example", "referer": SHOP}, "https://evil.example/"),
        (
            {"origin": "https://shop.example.evil.example"},
            "https://shop.example.evil.example/",
        ),
        ({"origin": "https://shop.example@evil.example"}, "https://evil.example/"),
        ({"origin": "https://www.shop.example:8443"}, "https://www.shop.example/"),
        ({"origin": "null"}, "null"),
        ({"origin": b"https://[\xff"}, "null"),
        ({}, "null"),
    ],
)
def test_elsewhere_it_is_judged_as_a_deep_link_to_the_page(fresh_db, link, headers, page):
    path = "/d/abc123?sub1=a&deep_link=https%3A%2F%2Fshop.example%2F"
    (_, _, params), _ = handed_on(fresh_db, path, **headers)
    assert params == {"sub1": "a", "deep_link": page}


def test_a_page_that_the_offer_does_not_list_gets_no_click_id(fresh_db, link):
    answer = ask(fresh_db, origin="https://evil.example")
    assert answer.json == {"click_id": None, "reason": "bad_deeplink"}


def test_an_id_is_told_for_a_good_click_alone(fresh_db, link):
    for taken in (Taken("x" * 32, "cap_offer", ""), Taken("", "ok", "")):
        _, answer = handed_on(fresh_db, "/d/abc123", Noted(taken), origin=SHOP)
        assert answer.json == {"click_id": None, "reason": taken.reason}


def test_what_the_fetch_says_of_itself_is_not_said_of_the_click(fresh_db, link):
    fetched = {"sec_fetch_mode": "cors", "sec_fetch_dest": "empty", "sec_fetch_site": "cross-site"}
    (told, _, _), _ = handed_on(
        fresh_db, "/d/abc123", origin=SHOP, sec_gpc="1", user_agent="Firefox", **fetched
    )
    assert told == {b"origin": SHOP.encode(), b"sec-gpc": b"1", b"user-agent": b"Firefox"}


def test_another_method_takes_nothing(fresh_db, link):
    answer = ask(fresh_db, method="POST", origin=SHOP)
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"
    assert not Click.objects.exists()


def test_without_a_database_and_a_spool_no_id_is_told(fresh_db, link):
    async def story(visitor):
        await asyncio.to_thread(_end_connections, fresh_db)
        return await visitor.get("/d/abc123", origin=SHOP)

    answer = tell(fresh_db.url, story, spool_bytes_max=0)
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def _end_connections(fresh_db):
    with psycopg.connect(fresh_db.url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'tracker clicks'"
        )
