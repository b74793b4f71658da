"""Promises that need the whole network: money that runs out and returns, clicks that come late."""

import hashlib
import os
import threading
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests import ready, scenery
from tests.running import Api, Running, eventually
from tests.shop import Shop

REPORTS = 400


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A network with two tracker processes, whose reports settle at once."""
    directory = ready.put(tmp_path_factory.mktemp("promises"))
    running = Running(directory, tracker_workers=2, settings={"SETTLE_SECONDS": "0"})
    yield running.start()
    running.stop()


@pytest.fixture(scope="module")
def cast(running: Running) -> dict[str, Any]:
    """The shop that sells for 70.00 and pays 7.00, its affiliates, and finance."""
    return scenery.build_in(running)


@pytest.fixture
def fred(running: Running, cast: dict[str, Any]) -> Api:
    """Finance."""
    return running.api(cast["keys"]["fred"])


def deposit(fred: Api, cast: dict[str, Any], amount: str) -> None:
    """The advertiser pays in."""
    fred.post(
        "deposits",
        {
            "advertiser": cast["advertiser_id"],
            "amount": {"amount": amount, "currency": "EUR"},
            "bank_ref": f"{amount}-{time.monotonic_ns()}",
            "booked_on": "2026-01-01",
        },
    )


def late_click(running: Running) -> tuple[UUID, str]:
    """An id that a tracker of this network could have given, without a row behind it."""
    unix_ms = time.time_ns() // 1_000_000
    raw = bytearray(unix_ms.to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    key = bytes.fromhex(running.environment["CLICK_KEYS"].split(",")[0])
    tag = hashlib.blake2b(bytes(raw), digest_size=8, key=key).digest()
    return UUID(bytes=bytes(raw)), urlsafe_b64encode(bytes(raw) + tag).decode()


def store_click(running: Running, cast: dict[str, Any], id: UUID) -> None:
    """Copy the row in afterwards, as an operator would from another machine."""
    with psycopg.connect(running.environment["DATABASE_URL"]) as connection:
        connection.execute(
            "INSERT INTO click (id, ts, link_id, affiliate_id, offer_id, advertiser_id, reason, "
            "link_code, destination) "
            "SELECT %s, to_timestamp(%s / 1000.0), link.id, link.affiliate_id, link.offer_id, %s, "
            "'ok', link.code, 'https://shop.example/' FROM link WHERE code = %s",
            [id, id.int >> 80, cast["advertiser_id"], cast["links"]["0"]],
        )


def shop_of(running: Running, cast: dict[str, Any]) -> Shop:
    """A client of its own for a thread."""
    return Shop(running.tracker_port, cast["advertiser"], cast["key_id"], cast["secret"], time.time)


def test_a_report_before_its_click_is_approved_once_the_click_is_there(
    running: Running, cast: dict[str, Any], fred: Api
) -> None:
    deposit(fred, cast, "7.00")
    id, external = late_click(running)
    shop = shop_of(running, cast)
    sale = {"click_id": external, "order_id": "early", "amount": "70.00", "currency": "EUR"}
    answers = [shop.report(**sale) for _ in range(2)]
    shop.browser.close()
    assert [(status, answer["code"]) for status, answer in answers] == [(202, "waiting")] * 2
    assert fred.every("conversions", order_id="early") == []
    store_click(running, cast, id)
    (conversion,) = eventually(lambda: fred.every("conversions", order_id="early"))
    eventually(lambda: fred.get(f"conversions/{conversion['id']}")["status"] == "approved")
    assert len(fred.every("conversions", order_id="early")) == 1


def test_funds_are_spent_to_the_last_that_fits_and_a_deposit_goes_to_the_oldest(
    running: Running, cast: dict[str, Any], fred: Api
) -> None:
    deposit(fred, cast, "1000.00")
    id, external = late_click(running)
    store_click(running, cast, id)
    ready = threading.Barrier(REPORTS)

    def report(number: int) -> str:
        shop = shop_of(running, cast)
        path = shop.path(click_id=external, order_id=f"order-{number}", amount="70.00")
        ready.wait()
        status, _, body = shop.browser.get_until_answered(path)
        shop.browser.close()
        assert status == 200, body
        return "unfunded" if b'"unfunded"' in body else "taken"

    with ThreadPoolExecutor(REPORTS) as pool:
        answers = Counter(pool.map(report, range(REPORTS)))
    assert answers == {"taken": 142, "unfunded": REPORTS - 142}

    waiting = sorted(
        fred.every("conversions", status="unfunded"),
        key=lambda row: (row["received_at"], row["id"]),
    )
    deposit(fred, cast, "70.00")
    # 6.00 were left over, and 70.00 came: room for ten of 7.00.
    eventually(lambda: len(fred.every("conversions", status="unfunded")) == len(waiting) - 10)
    left = {row["id"] for row in fred.every("conversions", status="unfunded")}
    assert left == {row["id"] for row in waiting[10:]}
    eventually(lambda: fred.every("conversions", status="pending") == [])
    assert "clean" in running.manage("verify_ledger")
