"""A cap is exact over several trackers, also when one of them is killed half-way."""

import http.client
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count

from partners.models import CapWindow
from tests import factories
from tests.environment import LONG
from tests.shop import Browser
from tests.tracking.servers import serve
from tracking.models import Click

LIMIT, CLICKS = (1_000, 5_000) if LONG else (200, 1_000)
TRACKERS, THREADS = 4, 16


def test_four_trackers_let_in_what_the_cap_says_and_no_more(fresh_db, tmp_path):
    offer = factories.make_offer(fallback_url="https://full.example/")
    factories.make_link(offer, code="abc123")
    cap = factories.make_cap(offer, limit=LIMIT)
    told: Counter[str] = Counter()
    silent = Counter()
    numbers, lock = count(), threading.Lock()

    with ExitStack() as stack:
        servers = [
            stack.enter_context(serve(fresh_db.environment, log=tmp_path / str(n) / "log"))
            for n in range(TRACKERS)
            if (tmp_path / str(n)).mkdir() is None
        ]

        def visitor(place: int) -> None:
            browser = Browser(servers[place % TRACKERS].port)
            while (number := next(numbers)) < CLICKS:
                # Half-way to the limit: what it dies with may have taken places.
                if number == LIMIT // 2:
                    servers[0].kill()
                try:
                    status, headers, _ = browser.get("/c/abc123")
                except (OSError, http.client.HTTPException):
                    # Its tracker is dead: stored perhaps, answered never.
                    with lock:
                        silent["unanswered"] += 1
                    browser = Browser(servers[1 + place % (TRACKERS - 1)].port)
                    continue
                where = headers["location"].partition("?")[0] if status == 302 else str(status)
                with lock:
                    told[where] += 1
            browser.close()

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(visitor, range(THREADS)))

    good = Click.objects.filter(reason="ok").count()
    used = CapWindow.objects.get(cap=cap).used
    assert good == used == LIMIT
    assert set(Click.objects.exclude(reason="ok").values_list("reason", flat=True)) == {"cap_offer"}
    # Who got in and was not answered died with the tracker.
    let_in = told.pop("https://shop.example/landing")
    assert LIMIT - silent["unanswered"] <= let_in <= LIMIT
    assert set(told) == {"https://full.example/"}
    assert told.total() + let_in + silent["unanswered"] == CLICKS
    assert told.total() + let_in <= Click.objects.count()
