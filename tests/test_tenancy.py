"""No partner reads or changes what is another's: every address, every relation, every outsider.

The world belongs to alice and acme; bob and rival are outside. An outsider gets 404, or 403 where
the role may not at all, and nothing changes. One test sees to it that no address is left out.
"""

import pytest

from tests import addresses, world
from tests.contents import contents

OUTSIDERS = ("bob", "rival")

# Addresses of one thing, with the methods that they take and a body that would be good.
MEMBERS = [
    ("get", "api-keys/{alice_key}", None),
    ("get", "api-keys/{acme_key}", None),
    ("delete", "api-keys/{alice_key}", None),
    ("delete", "api-keys/{acme_key}", None),
    ("get", "organisations/{acme_organisation}", None),
    ("get", "organisations/{alice_organisation}", None),
    ("get", "memberships/{alice_membership}", None),
    ("get", "memberships/{acme_membership}", None),
    ("delete", "memberships/{alice_membership}", None),
    ("get", "advertisers/{acme_advertiser}", None),
    ("patch", "advertisers/{acme_advertiser}", {"name": "Mine"}),
    ("post", "advertisers/{acme_advertiser}/report-token", None),
    ("post", "advertisers/{acme_advertiser}/require-signatures", None),
    ("get", "advertisers/{acme_advertiser}/report-keys", None),
    ("post", "advertisers/{acme_advertiser}/report-keys", {}),
    ("delete", "advertisers/{acme_advertiser}/report-keys/{report_key}", None),
    ("get", "affiliates/{alice_affiliate}", None),
    ("patch", "affiliates/{alice_affiliate}", {"name": "Mine"}),
    ("get", "offers/{offer}", None),
    ("patch", "offers/{offer}", {"name": "Mine"}),
    ("post", "offers/{offer}/activate", None),
    ("post", "offers/{offer}/pause", None),
    ("post", "offers/{offer}/end", None),
    ("get", "offers/{offer}/goals", None),
    ("post", "offers/{offer}/goals", {"code": "lead", "name": "Lead", "dedupe": "once"}),
    ("get", "offers/{offer}/landings", None),
    ("post", "offers/{offer}/landings", {"name": "Mine", "url": "https://rival.example/"}),
    ("get", "landings/{landing}", None),
    ("patch", "landings/{landing}", {"url": "https://rival.example/"}),
    ("get", "offers/{offer}/caps", None),
    ("post", "offers/{offer}/caps", {"scope": "offer", "period": "day", "limit": 1}),
    ("get", "caps/{cap}", None),
    ("patch", "caps/{cap}", {"limit": 1}),
    ("get", "caps/{cap}/windows", None),
    ("get", "goals/{goal}/terms", None),
    ("post", "goals/{goal}/terms", {"revenue": {"percent": "1"}}),
    ("get", "offers/{offer}/applications", None),
    ("post", "offers/{offer}/applications", {}),
    ("post", "offers/{offer}/applications/invite", {"affiliate_code": "bob"}),
    ("get", "applications/{application}", None),
    ("post", "applications/{application}/approve", {}),
    ("post", "applications/{application}/reject", {}),
    ("post", "applications/{application}/revoke", {}),
    ("get", "links/{link}", None),
    ("patch", "links/{link}", {"active": False}),
    ("post", "links/{link}/sign", {"expires_in_s": 60}),
    ("get", "links/{link}/qr", None),
    ("get", "link-keys/{link_key}", None),
    ("patch", "link-keys/{link_key}", {"expires_at": "{tomorrow}"}),
    ("delete", "link-keys/{link_key}", None),
    ("get", "smart-links/{smart}", None),
    ("patch", "smart-links/{smart}", {"active": False}),
    ("post", "smart-links/{smart}/sign", {"expires_in_s": 60}),
    ("get", "smart-links/{smart}/qr", None),
    ("get", "smart-links/{smart}/weights", None),
    ("delete", "external-ids/{external_id}", None),
    ("get", "payee-methods/{payee}", None),
    ("get", "page-events?click={click_text}", None),
    ("get", "conversions/{conversion}", None),
    ("get", "conversions/{conversion}/explain", None),
    ("post", "conversions/{conversion}/approve", {}),
    ("post", "conversions/{conversion}/reject", {"reason": "returned"}),
    ("post", "conversions/{earned}/reverse", {"reason": "returned"}),
    ("get", "postbacks/{postback}", None),
    ("patch", "postbacks/{postback}", {"active": False}),
    ("delete", "postbacks/{postback}", None),
    ("post", "postbacks/{postback}/test", None),
    ("get", "deliveries/{delivery}", None),
    ("post", "deliveries/{delivery}/replay", None),
    ("get", "commissions/{commission}", None),
    ("get", "deposits/{deposit}", None),
    ("get", "payout-runs/{sent}", None),
    ("get", "payout-runs/{sent}/skips", None),
    ("post", "payout-runs/{draft}/lock", None),
    ("post", "payout-runs/{locked}/approve", {"content_sha256": "{sha256}"}),
    ("post", "payout-runs/{draft}/cancel", None),
    ("post", "payout-runs/{approved}/file", None),
    ("get", "payout-runs/{sent}/file", None),
    ("post", "payout-runs/{sent}/settle", {"bookings": []}),
    ("get", "payouts/{payout}", None),
    ("post", "payouts/{payout}/reject", {"evidence": "AC04"}),
]
COLLECTIONS = [
    "api-keys",
    "organisations",
    "memberships",
    "advertisers",
    "affiliates",
    "offers",
    "caps",
    "applications",
    "links",
    "link-keys",
    "smart-links",
    "external-ids",
    "payee-methods",
    "clicks",
    "conversions",
    "postbacks",
    "deliveries",
    "reports?group=offer,affiliate,goal,day",
    "commissions",
    "deposits",
    "credit-limits",
    "payout-runs",
    "payouts",
    "balances",
    "statements",
]
# Filters and parameters by which somebody else's things could be asked for.
FILTERS = [
    "links?affiliate={alice_affiliate}",
    "link-keys?affiliate={alice_affiliate}",
    "caps?offer={offer}",
    "smart-links?affiliate={alice_affiliate}",
    "applications?affiliate={alice_affiliate}",
    "applications?offer={offer}",
    "clicks?offer={offer}&from={today}T00:00:00Z",
    "clicks?link={link}&from={today}T00:00:00Z",
    "conversions?affiliate={alice_affiliate}",
    "conversions?advertiser={acme_advertiser}",
    "postbacks?affiliate={alice_affiliate}",
    "deliveries?postback={postback}",
    "deliveries?conversion={conversion}",
    "reports?affiliate={alice_affiliate}",
    "reports?advertiser={acme_advertiser}",
    "reports?offer={offer}",
    "commissions?affiliate={alice_affiliate}",
    "commissions?conversion={earned}",
    "deposits?advertiser={acme_advertiser}",
    "credit-limits?advertiser={acme_advertiser}",
    "payouts?affiliate={alice_affiliate}",
    "payouts?run={sent}",
    "balances?affiliate={alice_affiliate}",
    "balances?advertiser={acme_advertiser}",
    "statements?affiliate={alice_affiliate}",
    "external-ids?internal_id={offer}",
]
# A relation in a body, the field's name, and who may send such a body at all.
RELATIONS = [
    ("bob", "links", {"offer": "{offer}"}, "offer"),
    ("bob", "links", {"offer": "{public}", "affiliate": "{alice_affiliate}"}, "affiliate"),
    ("bob", "link-keys", {"affiliate": "{alice_affiliate}"}, "affiliate"),
    (
        "bob",
        "smart-links",
        {
            "strategy": "weight",
            "choices": [{"offer": "{public}"}],
            "affiliate": "{alice_affiliate}",
        },
        "affiliate",
    ),
    ("rival", "offers", {"advertiser": "{acme_advertiser}"}, "advertiser"),
    ("rival", "goals/{public_goal}/terms", {"affiliate": "{alice_affiliate}"}, "affiliate"),
    ("bob", "postbacks", {"affiliate": "{alice_affiliate}"}, "affiliate"),
    ("bob", "postbacks", {"offer": "{offer}"}, "offer"),
]
# What only the network's people do.
OFFICES = [
    "memberships",
    "advertisers",
    "affiliates",
    "external-ids/import",
    "deposits",
    "credit-limits",
    "payout-runs",
]
# One's own, or nobody's: no id of another can stand in these.
PERSONAL = {
    ("post", "session"),
    ("delete", "session"),
    ("get", "me"),
    ("post", "me/password"),
    ("post", "api-keys"),
    ("post", "payee-methods"),
    ("get", "schema"),
}
# Names of fields and figures that are between the network and the other side.
HIDDEN = {
    "alice": (
        ("revenue", "sale", "margin", "prepaid", "available", "reserved", "credit", "deposit"),
        {world.REVENUE, world.DEPOSITED, f"{world.SALE}.00", "11.11", 137_097_400},
    ),
    "acme": (
        ("commission", "margin", "payable", "held", "payout", "net"),
        {world.COMMISSION, world.NET, "7.07", 87_243_800},
    ),
}
# What each sees of the same sale, lest the walk sees nothing at all.
SHOWN = {"alice": world.COMMISSION, "acme": world.REVENUE}


