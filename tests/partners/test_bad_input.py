"""Bad input to any endpoint gets a problem document with a stable code, and nothing is written."""

import pytest
from django.db import connection

from tests import factories

# Who may write where, with a body that is good but for what a test spoils.
GOAL = {"code": "lead", "name": "Lead", "dedupe": "once"}
WRITES = [
    ("alice", "post", "api-keys", {"name": "k", "scopes": ["links:read"]}),
    (
        "olga",
        "post",
        "memberships",
        {"organisation": "{organisation}", "role": "affiliate", "email": "bob@test.example"},
    ),
    ("olga", "post", "advertisers", {"code": "delta", "name": "Delta"}),
    ("olga", "patch", "advertisers/{acme}", {"name": "Delta"}),
    ("acme", "post", "advertisers/{acme}/report-keys", {"key_id": "k1"}),
    ("olga", "post", "affiliates", {"code": "carol", "name": "Carol"}),
    ("olga", "patch", "affiliates/{alice}", {"name": "Carol"}),
    (
        "acme",
        "post",
        "offers",
        {
            "name": "O",
            "visibility": "public",
            "currency": "EUR",
            "landing_url": "https://a.example/",
        },
    ),
    ("acme", "patch", "offers/{offer}", {"name": "O"}),
    ("acme", "post", "offers/{offer}/goals", GOAL),
    ("olga", "post", "goals/{goal}/terms", {"revenue": {"percent": "1"}}),
    ("bob", "post", "offers/{approval}/applications", {"message": "hello"}),
    ("acme", "post", "offers/{offer}/applications/invite", {"affiliate_code": "alice"}),
    ("acme", "post", "applications/{application}/approve", {"reason": "good"}),
    ("alice", "post", "links", {"offer": "{offer}"}),
    ("alice", "patch", "links/{link}", {"name": "footer"}),
    (
        "alice",
        "post",
        "payee-methods",
        {"holder": "A", "iban": "DE89370400440532013000", "country": "DE"},
    ),
]
LISTS = [
    "api-keys",
    "organisations",
    "memberships",
    "advertisers",
    "advertisers/{acme}/report-keys",
    "affiliates",
    "offers",
    "offers/{offer}/goals",
    "goals/{goal}/terms",
    "offers/{offer}/applications",
    "applications",
    "links",
    "payee-methods",
]
write = pytest.mark.parametrize(("name", "method", "address", "body"), WRITES)


@pytest.fixture
def world(alice, bob, acme, olga):
    offer = factories.make_offer(acme.advertiser)
    approval = factories.make_offer(acme.advertiser, visibility="approval")
    return {
        "acme": acme.advertiser.pk,
        "alice": alice.affiliate.pk,
        "application": factories.make_application(approval, alice.affiliate, "pending").pk,
        "approval": approval.pk,
        "goal": offer.goals.get().pk,
        "link": factories.make_link(offer, alice.affiliate).pk,
        "offer": offer.pk,
        "organisation": alice.organisation.pk,
    }


@pytest.fixture
def send(request, world):
    """Send a body as somebody; gives the status and the problem, and checks what was written."""

    def send(name, method, address, body, **options):
        before = versions()
        api = request.getfixturevalue(name).api
        url = f"/api/v1/{address.format(**world)}"
        response = getattr(api, method)(url, filled(body, world), **options)
        assert response["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert {"type", "title", "status", "detail", "instance", "code"} <= set(problem)
        assert versions() == before
        return response.status_code, problem

    return send


def filled(body, world):
    """The body with the world's ids in place of `{names}`."""
    if not isinstance(body, dict):
        return body
    ids = {f"{{{name}}}": id for name, id in world.items()}
    return {
        field: ids.get(value, value) if isinstance(value, str) else value
        for field, value in body.items()
    }


def versions():
    """How often each table was written to, except for the notes of which keys are in use."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables "
            "WHERE relname <> 'api_key' ORDER BY relname"
        )
        return cursor.fetchall()


@write
def test_the_bodies_are_good_until_they_are_spoilt(request, world, name, method, address, body):
    before = versions()
    api = request.getfixturevalue(name).api
    response = getattr(api, method)(f"/api/v1/{address.format(**world)}", filled(body, world))
    assert response.status_code in (200, 201)
    assert address == "api-keys" or versions() != before


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


@pytest.mark.parametrize(
    ("address", "query"),
    [
        ("api-keys", "revoked=maybe"),
        ("api-keys", "role=king"),
        ("memberships", "organisation=x"),
        ("advertisers", "status=sleepy"),
        ("offers", "visibility=1"),
        ("applications", "offer=NaN"),
        ("links", "affiliate=x"),
        ("links", "active=maybe"),
        ("payee-methods", "affiliate=1;2"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(send, address, query):
    status, problem = send("olga", "get", f"{address}?{query}", None)
    assert status == 400
    assert faults(problem)[0][0] == f"?{query.split('=')[0]}"


@pytest.mark.parametrize("number", ["9" * 18, "9" * 40])
def test_ids_beyond_every_row_are_not_found(send, number):
    for address in ("offers", "links", "advertisers", "affiliates", "applications", "api-keys"):
        assert send("olga", "get", f"{address}/{number}", None)[0] == 404


def test_an_id_beyond_a_bigint_is_an_unknown_one(send):
    status, problem = send("alice", "post", "links", {"offer": 10**17})
    assert (status, faults(problem)) == (422, [("/offer", "unknown_offer")])
    assert send("alice", "post", "links", {"offer": 2**63 - 1 + 10})[0] == 422


def faults(problem):
    return [(fault["pointer"], fault["code"]) for fault in problem["errors"]]
