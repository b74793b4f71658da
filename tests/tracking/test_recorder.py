"""The recorder: kinds of rows together, and the spool for whatever PostgreSQL cannot take now."""

import asyncio
import random
import time
from collections import Counter
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection

from network import clock
from network.errors import Unavailable
from partners.models import CapWindow
from tests import factories
from tests.factories import claims_of
from tests.tracking import spooled
from tests.tracking.trackers import tell
from tests.tracking.visits import make_row
from tracking.clicks import backlog, drain, kinds, spool_records
from tracking.clicks.kinds import Entry
from tracking.clicks.recorder import Recorder
from tracking.clicks.spool import Spool
from tracking.models import Click

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
TODAY = datetime.now(UTC).date()


@pytest.fixture
def link(fresh_db):
    return factories.make_link(code="abc123")


@pytest.fixture
def second_kind(monkeypatch):
    """Another kind of rows, which go to the clicks too."""
    monkeypatch.setitem(kinds.KINDS, "second", kinds.KINDS["click"])
    monkeypatch.setitem(kinds.COPIES, "second", kinds.COPIES["click"])
    return "second"


def entry(kind="click", row=None):
    return Entry(kind, TODAY, row or spooled.row())


def record(url, directory, *entries, bytes_max=2**20, commit_max_s=10):
    """What each entry's giver is told by a recorder that has just begun."""

    async def run():
        spool = Spool(directory, bytes_max=bytes_max)
        recorder = Recorder(url, spool, commit_max_s=commit_max_s)
        running = asyncio.create_task(recorder.run())
        if url != NOWHERE:
            while recorder.spooling:
                await asyncio.sleep(0.005)
        told = await asyncio.gather(
            *(recorder.record(each) for each in entries), return_exceptions=True
        )
        state = recorder.spooling, recorder.storing
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        spool.close()
        return told, state

    return asyncio.run(run())


