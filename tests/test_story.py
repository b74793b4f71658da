"""One conversion from an offer to the bank and back, through HTTP only, against real processes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sepaxml
from lxml import etree
from standardwebhooks import Webhook

from tests import ready
from tests.amounts import eur
from tests.inbox import Inbox, inbox
from tests.running import Api, Running, eventually
from tests.shop import Browser, Shop

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
PASSWORD = "a long and boring password"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An empty network, on a Monday in March."""
    running = Running(ready.put(tmp_path_factory.mktemp("story")))
    running.clock.set(START)
    yield running.start()
    running.stop()


@pytest.fixture(scope="module")
def box() -> Iterator[Inbox]:
    """The affiliate's server."""
    with inbox() as box:
        yield box


def of_affiliate(api: Api) -> dict[str, str]:
    """The affiliate's own balance, as amounts."""
    rows = api.get("balances")["affiliates"]
    return {name: rows[0][name]["amount"] for name in ("held", "payable", "in_payout", "paid")}


def test_the_whole_story(running: Running, box: Inbox) -> None:  # noqa: PLR0915  # one story
    olga = running.person("operator", "olga")
    fred, gina = running.person("finance", "fred"), running.person("finance", "gina")

    # Partners come in and help themselves to keys.
    advertiser = olga.post("advertisers", {
        "code": "acme", "name": "Acme", "person": person("anna@acme.example"),
    })  # fmt: skip
    olga.post("affiliates", {
        "code": "alice", "name": "Alice", "person": person("alice@site.example"),
    })  # fmt: skip
    anna, alice = key_of(running, "anna@acme.example"), key_of(running, "alice@site.example")
    secret = anna.post(f"advertisers/{advertiser['id']}/report-keys", {"key_id": "k1"})["secret"]
    anna.post(f"advertisers/{advertiser['id']}/require-signatures")

    # An offer for approved affiliates: 12.5 % of a sale, of which the affiliate gets 8 %.
    offer = anna.post("offers", {
        "name": "Acme shoes", "visibility": "approval", "currency": "EUR",
        "landing_url": "https://shop.acme.example/?ref=peraction&click={click_id}",
        "hold_days": 14,
        "goals": [{"code": "sale", "name": "Sale", "dedupe": "per_order", "is_default": True,
                   "terms": [{"revenue": {"percent": "12.5"}}]}],
    })  # fmt: skip
    (goal,) = olga.every(f"offers/{offer['id']}/goals")
    olga.post(f"goals/{goal['id']}/terms", {
        "revenue": {"percent": "12.5"}, "commission": {"percent": "8"},
    })  # fmt: skip
    anna.post(f"offers/{offer['id']}/activate")
    fred.post("deposits", {
        "advertiser": advertiser["id"], "amount": eur("500.00"),
        "bank_ref": "2026-03-02/1", "booked_on": "2026-03-02",
    })  # fmt: skip

    # The affiliate finds it, applies, takes a link, says where to be told and where to be paid.
    assert [row["name"] for row in alice.every("offers")] == ["Acme shoes"]
    refused = alice.post("links", {"offer": offer["id"]}, status=403)
    assert refused["code"] == "not_approved"
    asked = alice.post(f"offers/{offer['id']}/applications", {"message": "I write about shoes."})
    olga.post(f"applications/{asked['id']}/approve")
    link = alice.post("links", {"offer": offer["id"], "name": "blog"})
    told = alice.post("postbacks", {"url": box.url, "statuses": ["approved", "reversed"]})
    alice.post("payee-methods", {
        "holder": "Alice Site", "iban": "DE89 3704 0044 0532 0130 00", "country": "DE",
        "town": "Köln",
    })  # fmt: skip

    # A person clicks, and buys for 80.00 a quarter of an hour later.
    click_id = eventually(lambda: clicked(running, link["code"]), says="the link never opened")
    running.clock.forward(minutes=15)
    shop = Shop(running.tracker_port, "acme", "k1", secret, running.clock.time)
    sale = {"click_id": click_id, "order_id": "A-1001", "amount": "80.00", "currency": "EUR"}
    status, answer = shop.report(**sale)
    assert (status, answer["status"], answer["code"]) == (200, "pending", "accepted")
    assert shop.report(**sale)[1]["conversion"] == answer["conversion"]
    shop.browser.close()
    path = f"conversions/{answer['conversion']}"
    assert anna.get(path)["revenue"] == eur("10.00")

    # When the settlement time is over the rules judge it, and the affiliate hears of it, signed.
    running.clock.forward(minutes=10)
    eventually(lambda: olga.get(path)["status"] == "approved")
    assert [step["to"] for step in alice.get(f"{path}/explain")["timeline"]] == [
        "pending", "approved",
    ]  # fmt: skip
    assert "revenue" not in json.dumps(alice.get(f"{path}/explain"))
    assert "commission" not in json.dumps(anna.get(f"{path}/explain"))
    headers, body = eventually(lambda: box.messages)[0]
    # The receiver's library looks at real time, which this network has left.
    message = verified(told["secret"], headers, body)
    assert message["type"] == "conversion.approved"
    assert message["data"]["commission"] == eur("6.40")

    # The commission is held for two weeks, then it is payable.
    eventually(lambda: of_affiliate(alice)["held"] == "6.40")
    running.clock.forward(days=16)
    eventually(lambda: of_affiliate(alice)["payable"] == "6.40")

    # Finance builds a run; its maker cannot approve it, by no key; a second person can.
    run = fred.post("payout-runs", {"currency": "EUR", "minimum": eur("5.00")})
    locked = fred.post(f"payout-runs/{run['id']}/lock")
    content = {"content_sha256": locked["content_sha256"]}
    second_key = running.api(fred.post("api-keys", {
        "name": "second", "scopes": ["payouts:read", "payouts:write", "payouts:approve"],
    })["key"])  # fmt: skip
    for maker in (fred, second_key):
        refused = maker.ask("POST", f"payout-runs/{run['id']}/approve", json=content).json()
        assert refused["code"] == "self_approval"
    gina.post(f"payout-runs/{run['id']}/approve", content)
    fred.post(f"payout-runs/{run['id']}/file")
    first, again = (fred.ask("GET", f"payout-runs/{run['id']}/file").content for _ in range(2))
    assert first == again
    assert_pays(first, "6.40", "DE89370400440532013000")
    (payout,) = fred.every("payouts", run=run["id"])
    fred.post(f"payout-runs/{run['id']}/settle", {"bookings": [
        {"payout": payout["id"], "bank_ref": "B-77", "booked_on": "2026-03-18",
         "amount": eur("6.40")},
    ]})  # fmt: skip
    assert of_affiliate(alice) == {
        "held": "0.00", "payable": "0.00", "in_payout": "0.00", "paid": "6.40",
    }  # fmt: skip

    # The shoes come back: the affiliate owes the commission, the advertiser has its money again.
    anna.post(f"{path}/reverse", {"reason": "returned"})
    eventually(lambda: of_affiliate(alice)["payable"] == "-6.40")
    (funds,) = anna.get("balances")["advertisers"]
    assert funds["available"] == eur("500.00")
    assert alice.get("statements", **{"from": "2026-03-01"})["currencies"][0]["closing"][
        "total"
    ] == eur("-6.40")
    assert "clean" in running.manage("verify_ledger")


