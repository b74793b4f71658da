"""Every answer to a GET is what the API's description says, for each role.

The description is closed for it: a field that it does not name is as wrong as one that it promises
and nobody gets, and an answer that differs by role has to be one of the shapes, whole.
"""

import json
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from network import clock
from tests import addresses, factories, world
from tests.payouts.earning import book
from tests.test_tenancy import COLLECTIONS, MEMBERS, ask
from tests.tracking.rows import make_approved, make_click, make_conversion

ROLES = ("alice", "acme", "olga", "fred")
GETS = [
    *(address for method, address, _ in MEMBERS if method == "get"),
    *(address for address in COLLECTIONS if address != "statements"),
    "me",
    "reports",
    "reports?format=csv",
    "balances?affiliate={alice_affiliate}",
    "statements?affiliate={alice_affiliate}",
]
# What a role has no word of, and what says so.
REFUSED = (403, 404)
NOTHING = {"next": None, "previous": None, "next_cursor": None, "results": []}
# All that a tree can hold, as `partners.targeting` lists it.
TARGETING = {
    "all": [
        {"any": [{"fact": "country", "in": ["DE", "AT"]}, {"fact": "sub7", "in": ["a"]}]},
        {"not": {"fact": "ip", "in": ["192.0.2.0/24", "2001:db8::/32"]}},
        {"fact": "os_version", "at_least": "14.2"},
        {"fact": "prefetch", "is": False},
        {"fact": "local_time", "days": ["mon", "fri"], "from": "22:00", "to": "06:00"},
        {"fact": "local_time", "to": "06:00"},
    ]
}


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document, with every object closed that does not say it is open."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    closed: dict[str, Any] = json.loads(json.dumps(document, default=str), object_hook=_closed)
    return closed


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "object" and "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return schema


@cache
def described(address: str, kind: str) -> Draft202012Validator:
    """What knows whether an answer of this content type to a GET of the address is as described."""
    shape, base = addresses.shape(address), f"/{addresses.BASE}"
    (path,) = (
        path
        for path in description()["paths"]
        if path.startswith(base) and addresses.shape(path.removeprefix(base)) == shape
    )
    place = (path, "get", "responses", "200", "content", kind, "schema")
    pointer = "/".join(name.replace("~", "~0").replace("/", "~1") for name in place)
    return Draft202012Validator(
        {"$ref": f"urn:api#/paths/{pointer}"},
        registry=Registry().with_resource("urn:api", DRAFT202012.create_resource(description())),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


def faults(check: Draft202012Validator, answer: Any) -> list[str]:
    """What of the answer is not as described."""
    return [f"{error.json_path}: {error.message[:300]}" for error in check.iter_errors(answer)]


@pytest.fixture
def theirs(request, stage):
    """The world of alice and acme, and beside each thing another that lacks what may be absent."""
    theirs = world.World(request.getfixturevalue)
    # Bob earns too and cannot be paid: the run leaves him out.
    unpaid = factories.make_link(theirs.offer, theirs.bob_affiliate)
    _ = theirs.deposit
    make_approved(unpaid, received_at=clock.now() - timedelta(days=3))
    _ = theirs.click_text, theirs.delivery, theirs.asking, theirs.payout, theirs.external_id
    _ = theirs.landing, theirs.cap, theirs.smart, theirs.link_key, theirs.report_key
    type(theirs.offer).objects.filter(pk=theirs.offer.pk).update(targeting=TARGETING)
    offer = factories.make_offer(theirs.acme_advertiser)
    link = factories.make_link(offer, theirs.alice_affiliate)
    factories.make_cap(offer)
    make_click(link, reason="geo_country", smart_link_id=theirs.smart.pk, ip="192.0.2.1")
    lead = factories.make_goal(offer, "lead", terms={"revenue_fixed_micros": 3_000_000})
    make_conversion(link, goal=lead, is_test=True, sale=None)
    make_approved(link, order_ref="another")
    book()
    return theirs


def test_every_answer_is_as_described(request, theirs):
    wrong, empty = [], set(GETS)
    for address in GETS:
        for name in ROLES:
            answer = ask(request.getfixturevalue(name), "get", address.format_map(theirs))
            if answer.status_code in REFUSED:
                continue
            assert answer.status_code == 200, address
            kind = answer["Content-Type"].partition(";")[0]
            check = described(address, kind)
            if kind != "application/json":
                empty.discard(address)
                continue
            found = answer.json()
            if found and found != NOTHING:
                empty.discard(address)
            wrong += [f"{name} {address} {fault}" for fault in faults(check, found)]
    assert wrong == []
    # An empty list is as described in whichever way.
    assert empty == set()
