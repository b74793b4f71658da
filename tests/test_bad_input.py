"""Bad input to any write gets a problem document with a stable code, and nothing is written."""

from uuid import uuid4

import pytest
from django.core.cache import cache

from tests import addresses, factories, world
from tests.amounts import eur
from tests.cast import api_client
from tests.contents import contents

PAID = eur("100.00")
PRICE = {"fixed": eur("5.00")}
# Who may write where, with a body that is good but for what a test spoils.
WRITES = [
    ("olga", "post", "session", {"email": "olga@test.example", "password": factories.PASSWORD}),
    ("alice", "post", "api-keys", {"name": "k", "scopes": ["links:read"]}),
    (
        "olga",
        "post",
        "memberships",
        {"organisation": "{alice_organisation}", "role": "affiliate", "email": "bob@test.example"},
    ),
    (
        "olga",
        "post",
        "me/password",
        {"old": factories.PASSWORD, "new": "staple battery horse correct"},
    ),
    ("olga", "post", "advertisers", {"code": "delta", "name": "Delta"}),
    ("olga", "patch", "advertisers/{acme_advertiser}", {"name": "Delta"}),
    ("acme", "post", "advertisers/{acme_advertiser}/report-keys", {"key_id": "k1"}),
    ("olga", "post", "affiliates", {"code": "carol", "name": "Carol"}),
    ("olga", "patch", "affiliates/{alice_affiliate}", {"name": "Carol"}),
    (
        "acme",
        "post",
        "offers",
        {
            "name": "O",
            "visibility": "public",
            "currency": "EUR",
            "landing_url": "https://a.example/",
            "goals": [
                {"code": "lead", "name": "Lead", "dedupe": "once", "terms": [{"revenue": PRICE}]}
            ],
        },
    ),
    ("acme", "patch", "offers/{offer}", {"name": "O"}),
    (
        "acme",
        "post",
        "offers/{offer}/goals",
        {"code": "lead", "name": "Lead", "dedupe": "once", "terms": [{"revenue": PRICE}]},
    ),
    (
        "acme",
        "post",
        "offers/{offer}/landings",
        {"url": "https://a.example/", "name": "A", "weight": 5},
    ),
    ("acme", "patch", "landings/{landing}", {"url": "https://a.example/b", "active": False}),
    (
        "acme",
        "post",
        "offers/{offer}/caps",
        {"scope": "country", "value": "UA", "period": "day", "limit": 9},
    ),
    ("acme", "patch", "caps/{cap}", {"limit": 9}),
    ("olga", "post", "goals/{goal}/terms", {"revenue": PRICE, "affiliate": "{alice_affiliate}"}),
    ("bob", "post", "offers/{approval}/applications", {"message": "hello"}),
    ("acme", "post", "offers/{offer}/applications/invite", {"affiliate_code": "bob"}),
    ("acme", "post", "applications/{asking}/approve", {"reason": "good"}),
    ("acme", "post", "applications/{asking}/reject", {"reason": "bad"}),
    ("acme", "post", "applications/{application}/revoke", {"reason": "bad"}),
    ("alice", "post", "links", {"offer": "{offer}"}),
    ("alice", "patch", "links/{link}", {"name": "footer"}),
    ("alice", "post", "links/{signed}/sign", {"expires_in_s": 60, "params": {"sub1": "a"}}),
    ("alice", "post", "link-keys", {"key_id": "k2"}),
    ("alice", "patch", "link-keys/{link_key}", {"expires_at": "{tomorrow}"}),
    (
        "alice",
        "post",
        "smart-links",
        {"choices": [{"offer": "{offer}", "weight": 30}], "strategy": "weight"},
    ),
    ("alice", "patch", "smart-links/{smart}", {"strategy": "priority", "active": False}),
    (
        "alice",
        "post",
        "smart-links/{signed_smart}/sign",
        {"expires_in_s": 60, "params": {"sub1": "a"}},
    ),
    (
        "olga",
        "post",
        "external-ids/import",
        {
            "dialect": "tune",
            "rows": [{"kind": "offer", "external_id": "26", "internal_id": "{offer}"}],
        },
    ),
    (
        "alice",
        "post",
        "payee-methods",
        {"holder": "A", "iban": "DE89370400440532013000", "country": "DE"},
    ),
    ("acme", "post", "conversions/{conversion}/approve", {"note": "good"}),
    ("acme", "post", "conversions/{conversion}/reject", {"reason": "returned"}),
    ("acme", "post", "conversions/{earned}/reverse", {"reason": "returned", "amount": PAID}),
    ("alice", "post", "postbacks", {"url": world.NOWHERE, "offer": "{offer}"}),
    ("alice", "patch", "postbacks/{postback}", {"url": world.NOWHERE, "active": False}),
    (
        "fred",
        "post",
        "deposits",
        {
            "advertiser": "{acme_advertiser}",
            "amount": PAID,
            "bank_ref": "IN1",
            "booked_on": "{today}",
        },
    ),
    ("fred", "post", "credit-limits", {"advertiser": "{acme_advertiser}", "limit": PAID}),
    (
        "fred",
        "post",
        "payout-runs",
        {"currency": "{payable}", "minimum": eur("5.00")},
    ),
    ("gina", "post", "payout-runs/{locked}/approve", {"content_sha256": "{sha256}"}),
    (
        "fred",
        "post",
        "payout-runs/{sent}/settle",
        {
            "bookings": [
                {
                    "payout": "{payout}",
                    "bank_ref": "OUT1",
                    "booked_on": "{today}",
                    "amount": eur(world.NET),
                }
            ]
        },
    ),
    ("fred", "post", "payouts/{payout}/reject", {"evidence": "AC04"}),
]
# Writes whose address says it all.
VERBS = [
    ("olga", "delete", "session"),
    ("alice", "delete", "api-keys/{alice_key}"),
    ("olga", "delete", "memberships/{alice_membership}"),
    ("acme", "post", "advertisers/{acme_advertiser}/report-token"),
    ("acme", "post", "advertisers/{signing}/require-signatures"),
    ("acme", "delete", "advertisers/{acme_advertiser}/report-keys/{report_key}"),
    ("alice", "delete", "link-keys/{link_key}"),
    ("acme", "post", "offers/{draft_offer}/activate"),
    ("acme", "post", "offers/{offer}/pause"),
    ("acme", "post", "offers/{offer}/end"),
    ("olga", "delete", "external-ids/{external_id}"),
    ("alice", "delete", "postbacks/{postback}"),
    ("alice", "post", "postbacks/{postback}/test"),
    ("alice", "post", "deliveries/{delivery}/replay"),
    ("fred", "post", "payout-runs/{draft}/lock"),
    ("fred", "post", "payout-runs/{draft}/cancel"),
    ("fred", "post", "payout-runs/{approved}/file"),
]
# Where money stands in a body, and what another currency than the right one is called there.
MONEY = [
    ("goals/{goal}/terms", ("revenue", "fixed"), "currency_mismatch"),
    ("offers", ("goals", 0, "terms", 0, "revenue", "fixed"), "currency_mismatch"),
    ("offers/{offer}/goals", ("terms", 0, "revenue", "fixed"), "currency_mismatch"),
    ("conversions/{earned}/reverse", ("amount",), "currency_mismatch"),
    ("payout-runs", ("minimum",), "currency_mismatch"),
    ("payout-runs/{sent}/settle", ("bookings", 0, "amount"), "booking_unlike_payout"),
    ("deposits", ("amount",), None),
    ("credit-limits", ("limit",), None),
]
# Relations in bodies; who sends the second of each sees only its own.
RELATIONS = [
    ("olga", "memberships", "organisation", None),
    ("acme", "offers", "advertiser", "{rival_advertiser}"),
    ("olga", "goals/{goal}/terms", "affiliate", None),
    ("alice", "links", "offer", "{hidden}"),
    ("alice", "links", "affiliate", "{bob_affiliate}"),
    ("alice", "link-keys", "affiliate", "{bob_affiliate}"),
    ("alice", "smart-links", "affiliate", "{bob_affiliate}"),
    ("alice", "postbacks", "offer", "{hidden}"),
    ("alice", "postbacks", "affiliate", "{bob_affiliate}"),
    ("fred", "deposits", "advertiser", None),
    ("fred", "credit-limits", "advertiser", None),
]
# Nobody's rights are asked for there, only the person's password.
UNSCOPED = {"session", "me/password"}
DECISIONS = ("conversions/{conversion}/approve", "conversions/{earned}/reverse")
MONEY_MOVES = ("deposits", "credit-limits", "payout-runs", "payouts")
LISTS = [
    "api-keys",
    "organisations",
    "memberships",
    "advertisers",
    "advertisers/{acme_advertiser}/report-keys",
    "affiliates",
    "offers",
    "offers/{offer}/goals",
    "offers/{offer}/landings",
    "offers/{offer}/caps",
    "caps",
    "caps/{cap}/windows",
    "goals/{goal}/terms",
    "offers/{offer}/applications",
    "applications",
    "links",
    "link-keys",
    "smart-links",
    "smart-links/{smart}/weights",
    "external-ids",
    "payee-methods",
    "clicks",
    "conversions",
    "postbacks",
    "deliveries",
    "commissions",
    "deposits",
    "credit-limits",
    "payout-runs",
    "payout-runs/{sent}/skips",
    "payouts",
]
FILTERS = [
    ("api-keys", "revoked=maybe"),
    ("api-keys", "role=king"),
    ("memberships", "organisation=x"),
    ("advertisers", "status=sleepy"),
    ("offers", "visibility=1"),
    ("caps", "offer=x"),
    ("caps", "active=maybe"),
    ("caps", "scope=planet"),
    ("applications", "offer=NaN"),
    ("links", "affiliate=x"),
    ("links", "active=maybe"),
    ("link-keys", "affiliate=x"),
    ("links/{link}/qr", "format=gif"),
    ("links/{link}/qr", "scale=0"),
    ("links/{link}/qr", "colour=red"),
    ("smart-links/{smart}/qr", "format=gif"),
    ("smart-links", "affiliate=x"),
    ("smart-links", "strategy=guess"),
    ("external-ids", "dialect=klingon"),
    ("external-ids", "internal_id=x"),
    ("payee-methods", "affiliate=1;2"),
    ("clicks", "link=x"),
    ("clicks", "from=yesterday"),
    ("clicks", "country=Germany"),
    ("clicks", "device=toaster"),
    ("clicks", "repeat=maybe"),
    ("page-events", "click=x"),
    ("conversions", "status=paid"),
    ("conversions", "review=maybe"),
    ("postbacks", "active=maybe"),
    ("deliveries", "conversion=7"),
    ("commissions", "state=nonsense"),
    ("deposits", "advertiser=x"),
    ("credit-limits", "advertiser=x"),
    ("payout-runs", "state=lost"),
    ("payouts", "run=x"),
    ("reports", "group=planet"),
    ("balances", "affiliate=x"),
    ("statements", "affiliate=x"),
]
write = pytest.mark.parametrize(("name", "method", "address", "body"), WRITES)
EVERY = [*WRITES, *((*verb, None) for verb in VERBS)]


