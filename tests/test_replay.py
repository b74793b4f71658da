"""A real purchase log over HTTP comes to the micro that fractions say, also under kill -9."""

import os
import random
import signal
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from network.embedded import process
from tests import cdnow, ready, scenery
from tests.amounts import micros
from tests.cdnow import Purchase
from tests.environment import LONG
from tests.replay import PayingIn, Replay
from tests.running import Api, Running, eventually
from tests.shop import Browser

VICTIMS = (
    "tracker", "worker", "web", "beat", "postgres", "tracker's worker", "valkey", "drainer"
)  # fmt: skip
# Of how many customers one buys, and the least kills. In the short run everybody dies once.
ONE_IN, KILLS = (1, 20) if LONG else (3, len(VICTIMS))
# Whoever dies often is started again later and later.
KILLS_MAX = 4 * len(VICTIMS) if LONG else KILLS
# A click in flight there may be stored and never answered.
OF_CLICKS = ("tracker", "tracker's worker", "postgres")
CENT_MICROS = 10_000


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A network on the first day of the log."""
    # A report whose click is still spooled waits, and days pass in a moment here.
    running = Running(ready.put(tmp_path), tracker_workers=2, settings={"WAIT_HOURS": "100000"})
    running.clock.set(datetime(1997, 1, 1, tzinfo=UTC))
    yield running.start()
    running.stop()


def begin(running: Running) -> tuple[Replay, dict[str, Any], Api, Api]:
    """The replay, its cast, and two people in finance; the advertiser has paid in a million."""
    cast = scenery.build_in(running)
    fred, gina = running.api(cast["keys"]["fred"]), running.api(cast["keys"]["gina"])
    fred.post("deposits", {
        "advertiser": cast["advertiser_id"],
        "amount": {"amount": "1000000.00", "currency": "EUR"},
        "bank_ref": "opening", "booked_on": "1997-01-01",
    })  # fmt: skip
    links = {int(number): code for number, code in cast["links"].items()}
    # The first click comes when the tracker has heard of the money.
    eventually(lambda: opens(running, links[0]), says="the first link never opened")
    replay = Replay(running, cast["advertiser"], cast["key_id"], cast["secret"], links)
    return replay, cast, fred, gina


def opens(running: Running, code: str) -> bool:
    """Whether a link leads to its offer; such a click has no sub."""
    browser = Browser(running.tracker_port)
    status, _, _ = browser.get_until_answered(f"/c/{code}")
    browser.close()
    return bool(status == 302)


def pay(running: Running, fred: Api, gina: Api) -> list[dict[str, Any]]:
    """Let every hold end, then build, lock, approve, send and settle one run; its payouts."""
    running.clock.set(datetime(1998, 9, 1, tzinfo=UTC))
    eventually(lambda: fred.get("commissions", state="held", limit=1)["results"] == [])
    run = fred.post("payout-runs", {"currency": "EUR"})
    locked = fred.post(f"payout-runs/{run['id']}/lock")
    gina.post(f"payout-runs/{run['id']}/approve", {"content_sha256": locked["content_sha256"]})
    fred.post(f"payout-runs/{run['id']}/file")
    file = fred.ask("GET", f"payout-runs/{run['id']}/file")
    assert file.status_code == 200, file.text
    payouts = fred.every("payouts", run=run["id"])
    done = fred.post(f"payout-runs/{run['id']}/settle", {"bookings": [
        {"payout": payout["id"], "bank_ref": f"booking-{payout['id']}",
         "booked_on": "1998-09-01", "amount": payout["net"]}
        for payout in payouts
    ]})  # fmt: skip
    assert done["state"] == "done"
    return payouts


def check_to_the_micro(
    running: Running, log: list[Purchase], cast: dict[str, Any], fred: Api, gina: Api
) -> None:
    """Conversions, revenue, commissions and payouts against the raw file in fractions."""
    expected = cdnow.expected(log)
    rows = eventually(
        lambda: (found := totals(running))["approved"] == expected.conversions and found,
        within_s=120, says=f"not all approved: {totals(running)}",
    )  # fmt: skip
    assert rows["conversions"] == expected.conversions
    assert rows["of_zero"] == (expected.of_zero, expected.of_zero, 0)
    assert expected.of_zero > 0
    assert rows["revenue_micros"] == expected.revenue_micros
    owed = {int(number): expected.commission_micros[int(number)] for number in cast["affiliates"]}
    assert rows["commission_micros"] == {cast["affiliates"][str(n)]: m for n, m in owed.items()}
    payouts = pay(running, fred, gina)
    paid = {row["affiliate"]: micros(row["net"]) + micros(row["carry_out"]) for row in payouts}
    assert paid == rows["commission_micros"]
    assert all(micros(row["net"]) % 10_000 == 0 for row in payouts)
    assert "clean" in running.manage("verify_ledger")


def totals(running: Running) -> dict[str, Any]:
    """What the tables hold, counted past our own code."""
    with psycopg.connect(running.environment["DATABASE_URL"]) as connection:
        # All of one moment: the jobs are still at work.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conversions, approved = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE status = 'approved') FROM conversion"
        ).fetchone()
        by_affiliate = connection.execute(
            "SELECT affiliate_id, sum(commission_micros)::bigint FROM commission GROUP BY 1"
        ).fetchall()
        revenue, count = connection.execute(
            "SELECT coalesce(sum(revenue_micros), 0)::bigint, count(*) FROM commission"
        ).fetchone()
        of_zero = connection.execute(
            "SELECT (SELECT count(*) FROM conversion WHERE sale_micros = 0 AND revenue_micros = 0),"
            " (SELECT count(*) FROM commission WHERE commission_micros = 0 AND revenue_micros = 0),"
            " (SELECT count(*) FROM entry WHERE amount_micros = 0)"
        ).fetchone()
    return {
        "conversions": conversions,
        "of_zero": of_zero,
        "approved": approved if count == conversions else -1,
        "revenue_micros": revenue,
        "commission_micros": dict(by_affiliate),
    }


def click_rows(running: Running) -> dict[str, int]:
    """How often the id of each customer's click is stored."""
    with psycopg.connect(running.environment["DATABASE_URL"]) as connection:
        return {
            str(id): count
            for id, count in connection.execute(
                "SELECT id, count(*) FROM click WHERE subs IS NOT NULL GROUP BY id"
            )
        }