@pytest.fixture
def theirs(request, stage):
    """The world of alice and acme."""
    return world.World(request.getfixturevalue)


def ask(member, method, address, body=None, key="of-a-test"):
    """Ask as somebody, with an Idempotency-Key where one may be wanted."""
    headers = {} if method == "get" else {"idempotency-key": key}
    return getattr(member.api, method)(f"/api/v1/{address}", body, headers=headers)


@pytest.mark.parametrize(("method", "address", "body"), MEMBERS)
def test_an_outsider_finds_nothing_and_changes_nothing(bob, rival, theirs, method, address, body):
    address, body = address.format_map(theirs), theirs.filled(body)
    before = contents()
    for outsider in (bob, rival):
        answer = ask(outsider, method, address, body)
        assert answer.status_code in (403, 404)
        assert answer.json()["code"] in ("not_found", "role_not_allowed")
    assert contents() == before


@pytest.mark.parametrize("name", OUTSIDERS)
def test_an_outsiders_lists_hold_nothing_of_others(request, theirs, name):
    outsider = request.getfixturevalue(name)
    _ = theirs.delivery, theirs.payout, theirs.cap
    words = (
        "alice",
        "acme",
        f'"{theirs.payee.last4}"',
        theirs.link.code,
        theirs.smart.code,
        *SHOWN.values(),
    )
    for address in COLLECTIONS:
        answer = ask(outsider, "get", address)
        if answer.status_code == 403:
            assert answer.json()["code"] == "role_not_allowed"
            continue
        assert answer.status_code == 200
        text = answer.content.decode().lower()
        assert not any(word in text for word in words), address


