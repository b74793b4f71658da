"""A click over HTTP: stored before it is answered, whatever it carries."""

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from network.binary import BEGIN, END
from network.errors import Unavailable
from network.ids import uuid7
from tests import factories
from tests.tracking.trackers import tell
from tests.tracking.visits import make_row
from tracking.clicks import ids, query, row
from tracking.clicks.kinds import COPIES, Entry
from tracking.models import Click

TEXTS = st.text(st.characters(exclude_characters=query.NUL, exclude_categories=["Cs"]), min_size=1)


@pytest.fixture
def link(fresh_db):
    return factories.make_link(code="abc123")


def visit(fresh_db, path="/c/abc123", *, method="GET", peer="192.0.2.1", **headers):
    return tell(fresh_db.url, lambda visitor: visitor.ask(method, path, peer=peer, headers=headers))


def test_a_good_click_is_stored_and_goes_to_the_landing_page(fresh_db, link):
    answer = visit(
        fresh_db,
        "/c/abc123?sub1=a&sub3=c&source=blog&aff_click_id=x1",
        user_agent="Firefox",
        referer="https://blog.example/",
        accept_language="uk-UA,uk;q=0.9",
    )
    click = Click.objects.get()
    assert (answer.status, answer.headers["cache-control"]) == (302, "no-store")
    assert answer.headers["location"] == click.destination
    assert click.destination == f"https://shop.example/landing?click_id={ids.mint(click.id)}"
    assert (click.link_id, click.affiliate_id) == (link.pk, link.affiliate_id)
    assert (click.offer_id, click.advertiser_id) == (link.offer_id, link.offer.advertiser_id)
    assert (click.reason, click.subs, click.source) == ("ok", ["a", None, "c"], "blog")
    assert (click.aff_click_id, click.ip, click.user_agent) == ("x1", "192.0.2.1", "Firefox")
    assert (click.referrer, click.language) == ("https://blog.example/", "uk-UA")
    assert datetime.now(UTC) - click.ts < timedelta(seconds=30)


def test_an_unknown_link_is_stored_with_zeros_and_gets_a_page(fresh_db, link):
    answer = visit(fresh_db, "/c/nosuchlink")
    click = Click.objects.get()
    assert (answer.status, click.reason, click.link_code) == (404, "link_unknown", "nosuchlink")
    assert (click.link_id, click.offer_id, click.destination) == (0, 0, "")
    assert b"This link leads nowhere" in answer.body


def test_a_click_that_fails_goes_to_the_fallback(fresh_db):
    offer = factories.make_offer(status="paused", fallback_url="https://out.example/?l={link}")
    factories.make_link(offer, code="abc123")
    answer = visit(fresh_db)
    assert answer.headers["location"] == "https://out.example/?l=abc123"
    assert Click.objects.get().reason == "offer_inactive"


def test_a_click_that_fails_without_a_fallback_gets_a_page(fresh_db):
    factories.make_link(factories.make_offer(visibility="private"), code="abc123")
    assert visit(fresh_db).status == 404
    assert Click.objects.get().reason == "not_approved"


def test_a_link_made_a_moment_ago_is_known(fresh_db, link):
    async def story(visitor):
        fresh = await asyncio.to_thread(_make_link_elsewhere, fresh_db, link)
        return await visitor.get(f"/c/{fresh}")

    assert tell(fresh_db.url, story).status == 302


def test_a_head_request_is_stored_like_any_other(fresh_db, link):
    assert visit(fresh_db, method="HEAD").status == 302
    assert Click.objects.count() == 1


def test_other_methods_are_refused_and_nothing_is_stored(fresh_db, link):
    answer = visit(fresh_db, method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert not Click.objects.exists()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/c/abc123", {}),
        ("/c/abc123", {"user_agent": "x" * 10_000}),
        ("/c/abc123", {"user_agent": b"\xff\xfe\x80", "referer": b"\xc3("}),
        ("/c/abc123", {"user_agent": "a\\b\tc\\N", "accept_language": ";;,,"}),
        ("/c/abc123?sub1=%00&sub2=%ff&sub3=%22%5C%7B%7D&sub4=NULL&source=%5CN%0A%0D%09", {}),
        ("/c/abc123?sub1=" + "x" * 2_000, {}),
        ("/c/abc123?&&==&sub1&=sub2&%", {}),
        ("/c/\0abc123?sub1=%01&source=\x01", {"user_agent": "\x01", "referer": "\0"}),
        ("/c/abc123", {"x_forwarded_for": b"6.6.6.6, \xff"}),
    ],
)
def test_hostile_input_redirects_and_is_stored(fresh_db, link, path, headers):
    assert visit(fresh_db, path, **headers).status == 302
    assert Click.objects.get().reason == "ok"