def test_kinds_that_come_together_are_one_commit(fresh_db, second_kind, tmp_path):
    told, state = record(fresh_db.url, tmp_path, entry(), entry(second_kind), entry())
    assert ([type(each) for each in told], state) == ([Entry] * 3, (False, True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT xmin::text) FROM click")
        assert cursor.fetchone() == (3, 1)


def test_a_bad_row_of_one_kind_does_not_fail_another(fresh_db, second_kind, tmp_path):
    bad = entry(second_kind, b"no row")
    told, _ = record(fresh_db.url, tmp_path, entry(), bad, entry(second_kind), entry())
    assert [type(each) for each in told] == [Entry, Unavailable, Entry, Entry]
    assert Click.objects.count() == 3


def test_without_a_database_each_kind_is_spooled_for_itself(second_kind, tmp_path):
    told, state = record(NOWHERE, tmp_path, entry(), entry(second_kind), entry())
    assert ([type(each) for each in told], state) == ([Entry] * 3, (True, True))
    (path,) = backlog.paths(tmp_path)
    found = spool_records.decode(path.read_bytes()).records
    assert [(each.kind, each.size) for each in found] == [("click", 2), ("second", 1)]
    assert {each.days for each in found} == {frozenset([TODAY])}


def test_without_a_database_and_room_everybody_is_told_to_come_later(tmp_path):
    (told,), state = record(NOWHERE, tmp_path, entry(), bytes_max=10)
    assert (type(told), state) == (Unavailable, (True, False))


def test_a_connection_that_ends_half_way_takes_no_answer_from_what_is_stored(fresh_db, tmp_path):
    run_as_owner(
        fresh_db,
        """
        CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
        CREATE TRIGGER hang_up BEFORE INSERT ON click
        FOR EACH ROW WHEN (NEW.language = 'end') EXECUTE FUNCTION hang_up()
        """,
    )
    last = entry(row=spooled.row(language="end"))
    told, _ = record(
        fresh_db.url, tmp_path, entry(), entry(row=b"no row"), last, entry(), bytes_max=10
    )
    assert [type(each) for each in told] == [Entry, Unavailable, Unavailable, Unavailable]
    assert Click.objects.count() == 1


def test_what_postgresql_refuses_for_now_is_spooled(fresh_db, link, tmp_path):
    """Such as a table that is still to be migrated, or a server that only reads."""

    async def story(visitor):
        before = await visitor.get("/c/abc123")
        await asyncio.to_thread(run_as_owner, fresh_db, "REVOKE INSERT ON click FROM {}")
        return before, await visitor.get("/c/abc123")

    answers = tell(fresh_db.url, story, spool_dir=tmp_path)
    assert [answer.status for answer in answers] == [302, 302]
    assert not drain.drain(tmp_path, fresh_db.url)
    run_as_owner(fresh_db, "GRANT INSERT ON click TO {}")
    assert drain.drain(tmp_path, fresh_db.url)
    stored = Click.objects.values_list("destination", flat=True)
    assert sorted(stored) == sorted(answer.headers["location"] for answer in answers)


def run_as_owner(fresh_db, statement):
    role = psycopg.conninfo.conninfo_to_dict(fresh_db.url)["user"]
    with psycopg.connect(fresh_db.owner_url) as owner:
        owner.execute(statement.format(role))


def capped(*claims):
    """A click that needs these places, and what is stored where it finds none."""
    other = Entry("click", TODAY, make_row(reason="cap_offer"), "cap_offer")
    return Entry("click", TODAY, spooled.row(), claims=claims, otherwise=lambda claim: other)


def test_a_click_that_one_cap_refuses_leaves_the_counter_of_the_other_alone(fresh_db, tmp_path):
    offer = factories.make_offer()
    made = [factories.make_cap(offer, 5), factories.make_cap(offer, 1, scope="affiliate")]
    wide, narrow = claims_of(*made, at=clock.now())
    told, _ = record(
        fresh_db.url, tmp_path, capped(wide, narrow), capped(wide, narrow), capped(wide)
    )
    assert [each.outcome for each in told] == ["ok", "cap_offer", "ok"]
    # The windows are there by now.
    told, _ = record(
        fresh_db.url, tmp_path, capped(wide, narrow), capped(wide), capped(narrow), capped(wide)
    )
    assert [each.outcome for each in told] == ["cap_offer", "ok", "cap_offer", "ok"]
    told, _ = record(fresh_db.url, tmp_path, capped(wide), capped(wide), entry())
    assert [each.outcome for each in told] == ["ok", "cap_offer", "ok"]
    used = CapWindow.objects.order_by("cap_id").values_list("used", flat=True)
    assert list(used) == [5, 1]
    assert Click.objects.filter(reason="ok").count() == 6
    assert Click.objects.filter(reason="cap_offer").count() == 4


def test_a_bad_row_among_capped_ones_takes_no_place(fresh_db, tmp_path):
    cap = factories.make_cap(limit=10)
    (claim,) = claims_of(cap, at=clock.now())
    bad = capped(claim)._replace(row=b"no row")
    for _ in range(2):
        told, _ = record(fresh_db.url, tmp_path, capped(claim), bad, capped(claim))
        assert [type(each) for each in told] == [Entry, Unavailable, Entry]
    assert CapWindow.objects.get().used == Click.objects.count() == 4


def test_a_transaction_that_nobody_takes_back_holds_up_nobody(fresh_db, tmp_path, monkeypatch):
    """The server falls silent when it is told that a refused batch is to be forgotten."""

    async def silence(connection):
        await connection.execute("ROLLBACK")
        await connection.execute("SELECT pg_sleep(60)")

    monkeypatch.setattr(psycopg.AsyncConnection, "rollback", silence)
    cap = factories.make_cap(limit=10)
    (claim,) = claims_of(cap, at=clock.now())
    bad = capped(claim)._replace(row=b"no row")
    began_s = time.monotonic()
    told, _ = record(fresh_db.url, tmp_path, capped(claim), bad, entry(), commit_max_s=1)
    assert time.monotonic() - began_s < 20
    assert [each.outcome for each in told] == ["cap_offer", "cap_offer", "ok"]
    assert drain.drain(tmp_path, fresh_db.url)
    assert Click.objects.count() == 3


def test_many_recorders_with_overlapping_windows_pass_no_limit(fresh_db, tmp_path):
    """As many trackers; what is stored as good is what was counted."""
    offer = factories.make_offer()
    made = [
        factories.make_cap(offer, 150),
        factories.make_cap(offer, 40, scope="affiliate"),
        factories.make_cap(offer, 25, scope="source"),
    ]
    at = clock.now()
    chance = random.Random(3)

    async def run(number):
        spool = Spool(tmp_path / str(number), bytes_max=2**20)
        recorder = Recorder(fresh_db.url, spool, commit_max_s=20)
        running = asyncio.create_task(recorder.run())
        while recorder.spooling:
            await asyncio.sleep(0.005)
        good = Counter()
        for _ in range(12):
            asked = [
                claims_of(
                    *chance.sample(made, chance.randint(1, 3)),
                    affiliate_id=chance.randrange(4),
                    source=chance.choice("aBcDé"),
                    at=at,
                )
                for _ in range(chance.randint(1, 10))
            ]
            told = await asyncio.gather(*(recorder.record(capped(*each)) for each in asked))
            for each, entry in zip(asked, told, strict=True):
                good.update(claim[::2] for claim in each if entry.outcome == "ok")
        assert not recorder.spooling
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        spool.close()
        return good

    async def race():
        return sum(await asyncio.gather(*(run(number) for number in range(8))), Counter())

    granted = asyncio.run(race())
    counted = {(row.cap_id, row.key): row for row in CapWindow.objects.all()}
    assert {key: row.used for key, row in counted.items() if row.used} == granted
    assert all(row.used <= row.limit_count for row in counted.values())
    assert counted[made[0].pk, ""].used == 150
    assert not [path for number in range(8) for path in backlog.paths(tmp_path / str(number))]