@pytest.mark.parametrize("name", OUTSIDERS)
@pytest.mark.parametrize("address", FILTERS)
def test_a_filter_by_anothers_id_finds_nothing(request, theirs, name, address):
    answer = ask(request.getfixturevalue(name), "get", address.format_map(theirs))
    if answer.status_code in (403, 404) or answer.json().get("code") == "unknown_parameter":
        return
    assert answer.status_code == 200
    found = answer.json()
    assert not any(found[name] for name in ("results", "affiliates", "network") if name in found)
    assert all(
        row["advertiser"] != theirs["acme_advertiser"] for row in found.get("advertisers", ())
    )


@pytest.mark.parametrize(("name", "address", "body", "field"), RELATIONS)
def test_an_outsider_names_nothing_of_others(request, theirs, name, address, body, field):
    outsider = request.getfixturevalue(name)
    address, body = address.format_map(theirs), theirs.filled(body)
    before = contents()
    answer = ask(outsider, "post", address, body)
    faults = [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]
    assert answer.status_code == 422
    assert (f"/{field}", f"unknown_{field}") in faults
    assert contents() == before


@pytest.mark.parametrize("name", ["alice", "acme"])
@pytest.mark.parametrize("address", OFFICES)
def test_the_networks_business_is_not_for_partners(request, name, address):
    partner = request.getfixturevalue(name)
    before = contents()
    answer = ask(partner, "post", address, {})
    assert (answer.status_code, answer.json()["code"]) == (403, "role_not_allowed")
    assert contents() == before


def test_without_a_key_there_is_nothing_at_all(theirs, client):
    # One run stands for those in every state: nobody gets as far as looking.
    theirs.draft = theirs.locked = theirs.approved = theirs.sent
    everything = [(method, address) for method, address, _ in MEMBERS]
    everything += [("get", address) for address in COLLECTIONS]
    everything += [
        ("post", address) for address in (*OFFICES, "links", "smart-links", "offers", "postbacks")
    ]
    for method, address in everything:
        answer = getattr(client, method)(f"/api/v1/{address.format_map(theirs)}")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_the_networks_people_see_every_partner(theirs, olga, fred):
    for address in [address for method, address, _ in MEMBERS if method == "get"]:
        url = address.format_map(theirs)
        # The file for the bank is finance's business; keys and secrets are the operator's.
        kept = address.startswith(("api-keys", "advertisers/{acme_advertiser}/"))
        assert ask(olga, "get", url).status_code == 200 or address.endswith("/file")
        assert ask(fred, "get", url).status_code == 200 or kept


@pytest.mark.parametrize("name", HIDDEN)
def test_nobody_is_ever_shown_the_other_sides_money(request, theirs, name):
    names, figures = HIDDEN[name]
    member = request.getfixturevalue(name)
    _ = theirs.click, theirs.delivery, theirs.asking, theirs.payout
    seen = []
    gets = [address for method, address, _ in MEMBERS if method == "get"]
    for address in [*gets, *COLLECTIONS, "me", "conversions/{earned}/explain"]:
        answer = ask(member, "get", address.format_map(theirs))
        assert answer.status_code in (200, 403, 404), address
        if answer["Content-Type"].startswith("image/"):
            continue  # a link's own address, drawn
        seen += [(address, *leaf) for leaf in leaves(answer.json())]
    shown = [leaf for leaf in seen if leaf[2] in figures or any(word in leaf[1] for word in names)]
    assert shown == []
    assert SHOWN[name] in [value for _, _, value in seen]
    table = ask(member, "get", "reports?format=csv&group=offer,day").content.decode()
    assert not any(word in table for word in (*names, *map(str, figures)))


def leaves(found, path=""):
    """Every value of a JSON document with the names that lead to it."""
    if isinstance(found, dict):
        for name, value in found.items():
            yield from leaves(value, f"{path}/{name}")
    elif isinstance(found, list):
        for value in found:
            yield from leaves(value, path)
    else:
        yield path, found


def test_no_address_is_left_out():
    declared = {(method, addresses.shape(address)) for method, address, _ in MEMBERS}
    declared |= {("get", addresses.shape(address)) for address in COLLECTIONS}
    declared |= {("post", addresses.shape(address)) for _, address, _, _ in RELATIONS}
    declared |= {("post", address) for address in OFFICES}
    assert addresses.routes() == declared | PERSONAL