def test_an_address_comes_from_a_trusted_proxy_only(fresh_db, link, settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    visit(fresh_db, peer="10.0.0.1", x_forwarded_for="6.6.6.6, 2001:db8::7")
    visit(fresh_db, peer="198.51.100.1", x_forwarded_for="6.6.6.6")
    assert {click.ip for click in Click.objects.all()} == {"2001:db8::7", "198.51.100.1"}


def test_simultaneous_clicks_share_commits_and_lose_nothing(fresh_db, link):
    async def story(visitor):
        return await asyncio.gather(*(visitor.get(f"/c/abc123?sub1={i}") for i in range(500)))

    answers = tell(fresh_db.url, story)
    assert {answer.headers["location"] for answer in answers} == set(
        Click.objects.values_list("destination", flat=True)
    )
    assert len(answers) == Click.objects.count() == 500


def test_the_partitions_of_the_day_and_the_next_are_made(fresh_db, link, clock):
    clock.set(datetime(2031, 12, 31, 12, tzinfo=UTC))
    visit(fresh_db)
    assert _count("click_20311231") == 1
    assert (_count("click_20320101"), _count("click_default")) == (0, 0)


def test_without_a_database_and_a_spool_nobody_is_redirected(fresh_db, link):
    async def story(visitor):
        await asyncio.to_thread(_end_connections, fresh_db)
        broken = [await visitor.get("/c/abc123") for _ in range(3)]
        ready = await visitor.get("/readyz")
        figures = (await visitor.get("/metrics", peer="127.0.0.1")).body.decode()
        assert 'peraction_refused_total{code="unavailable",of="click"}' in figures
        while visitor.tracker.recorder.spooling:
            await asyncio.sleep(0.01)
        return broken, ready, await visitor.get("/c/abc123")

    broken, ready, after = tell(fresh_db.url, story, spool_bytes_max=0)
    assert (broken[0].status, broken[0].headers["retry-after"]) == (503, "1")
    assert (ready.status, ready.json["status"], after.status) == (503, "unready", 302)
    assert ready.headers["content-type"] == "application/json"
    assert ready.json["clicks"] == "spooling"
    answered = [answer for answer in (*broken, after) if answer.status == 302]
    assert Click.objects.count() == len(answered)


def test_one_row_that_postgresql_refuses_does_not_fail_its_neighbours(fresh_db, link):
    async def story(visitor):
        recorder, today = visitor.tracker.recorder, datetime.now(UTC).date()
        good = [recorder.record(Entry("click", today, make_row())) for _ in range(9)]
        bad = recorder.record(Entry("click", today, b"not a row"))
        return await asyncio.gather(*good, bad, return_exceptions=True)

    *good, bad = tell(fresh_db.url, story)
    assert ([type(each) for each in good], type(bad)) == ([Entry] * 9, Unavailable)
    assert Click.objects.count() == 9


@given(
    texts=st.lists(TEXTS, min_size=12, max_size=12),
    headers=st.tuples(TEXTS, TEXTS, TEXTS),
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_from_the_database_as_it_was(db, texts, headers):
    *subs, source, aff_click_id = texts
    params = {f"sub{n}": text for n, text in enumerate(subs, 1)}
    user_agent, referrer, language = headers
    id = uuid7()
    stored = make_row(
        id,
        params=params | {"source": source, "aff_click_id": aff_click_id, "sub30": source},
        agent=row.agent(user_agent, "phone", source, ""),
        origin=row.origin("192.0.2.1", "DE", source),
        marks=["bot", "gpc"],
        visitor=-7,
        referrer=referrer,
        language=language,
        destination=source,
    )
    with connection.cursor() as cursor, cursor.copy(COPIES["click"]) as copy:
        copy.write(b"".join([BEGIN, stored, END]))
    click = Click.objects.get(id=id)
    assert (click.subs, click.destination) == ([*subs, *[None] * 19, source], source)
    assert (click.source, click.aff_click_id) == (source, aff_click_id)
    assert (click.user_agent, click.referrer, click.language) == headers
    assert (click.device, click.os, click.browser) == ("phone", source, None)
    assert (click.country, click.region, click.visitor) == ("DE", source, -7)
    assert click.marks == ["bot", "gpc"]


def _count(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


def _end_connections(fresh_db):
    """What a restart of PostgreSQL does to those who are connected."""
    with psycopg.connect(fresh_db.url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'tracker clicks'"
        )


def _make_link_elsewhere(fresh_db, link):
    with psycopg.connect(fresh_db.url) as other:
        other.execute(
            "INSERT INTO link (code, affiliate_id, offer_id, name, active, created_at)"
            " VALUES ('fresh1', %s, %s, '', true, now())",
            [link.affiliate_id, link.offer_id],
        )
    return "fresh1"
