"""Impressions and page events over HTTP: stored before they are answered, whatever they carry."""

import asyncio
import gzip
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from network import binary
from network.ids import uuid7
from partners import watcher
from tests import factories
from tests.tracking.trackers import tell
from tracking.clicks import batch, drain, ids, query, row
from tracking.clicks.kinds import COPIES
from tracking.models import Impression, PageEvent
from tracking.seen import rows, script
from tracking.seen.impressions import GIF

CLICK = ids.mint(uuid7())
TEXTS = st.text(st.characters(exclude_characters=query.NUL, exclude_categories=["Cs"]))


@pytest.fixture
def link(fresh_db):
    return factories.make_link(code="abc123")


def ask(fresh_db, path, *, method="GET", body=b"", **headers):
    return tell(fresh_db.url, lambda visitor: visitor.ask(method, path, headers=headers, body=body))


def test_an_impression_is_stored_and_answered_with_a_picture(fresh_db, link):
    answer = ask(
        fresh_db,
        "/i/abc123?source=blog&sub1=a%22b&sub3=c&email=x%40y.example",
        user_agent="Firefox",
        referer="https://blog.example/",
    )
    seen = Impression.objects.get()
    assert (answer.status, answer.body, len(GIF)) == (200, GIF, 43)
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (
        "image/gif",
        "no-store",
    )
    assert (seen.link_id, seen.affiliate_id) == (link.pk, link.affiliate_id)
    assert (seen.offer_id, seen.advertiser_id) == (link.offer_id, link.offer.advertiser_id)
    assert (seen.source, seen.subs) == ("blog", ['a"b', None, "c"])
    assert (seen.ip, seen.user_agent) == ("192.0.2.1", "Firefox")
    assert seen.referrer == "https://blog.example/"
    assert datetime.now(UTC) - seen.ts < timedelta(seconds=30)


def test_who_opts_out_counts_without_a_trace(fresh_db, link):
    ask(fresh_db, "/i/abc123", sec_gpc="1", user_agent="Firefox", referer="https://blog.example/")
    seen = Impression.objects.get()
    assert (seen.ip, seen.user_agent, seen.referrer) == (None, None, None)


def test_who_refuses_counts_without_a_trace(fresh_db, link):
    ask(fresh_db, "/i/abc123?cons=0", user_agent="Firefox", referer="https://blog.example/")
    seen = Impression.objects.get()
    assert (seen.ip, seen.user_agent, seen.referrer) == (None, None, None)


def test_an_address_is_kept_as_that_of_a_click(fresh_db, link, settings):
    settings.CONSENT_ABSENT = "minimal"
    ask(fresh_db, "/i/abc123")
    settings.CLICK_IP = "none"
    ask(fresh_db, "/i/abc123")
    assert [each.ip for each in Impression.objects.order_by("ts")] == ["192.0.2.0", None]


@pytest.mark.parametrize("path", ["/i/nosuchlink", "/i/", "/i/%ff%00", "/i/" + "x" * 5_000])
def test_an_unknown_link_has_no_impressions_and_a_picture_all_the_same(fresh_db, link, path):
    async def story(visitor):
        answer = await visitor.get(path)
        return answer, (await visitor.get("/healthz")).json["seen_refused"]

    answer, refused = tell(fresh_db.url, story)
    assert (answer.status, answer.body) == (200, GIF)
    assert refused == {"impression_unknown": 1}
    assert not Impression.objects.exists()


def test_without_a_database_no_picture_waits_for_an_unknown_link(fresh_db, link):
    async def story(visitor):
        recorder = visitor.tracker.recorder
        await recorder._drop(recorder._connection)
        began_s = time.monotonic()
        return await visitor.get("/i/nosuchlink"), time.monotonic() - began_s

    answer, took_s = tell(fresh_db.url, story)
    assert (answer.status, answer.body) == (200, GIF)
    assert took_s < watcher.CHECK_EVERY_S / 2


