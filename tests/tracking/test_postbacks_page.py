"""The page on postbacks cannot rot: its program verifies what is sent, and its lists are ours."""

import json
import re
from datetime import timedelta

import pytest

from network.outgoing import call
from network.webhooks import webhook_headers
from tests import factories
from tests.kinds import all_codes
from tests.running import ROOT
from tests.tracking.rows import make_approved
from tracking.conversions.models import Conversion
from tracking.conversions.reasons import CATEGORIES
from tracking.postbacks import addresses, deliveries, schedule, send
from tracking.postbacks.api import DeliveryOutput, PostbackInput

PAGE = (ROOT / "docs" / "postbacks.md").read_text(encoding="utf-8")
UNITS_S = {"s": 1, "min": 60, "h": 3600}
EXAMPLE_AT_S = 1_795_780_848


def block(language):
    """The one block of this language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return found


def column(title):
    """What stands in the first column of the table with this title, in code."""
    rows = PAGE.split(f"\n\n| {title} | ")[1].split("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`([\w.-]+)`", row.split("|")[1])}


@pytest.fixture
def is_genuine():
    """The page's own verifier."""
    names = {}
    exec(block("python"), names)
    return names["is_genuine"]


@pytest.fixture
def sent(db, receiver):
    """An address's secret, and the headers and the body of the last message to it."""
    link = factories.make_link()
    factories.fund(link.offer.advertiser)
    statuses = ["pending", "approved"]
    _, secret = addresses.add(affiliate=link.affiliate, url=receiver.url, statuses=statuses)
    make_approved(link, sale=100, aff_click_id="x-1", source="mail", subs=["a", "b"])
    while deliveries.consume():
        pass
    send.send_due()
    (found,) = [
        (secret, headers, body)
        for headers, body in zip(receiver.headers, receiver.bodies, strict=True)
        if json.loads(body)["type"] == "conversion.approved"
    ]
    return found


def test_the_program_takes_what_is_sent_and_nothing_else(is_genuine, sent):
    secret, headers, body = sent
    assert is_genuine(secret, headers, body)
    assert not is_genuine(secret, headers, body + b" ")
    assert not is_genuine("whsec_" + "A" * 44, headers, body)
    assert not is_genuine(secret, headers | {"webhook-id": "another"}, body)
    assert not is_genuine(secret, {}, body)
    rotated = headers["webhook-signature"]
    assert is_genuine(secret, headers | {"webhook-signature": f"v1,AAAA {rotated}"}, body)


def test_the_program_refuses_what_is_old(is_genuine, sent):
    secret, headers, body = sent
    id = headers["webhook-id"]
    late_s = int(headers["webhook-timestamp"]) - int(timedelta(minutes=6).total_seconds())
    late = webhook_headers(secret, id=id, timestamp_s=late_s, body=body)
    assert not is_genuine(secret, late, body)


def test_the_example_is_signed_as_we_sign_and_looks_like_what_is_sent(sent):
    head, shown = block("http").rstrip().split("\n\n")
    body = shown.replace("\n", "").encode()
    (secret,) = re.findall(r"`(whsec_[\w+/=]+)`", PAGE)
    (id,) = re.findall(r"^webhook-id: (.*)$", head, re.MULTILINE)
    signed = webhook_headers(secret, id=id, timestamp_s=EXAMPLE_AT_S, body=body)
    assert [f"{name}: {value}" for name, value in signed.items()] == head.splitlines()[4:]
    _, headers, really = sent
    assert _names(json.loads(body)) == _names(json.loads(really))
    assert set(headers) > {line.partition(":")[0].lower() for line in head.splitlines()[1:]}


def _names(value):
    """An object's names, those of the objects inside it too."""
    if not isinstance(value, dict):
        return None
    return {name: _names(inner) for name, inner in value.items()}


def test_the_schedule_is_ours():
    pauses = re.search(r"^```text\n(10 s, .*)$", PAGE, re.MULTILINE)[1].split(", ")
    waits = [(int(number), unit) for number, unit in (pause.split() for pause in pauses)]
    assert tuple(number * UNITS_S[unit] for number, unit in waits) == schedule.WAITS_S


def test_states_reasons_and_fields_are_all_there():
    told = {name.partition(".")[2] for name in column("`type`")}
    assert told == set(Conversion.Status.values) - {"over_cap"}
    assert column("`reason`") == {*CATEGORIES.values(), "other"}
    settings, message, log = (
        {name for row in table.splitlines()[2:] for name in _words(row.split("|")[1])}
        for table in (part.split("\n\n")[0] for part in PAGE.split("\n| field | ")[1:])
    )
    assert settings == set(PostbackInput().fields)
    shown = json.loads(block("http").split("\n\n")[1].replace("\n", ""))
    assert message == {"type", "timestamp", *shown["data"]}
    assert log == set(DeliveryOutput.Meta.fields)


def _words(text):
    return re.findall(r"`(\w+)`", text)


def test_every_error_of_a_call_is_explained():
    codes = set(_words(call.__doc__))
    assert column("`last_error`") == codes | {"sealed_value_unreadable"}
    assert {"still_due", "test_under_way", "tests_busy", "url_invalid"} <= set(all_codes())
