"""A smart link's visitors go on to the next offer where a cap closes, also in the same moment."""

import asyncio
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from partners.models import Cap, CapWindow
from tests import factories
from tests.shop import Browser
from tests.tracking.servers import serve
from tests.tracking.trackers import tell
from tracking.clicks.recorder import Recorder
from tracking.models import Click

PATH = "/c/s-smart"


@pytest.fixture
def make_smart(fresh_db):
    """A smart link over offers by priority, each with a cap of so many clicks, None for none."""

    def make(*limits, **fields):
        offers = []
        for place, limit in enumerate(limits):
            offer = factories.make_offer(
                landing_url=f"https://{place}.example/?c={{click_id}}",
                fallback_url=f"https://full{place}.example/",
            )
            if limit is not None:
                factories.make_cap(offer, limit=limit)
            offers.append(offer)
        return factories.make_smart_link(
            *offers, **({"code": "s-smart", "strategy": "priority"} | fields)
        )

    return make


def where(location):
    """The host of an address, None for none."""
    return location and location.split("/")[2].removesuffix(".example")


def at_once(server, number):
    """Where so many visitors are sent who ask in one moment."""
    ready = Barrier(number)

    def visitor(_):
        browser = Browser(server.port)
        browser.get("/healthz")
        ready.wait(20)
        status, headers, _ = browser.get(PATH)
        browser.close()
        return status, where(headers["location"])

    with ThreadPoolExecutor(number) as threads:
        return Counter(threads.map(visitor, range(number)))


def stored():
    """How many clicks each offer has by reason, in the order of the offers."""
    counted = Counter(Click.objects.values_list("offer_id", "reason"))
    return [(number, reason) for (_, reason), number in sorted(counted.items())]


def check_counters():
    """Each counter is the number of good clicks of its offer."""
    for window in CapWindow.objects.select_related("cap"):
        good = Click.objects.filter(offer_id=window.cap.offer_id, reason="ok").count()
        assert good == window.used <= window.limit_count


@pytest.mark.parametrize(
    ("second", "told", "rows"),
    [
        (None, {(302, "0"): 10, (302, "1"): 30}, [(10, "ok"), (30, "ok")]),
        (
            15,
            {(302, "0"): 10, (302, "1"): 15, (302, "network"): 15},
            [(15, "smart_no_offer"), (10, "ok"), (15, "ok")],
        ),
    ],
)
def test_who_finds_a_cap_full_goes_to_the_next_offer(
    fresh_db, tmp_path, make_smart, second, told, rows
):
    make_smart(10, second)
    environment = fresh_db.environment | {"NETWORK_FALLBACK_URL": "https://network.example/"}
    with serve(environment, log=tmp_path / "log") as server:
        assert at_once(server, 40) == told
    assert stored() == rows
    check_counters()


def ask_at_once(fresh_db, number, *, before=0):
    """The answers to so many visitors of one batch, and what the figures counted of them.

    With visitors `before` them the windows are there already.
    """

    async def story(visitor):
        for _ in range(before):
            await visitor.get(PATH)
        counted = figures(await visitor.get("/metrics", peer="127.0.0.1"))
        answers = await asyncio.gather(*(visitor.get(PATH) for _ in range(number)))
        return answers, figures(await visitor.get("/metrics", peer="127.0.0.1")) - counted

    return tell(fresh_db.url, story)


def figures(answer):
    found = re.findall(
        r'peraction_(?:clicks_total\{outcome="(\w+)"\}|batch_(rows)_sum) ([\d.]+)',
        answer.body.decode(),
    )
    return Counter({outcome or rows: int(float(number)) for outcome, rows, number in found})


@pytest.mark.parametrize("before", [0, 1])
def test_each_is_stored_and_told_once_however_many_caps_refuse_it(fresh_db, make_smart, before):
    make_smart(5, 10, 15, 20, None)
    answers, counted = ask_at_once(fresh_db, 100, before=before)
    told = Counter(where(answer.headers["location"]) for answer in answers)
    assert told == {"0": 5 - before, "1": 10, "2": 15, "3": 20, "4": 50 + before}
    assert stored() == [(5, "ok"), (10, "ok"), (15, "ok"), (20, "ok"), (50 + before, "ok")]
    check_counters()
    ids = {answer.headers["location"].partition("=")[2] for answer in answers}
    assert len(ids) == 100
    assert counted == {"ok": 100, "rows": 100}


@pytest.mark.parametrize("strategy", ["weight", "learned"])
def test_offers_that_are_drawn_are_all_filled(fresh_db, make_smart, strategy):
    make_smart(5, 10, 15, strategy=strategy)
    answers, counted = ask_at_once(fresh_db, 40)
    assert Counter(answer.status for answer in answers) == {302: 30, 404: 10}
    assert counted == {"ok": 30, "smart_no_offer": 10, "rows": 40}
    assert sorted(CapWindow.objects.values_list("used", flat=True)) == [5, 10, 15]
    check_counters()


def test_a_window_that_a_raised_limit_has_not_come_to_is_full_all_the_same(fresh_db, make_smart):
    make_smart(5, 5, None)
    ask_at_once(fresh_db, 12)
    Cap.objects.update(limit_count=1_000)
    answers, _ = ask_at_once(fresh_db, 10)
    assert Counter(where(answer.headers["location"]) for answer in answers) == {"2": 10}
    check_counters()


def test_landing_pages_of_their_own_caps_are_tried_until_none_is_left(fresh_db, make_smart):
    smart = make_smart(None, None)
    first = smart.choices.order_by("priority").first().offer
    for _ in range(3):
        factories.make_landing(first)
    factories.make_cap(first, limit=4, scope="landing")
    answers, _ = ask_at_once(fresh_db, 40)
    assert {answer.status for answer in answers} == {302}
    assert Counter(Click.objects.values_list("offer_id", flat=True))[first.pk] <= 12
    assert Click.objects.filter(reason="ok").count() == 40


@pytest.mark.parametrize(
    ("second", "host", "reason"), [(None, "1", "ok"), (9, "full0", "cap_unavailable")]
)
def test_without_a_counter_in_reach_it_is_the_offer_that_needs_none(
    fresh_db, make_smart, second, host, reason
):
    make_smart(10, second)

    async def story(visitor):
        recorder: Recorder = visitor.tracker.recorder
        before = figures(await visitor.get("/metrics", peer="127.0.0.1"))
        await recorder._drop(recorder._connection)
        answer = await visitor.get(PATH)
        return answer, figures(await visitor.get("/metrics", peer="127.0.0.1")) - before

    answer, counted = tell(fresh_db.url, story)
    assert (where(answer.headers["location"]), counted) == (host, {reason: 1})