@pytest.mark.parametrize("what", ["link", "affiliate", "offer"])
def test_what_leads_nowhere_has_no_impressions(fresh_db, link, what):
    match what:
        case "link":
            type(link).objects.update(active=False)
        case "affiliate":
            type(link.affiliate).objects.update(status="suspended")
        case "offer":
            type(link.offer).objects.update(status="paused")
    assert ask(fresh_db, "/i/abc123").body == GIF
    assert not Impression.objects.exists()


def test_a_link_made_a_moment_ago_has_impressions(fresh_db, link):
    def make():
        with psycopg.connect(fresh_db.url) as other:
            other.execute(
                "INSERT INTO link (code, affiliate_id, offer_id, name, active, created_at)"
                " VALUES ('fresh1', %s, %s, '', true, now())",
                [link.affiliate_id, link.offer_id],
            )

    async def story(visitor):
        await asyncio.to_thread(make)
        await visitor.get("/i/fresh1")

    tell(fresh_db.url, story)
    assert Impression.objects.count() == 1


def test_only_a_picture_that_is_shown_is_an_impression(fresh_db, link):
    assert ask(fresh_db, "/i/abc123", method="HEAD").status == 200
    answer = ask(fresh_db, "/i/abc123", method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert not Impression.objects.exists()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/i/abc123", {"user_agent": "x" * 10_000, "referer": b"\xc3("}),
        ("/i/abc123", {"user_agent": "a\\b\tc\\N\x01", "referer": "\0"}),
        ("/i/abc123?sub1=%00&sub2=%ff&sub3=%22%5C%7B%7D&sub4=NULL&source=%5CN%0A%0D%09", {}),
        ("/i/abc123?&&==&sub1&=sub2&%", {"x_forwarded_for": b"6.6.6.6, \xff"}),
    ],
)
def test_hostile_input_is_stored_like_any_other(fresh_db, link, path, headers):
    assert ask(fresh_db, path, **headers).status == 200
    assert Impression.objects.count() == 1


def test_a_picture_says_when_its_impression_is_not_stored(fresh_db, link):
    async def story(visitor):
        visitor.tracker.watcher.snapshot = None
        return await visitor.get("/i/abc123")

    answer = tell(fresh_db.url, story)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (503, GIF, "1")


def test_while_postgresql_is_away_both_are_spooled_and_loaded_once(fresh_db, link, tmp_path):
    async def story(visitor):
        recorder = visitor.tracker.recorder
        await recorder._drop(recorder._connection)
        assert recorder.spooling
        return [
            await visitor.get("/i/abc123"),
            await visitor.get(f"/e?click_id={CLICK}&name=page"),
        ]

    answers = tell(fresh_db.url, story, spool_dir=tmp_path / "spool")
    assert [answer.status for answer in answers] == [200, 204]
    assert (Impression.objects.count(), PageEvent.objects.count()) == (0, 0)
    for _ in range(2):
        assert drain.drain(tmp_path / "spool", fresh_db.url)
        assert (Impression.objects.count(), PageEvent.objects.count()) == (1, 1)


def test_a_beacon_tells_of_a_page(fresh_db):
    body = f"click_id={CLICK}&name=add_to_cart&path=%2Fboots".encode()
    answer = ask(fresh_db, "/e", method="POST", body=body, content_type="text/plain;charset=UTF-8")
    told = PageEvent.objects.get()
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert (told.click_id, told.name, told.path) == (ids.read(CLICK), "add_to_cart", "/boots")


def test_a_get_tells_the_same(fresh_db):
    assert ask(fresh_db, f"/e?click_id={CLICK}&name=page").status == 204
    assert PageEvent.objects.get().path == "/"


def ask_each(fresh_db, paths):
    """The answers to all of these, and what was counted as refused."""

    async def story(visitor):
        answers = [await visitor.get(path) for path in paths]
        return answers, (await visitor.get("/healthz")).json["seen_refused"]

    return tell(fresh_db.url, story)


