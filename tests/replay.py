"""The purchase log replayed over HTTP against a running network, day by day, by eight threads."""

import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import httpx

from tests import cdnow
from tests.cdnow import Purchase
from tests.running import Api, Running
from tests.shop import Browser, Shop

THREADS = 8
_CLICK_ID = re.compile(r"[?&]click_id=([\w-]+)")


@dataclass
class Replay:
    """One replay: what was asked, what was answered, what is in flight."""

    running: Running
    advertiser: str
    key_id: str
    secret: str
    # Link codes by the number of the affiliate.
    links: dict[int, str]
    clicks: dict[int, str] = field(default_factory=dict)
    reports: Counter[str] = field(default_factory=Counter)
    conversions: dict[int, str] = field(default_factory=dict)
    # Requests that nobody has answered yet, by what they are.
    in_flight: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _local: threading.local = field(default_factory=threading.local)
    _shops: list[Shop] = field(default_factory=list)

    def run(self, log: list[Purchase], *, seed: int = 1) -> None:
        """Replay the whole log; every report is sent twice, shuffled within its day."""
        shuffled = random.Random(seed)
        with ThreadPoolExecutor(THREADS) as pool:
            for day, bought in cdnow.by_day(log):
                self._begin(day)
                newcomers = [row for row in bought if row.customer not in self.clicks]
                first = {row.customer: row for row in newcomers}
                list(pool.map(self._click, first.values()))
                sent = bought * 2
                shuffled.shuffle(sent)
                list(pool.map(self._report, sent))
        # Over the settlement time of the last day.
        self.running.clock.forward(days=1)
        for shop in self._shops:
            shop.browser.close()

    def _begin(self, day: date) -> None:
        self.running.clock.set(datetime.combine(day, time(12), UTC) + timedelta(seconds=1))

    def _click(self, row: Purchase) -> None:
        path = f"/c/{self.links[row.affiliate]}?sub1=customer-{row.customer}"
        with self.flying("click"):
            status, headers, _ = self._browser.get_until_answered(path)
        assert status == 302, status
        self.clicks[row.customer] = _CLICK_ID.search(headers["location"])[1]

    def _report(self, row: Purchase) -> None:
        with self.flying("report"):
            status, answer = self._shop.report_until_answered(
                click_id=self.clicks[row.customer],
                goal="sale",
                order_id=str(row.order),
                amount=row.amount,
                currency="EUR",
            )
        if status == 202:
            # Its click is still in the spool: the report is kept, and matched when that is loaded.
            assert answer["code"] == "waiting", answer
            with self._lock:
                self.reports["waiting"] += 1
            return
        assert status == 200, answer
        with self._lock:
            self.reports[answer["code"]] += 1
            known = self.conversions.setdefault(row.order, answer["conversion"])
        assert known == answer["conversion"], "two conversions for one order"

    @property
    def _shop(self) -> Shop:
        if not hasattr(self._local, "shop"):
            self._local.shop = Shop(
                self.running.tracker_port,
                self.advertiser,
                self.key_id,
                self.secret,
                self.running.clock.time,
            )
            self._shops.append(self._local.shop)
        return self._local.shop

    @property
    def _browser(self) -> Browser:
        return self._shop.browser

    @contextmanager
    def flying(self, what: str) -> Iterator[None]:
        """Count a request as in flight while this lasts."""
        with self._lock:
            self.in_flight[what] += 1
        try:
            yield
        finally:
            with self._lock:
                self.in_flight[what] -= 1


class PayingIn(threading.Thread):
    """Pays in a cent at a time while a replay runs, each until it is answered."""

    def __init__(self, replay: Replay, finance: Api, advertiser_id: int) -> None:
        super().__init__(daemon=True)
        self._replay = replay
        self._finance = finance
        self._advertiser_id = advertiser_id
        self._enough = threading.Event()
        self.answers: dict[str, httpx.Response] = {}

    def run(self) -> None:
        """Pay in until told to stop."""
        while not self._enough.wait(0.1):
            bank_ref = f"cent-{len(self.answers)}"
            with self._replay.flying("deposit"):
                self.answers[bank_ref] = self._finance.ask("POST", "deposits", json={
                    "advertiser": self._advertiser_id,
                    "amount": {"amount": "0.01", "currency": "EUR"},
                    "bank_ref": bank_ref, "booked_on": "1997-01-01",
                })  # fmt: skip

    def stop(self) -> None:
        """Wait for the last answer."""
        self._enough.set()
        self.join()