def writes(which):
    """A test for every write with or without a body, of those whose address fits."""
    rows = [row for row in EVERY if which(row[2])]
    return pytest.mark.parametrize(("name", "method", "address", "body"), rows)


@pytest.fixture
def given(request, quick_passwords, stage, bob):
    """The world in which somebody writes nonsense; Bob is there to be let in and brought in."""
    # Passwords are not tried often; here they are.
    cache.clear()
    return world.World(request.getfixturevalue)


@pytest.fixture
def api(request, given):
    """The client of somebody by name."""

    def api(name, address):
        member = request.getfixturevalue(name)
        if address in UNSCOPED and not member.user.has_usable_password():
            member.user.set_password(factories.PASSWORD)
            member.user.save()
        return member.api

    return api


@pytest.fixture
def send(api, given):
    """Sends a bad request as somebody and gives the status and the problem.

    At the end of the test nothing may have been written.
    """

    before = {}

    def send(name, method, address, body, *, client=None, key=True, **options):
        client = client or api(name, address)
        url, body = f"/api/v1/{address.format_map(given)}", given.filled(body)
        if method != "get" and not before:
            before.update(contents())
        headers = {"idempotency-key": uuid4().hex} if key and method != "get" else {}
        answer = getattr(client, method)(url, body, headers=headers, **options)
        assert answer["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert {"type", "title", "status", "detail", "instance", "code"} <= set(problem)
        return answer.status_code, problem

    yield send
    assert not before or contents() == before


def faults(problem):
    return [(fault["pointer"], fault["code"]) for fault in problem["errors"]]


def spoilt(body, path, value):
    """The body with another value at one place."""
    first, *rest = path
    value = spoilt(body[first], rest, value) if rest else value
    if isinstance(body, list):
        return [*body[:first], value, *body[first + 1 :]]
    return body | {first: value}


def writes_at(address):
    """Who posts there, with a good body."""
    return next(row for row in WRITES if row[1:3] == ("post", address))


@writes(lambda _: True)
def test_the_bodies_are_good_until_they_are_spoilt(api, given, name, method, address, body):
    client = api(name, address)
    url, body = f"/api/v1/{address.format_map(given)}", given.filled(body)
    before = contents()
    answer = getattr(client, method)(url, body, headers={"idempotency-key": uuid4().hex})
    assert answer.status_code in (200, 201, 204)
    # Without a session none is ended; a test message and a signed link are kept nowhere.
    kept = (method, address) != ("delete", "session") and not address.endswith(("/test", "/sign"))
    assert contents() != before or not kept


@write
def test_an_unknown_field_is_refused_and_named(send, name, method, address, body):
    status, problem = send(name, method, address, body | {"colour": "red"})
    assert status == 422
    assert ("/colour", "unknown_field") in faults(problem)


@write
def test_a_field_of_the_wrong_type_is_refused(send, name, method, address, body):
    field = next(iter(body))
    for wrong in ([], {}, None, True, "\0", "x" * 30_000):
        status, problem = send(name, method, address, body | {field: wrong})
        assert status == 422
        assert all(pointer.startswith(f"/{field}") for pointer, _ in faults(problem) if pointer)


@write
def test_a_body_that_is_no_json_object_is_refused(send, name, method, address, body):
    texts = ["{", "[]", "nul", '"x"', "[" * 5000, '{"a": NaN}', "\xff", '{"a": "\\ud83d"}']
    for text in texts:
        status, problem = send(name, method, address, text, content_type="application/json")
        assert (status, problem["code"]) in [(400, "malformed"), (422, "invalid")]


@write
def test_an_oversized_body_is_refused(send, name, method, address, body):
    status, problem = send(name, method, address, body | {next(iter(body)): "x" * 2_000_000})
    assert (status, problem["code"]) == (413, "too_large")


@write
def test_another_kind_of_body_is_refused(send, name, method, address, body):
    status, problem = send(
        name, method, address, "a=b", content_type="application/x-www-form-urlencoded"
    )
    assert (status, problem["code"]) == (415, "unsupported_media_type")


@writes(lambda address: address != "session")
def test_who_shows_no_key_writes_nothing(send, name, method, address, body):
    status, problem = send(name, method, address, body, client=api_client(""))
    assert (status, problem["code"]) == (401, "unauthenticated")


@writes(lambda address: address not in UNSCOPED)
def test_a_key_without_the_scope_writes_nothing(request, send, name, method, address, body):
    member = request.getfixturevalue(name)
    reader = api_client(factories.make_key(member.membership, scopes=["reports:read"]))
    status, problem = send(name, method, address, body, client=reader)
    assert (status, problem["code"]) == (403, "scope_missing")


@writes(lambda address: "{" in address)
def test_what_is_not_there_is_not_found(send, name, method, address, body):
    unknown = uuid4() if address.startswith(("conversions", "deliveries")) else 10**17
    parts = [str(unknown) if part[0] == "{" else part for part in address.split("/")]
    status, problem = send(name, method, "/".join(parts), body)
    assert (status, problem["code"]) == (404, "not_found")


@writes(lambda address: address.startswith(MONEY_MOVES) or address in DECISIONS)
def test_what_moves_money_wants_an_idempotency_key(send, name, method, address, body):
    status, problem = send(name, method, address, body, key=False)
    assert (status, problem["code"]) == (400, "idempotency_key_required")


@pytest.mark.parametrize(("address", "path", "foreign"), MONEY)
def test_money_that_is_not_written_as_money_is_refused(send, address, path, foreign):
    name, method, _, body = writes_at(address)
    pointer = "".join(f"/{part}" for part in path)
    for wrong, code in (
        (5, "money_must_be_string"),
        (5.5, "money_must_be_string"),
        ({"amount": 5, "currency": "EUR"}, "money_must_be_string"),
        (eur("5.001"), "amount_too_fine"),
        (eur("1e3"), "amount_invalid"),
        (eur("-5.00"), "amount_"),
        ({"amount": "5.00", "currency": "XXX"}, "unknown_currency"),
        ({"amount": "5.00", "currency": "USD"}, foreign),
    ):
        if code is None:
            continue
        status, problem = send(name, method, address, spoilt(body, path, wrong))
        (fault,) = faults(problem)
        assert status == 422
        assert fault[0].startswith(pointer)
        assert fault[1].startswith(code), (wrong, fault)


@pytest.mark.parametrize(("name", "address", "field", "foreign"), RELATIONS)
def test_an_unknown_id_in_a_body_is_named(send, given, name, address, field, foreign):
    _, method, _, body = writes_at(address)
    for unknown in (given.filled(foreign) or 10**17, 10**17, 2**63 + 10):
        status, problem = send(name, method, address, body | {field: unknown})
        assert status == 422
        assert (f"/{field}", f"unknown_{field}") in faults(problem)


@pytest.mark.parametrize("address", LISTS)
def test_a_bad_parameter_is_refused_and_named(send, address):
    for query, code in (
        ("colour=red", "unknown_parameter"),
        ("limit=0", "invalid_parameter"),
        ("limit=x", "invalid_parameter"),
        ("cursor=x", "invalid_parameter"),
        ("cursor=%00", "invalid_parameter"),
    ):
        status, problem = send("olga", "get", f"{address}?{query}", None)
        assert status == 400
        assert faults(problem) == [(f"?{query.split('=')[0]}", code)]


@pytest.mark.parametrize(("address", "query"), FILTERS)
def test_a_filter_that_cannot_be_read_is_refused(send, address, query):
    status, problem = send("olga", "get", f"{address}?{query}", None)
    assert status == 400
    assert faults(problem)[0][0] == f"?{query.split('=')[0]}"


def test_a_parameter_without_a_value_is_refused_everywhere(send):
    known = list(addresses.parameters())
    assert len({address for address, _ in known}) >= len(LISTS)
    for address, name in known:
        status, problem = send("olga", "get", f"{address}?{name}=", None)
        assert (status, faults(problem)) == (400, [(f"?{name}", "invalid_parameter")])


@pytest.mark.parametrize("number", ["9" * 18, "9" * 40])
def test_ids_beyond_every_row_are_not_found(send, number):
    members = [
        address.removesuffix("/*")
        for method, address in addresses.routes()
        if method == "get" and address.count("/") == 1 and address.endswith("/*")
    ]
    assert len(members) > 12
    for address in members:
        assert send("olga", "get", f"{address}/{number}", None)[0] == 404


def test_no_write_is_left_out():
    declared = [(method, addresses.shape(address)) for _, method, address, _ in WRITES]
    declared += [(method, addresses.shape(address)) for _, method, address in VERBS]
    real = {(method, address) for method, address in addresses.routes() if method != "get"}
    assert real == set(declared)