def test_of_an_address_the_path_alone_is_kept(fresh_db):
    said = [
        "/a/b?email=x@y.example",
        "/a/b%23token=1",
        "https://shop.example/a/b?q=1%23x",
        "http://u:p@shop.example:8/a/b",
        "a/b",
    ]
    answers, _ = ask_each(fresh_db, [f"/e?click_id={CLICK}&name=page&path={path}" for path in said])
    assert {answer.status for answer in answers} == {204}
    assert list(PageEvent.objects.values_list("path", flat=True)) == ["/a/b"] * len(said)


def test_a_click_id_that_is_not_ours_stores_nothing(fresh_db):
    wrong = ["", "x", CLICK[:-1], "A" * 32, CLICK.swapcase(), "%00"]
    answers, refused = ask_each(fresh_db, [f"/e?click_id={each}&name=page" for each in wrong])
    assert {(answer.status, answer.json["code"]) for answer in answers} == {
        (422, "click_id_invalid")
    }
    assert answers[0].json["errors"][0]["pointer"] == "/click_id"
    assert answers[0].headers["access-control-allow-origin"] == "*"
    assert refused == {"click_id_invalid": len(wrong)}
    assert not PageEvent.objects.exists()


def test_a_name_that_is_none_stores_nothing(fresh_db):
    wrong = ["", "Page", "a-b", "a" * 41, "%D0%BF", "a%0A"]
    answers, _ = ask_each(fresh_db, [f"/e?click_id={CLICK}&name={each}" for each in wrong])
    assert {(answer.status, answer.json["code"]) for answer in answers} == {
        (422, "event_name_invalid")
    }
    assert not PageEvent.objects.exists()


def test_what_is_too_much_or_in_another_way_is_refused(fresh_db):
    answer = ask(fresh_db, "/e", method="POST", body=b"x" * 5_000)
    assert (answer.status, answer.json["code"]) == (413, "too_large")
    answer = ask(fresh_db, "/e", method="PUT")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")


@given(texts=st.lists(TEXTS, min_size=2, max_size=10), referrer=TEXTS)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_from_the_database_as_it_was(db, texts, referrer):
    id = uuid7()
    params = {f"sub{n}": text for n, text in enumerate(texts, 1)}
    entry = rows.entry(
        "impression",
        id,
        *map(binary.number, (1, 2, 3, 4)),
        binary.text_or_null(texts[0]),
        row.subs(params),
        binary.NULL,
        *map(binary.text_or_null, (texts[1], referrer)),
    )
    with connection.cursor() as cursor, cursor.copy(COPIES["impression"]) as into:
        into.write(batch.copied([entry]))
    seen = Impression.objects.get(id=id)
    assert seen.subs == texts
    assert (seen.source or "", seen.user_agent or "", seen.referrer or "") == (
        texts[0],
        texts[1],
        referrer,
    )


@pytest.mark.parametrize("table", ["impression", "page_event"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET ts = ts", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"]
)
def test_what_was_seen_stays_as_it_is(db, table, statement):
    for name in (table, f"{table}_default"):
        with (
            pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
            transaction.atomic(),
        ):
            connection.cursor().execute(statement.format(name))


def test_the_script_comes_from_memory_and_is_kept_by_browsers(fresh_db):
    async def story(visitor):
        latest = await visitor.get(script.LATEST)
        etag = latest.headers["etag"]
        return (
            latest,
            await visitor.get(script.LATEST, if_none_match=etag),
            await visitor.get(script.FIXED, accept_encoding="gzip, br"),
            await visitor.get("/js/pa.0123456789abcdef.js"),
        )

    latest, again, fixed, former = tell(fresh_db.url, story)
    assert (latest.status, latest.body) == (200, script.SCRIPT)
    assert latest.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "max-age=3600" in latest.headers["cache-control"]
    assert (again.status, again.body) == (304, b"")
    assert gzip.decompress(fixed.body) == script.SCRIPT
    assert (fixed.headers["content-encoding"], fixed.headers["vary"]) == ("gzip", "accept-encoding")
    assert "immutable" in fixed.headers["cache-control"]
    assert (former.status, former.headers["location"]) == (302, "/js/pa.js")


def test_the_script_is_small():
    assert len(gzip.compress(script.SCRIPT, compresslevel=9)) < 4_096