@pytest.mark.skipif(
    not LONG, reason="the kill test replays a third of the log; this is in test-long"
)
def test_the_purchase_log_pays_what_fractions_say(running: Running) -> None:
    replay, cast, fred, gina = begin(running)
    log = cdnow.purchases()
    assert cdnow.expected(log).of_zero == 8
    replay.run(log)
    assert replay.reports == {"accepted": len(log), "duplicate": len(log)}
    assert len(replay.clicks) == len(click_rows(running)) == 2357
    check_to_the_micro(running, log, cast, fred, gina)


def deposits(running: Running) -> list[tuple[str, int, int]]:
    """Every cent by its reference, with its amount and how many journals posted it."""
    with psycopg.connect(running.environment["DATABASE_URL"]) as connection:
        return connection.execute(
            "SELECT bank_ref, amount_micros, (SELECT count(*) FROM journal "
            "WHERE idem_key = 'deposit:' || account || ':' || bank_ref) "
            "FROM deposit WHERE bank_ref LIKE 'cent-%' ORDER BY id"
        ).fetchall()


def test_the_purchase_log_survives_kills(running: Running) -> None:
    replay, cast, fred, gina = begin(running)
    log = cdnow.some(cdnow.purchases(), one_in=ONE_IN)
    cents = PayingIn(replay, running.api(cast["keys"]["fred"]), cast["advertiser_id"])
    killer = Killer(running, replay)
    cents.start()
    killer.start()
    try:
        replay.run(log, seed=2)
    finally:
        killer.stop()
        cents.stop()
    assert killer.kills >= KILLS, f"only {killer.kills} kills while requests were in flight"
    answered = {stored_id(text) for text in replay.clicks.values()}
    eventually(lambda: answered <= click_rows(running).keys(), says="a click never came")
    stored = click_rows(running)
    assert set(stored.values()) == {1}
    assert len(stored) - len(answered) <= killer.clicks_in_flight
    check_paid_in(running, cents, fred)
    check_to_the_micro(running, log, cast, fred, gina)


def check_paid_in(running: Running, cents: PayingIn, fred: Api) -> None:
    """Every deposit that was answered is there once, in the books once, and nothing besides."""
    assert len(cents.answers) > KILLS
    for answer in cents.answers.values():
        # Where the answer to a retry was forgotten meanwhile, the books still know the deposit.
        assert answer.status_code == 201 or answer.json()["code"] == "deposit_exists", answer.text
    assert deposits(running) == [(bank_ref, CENT_MICROS, 1) for bank_ref in cents.answers]
    (bank,) = [row for row in fred.get("balances")["network"] if row["kind"] == "bank"]
    assert micros(bank["balance"]) == 1_000_000_000_000 + CENT_MICROS * len(cents.answers)


def stored_id(external: str) -> str:
    """The UUID inside a click id: its first 16 of 24 bytes, base64url."""
    return str(UUID(bytes=urlsafe_b64decode(external)[:16]))


class Killer(threading.Thread):
    """Kills one of the supervisor's children at a time, while requests are in flight."""

    def __init__(self, running: Running, replay: Replay) -> None:
        super().__init__(daemon=True)
        self._running = running
        self._replay = replay
        self._random = random.Random(7)
        self._enough = threading.Event()
        self.kills = 0
        self.clicks_in_flight = 0

    def run(self) -> None:
        """Kill, and wait until the child is back, until told to stop or all had their turns."""
        while self.kills < KILLS_MAX and not self._enough.wait(self._random.uniform(0.3, 0.9)):
            victim = VICTIMS[self.kills % len(VICTIMS)]
            pid = self._pid(victim)
            if pid is None or not self._replay.in_flight.total():
                continue
            orphan = self._running.tracker_worker() if victim == "tracker" else None
            os.kill(pid, signal.SIGKILL)
            self.kills += 1
            if victim in OF_CLICKS:
                # Whoever was in flight at the kill is so still: there is nobody to answer yet.
                self.clicks_in_flight += self._replay.in_flight["click"]
            if orphan is not None:
                self.clicks_in_flight += self._outlives(orphan)
            self._back(victim, pid)

    def stop(self) -> None:
        """No further kill."""
        self._enough.set()
        self.join()

    def _outlives(self, worker: int) -> int:
        """The most clicks in flight while a killed server's worker lives on, to be killed next."""
        most = 0
        while process.started_at(worker) is not None:
            most = max(most, self._replay.in_flight["click"])
            time.sleep(0.001)
        return most

    def _pid(self, victim: str) -> int | None:
        if victim == "tracker's worker":
            return self._running.tracker_worker()
        return self._running.pids().get(victim)

    def _back(self, victim: str, pid: int) -> None:
        eventually(
            lambda: self._enough.is_set() or self._pid(victim) not in (None, pid),
            says=f"{victim} did not come back",
        )