def person(email: str) -> dict[str, str]:
    """The first person of a partner."""
    return {"email": email, "password": PASSWORD}


def key_of(running: Running, email: str) -> Api:
    """Sign in as a person in a browser would, and issue a key for the rest of the story."""
    return running.api(running.sign_in(email, PASSWORD))


def clicked(running: Running, code: str) -> str | None:
    """Follow the link; the click id that the shop is given, once the offer is funded and open."""
    browser = Browser(running.tracker_port)
    status, headers, _ = browser.get(f"/c/{code}?sub1=header")
    browser.close()
    if status != 302:
        return None
    landing = headers["location"]
    assert landing.startswith("https://shop.acme.example/?ref=peraction&click=")
    return str(landing.rpartition("=")[2])


def verified(secret: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """The message, if the public library for Standard Webhooks accepts its signature."""
    hook = Webhook(secret)
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    signed = hook.sign(headers["webhook-id"], at, body.decode())
    assert signed in headers["webhook-signature"].split()
    message: dict[str, Any] = json.loads(body)
    return message


def assert_pays(file: bytes, amount: str, iban: str) -> None:
    """The file is a valid pain.001.001.09 with one payment of this amount to this account."""
    schemas = Path(sepaxml.__file__).parent / "schemas"
    schema = etree.XMLSchema(etree.parse(schemas / "pain.001.001.09.xsd"))
    document = etree.fromstring(file)
    schema.assertValid(document)
    space = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
    paid = document.findall(".//p:CdtTrfTxInf", space)
    assert [row.findtext(".//p:InstdAmt", namespaces=space) for row in paid] == [amount]
    assert [row.findtext(".//p:CdtrAcct//p:IBAN", namespaces=space) for row in paid] == [iban]
