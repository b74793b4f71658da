"""No partner reads or changes what is another's: every address, every relation, every outsider.

The world belongs to alice and acme; bob and rival are outside. An outsider gets 404, or 403 where
the role may not at all, and nothing changes. The last test sees to it that no address is left out.
"""

import pytest
from django.db import connection

from partners import parties, payees, urls
from partners.models import ApiKey
from tests import factories

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
    ("get", "advertisers/{acme}", None),
    ("patch", "advertisers/{acme}", {"name": "Mine"}),
    ("post", "advertisers/{acme}/report-token", None),
    ("post", "advertisers/{acme}/require-signatures", None),
    ("get", "advertisers/{acme}/report-keys", None),
    ("post", "advertisers/{acme}/report-keys", {}),
    ("delete", "advertisers/{acme}/report-keys/{report_key}", None),
    ("get", "affiliates/{alice}", None),
    ("patch", "affiliates/{alice}", {"name": "Mine"}),
    ("get", "offers/{offer}", None),
    ("patch", "offers/{offer}", {"name": "Mine"}),
    ("post", "offers/{offer}/activate", None),
    ("post", "offers/{offer}/pause", None),
    ("post", "offers/{offer}/end", None),
    ("get", "offers/{offer}/goals", None),
    ("post", "offers/{offer}/goals", {"code": "lead", "name": "Lead", "dedupe": "once"}),
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
    ("get", "payee-methods/{payee}", None),
]
COLLECTIONS = [
    "api-keys",
    "organisations",
    "memberships",
    "advertisers",
    "affiliates",
    "offers",
    "applications",
    "links",
    "payee-methods",
]
# A relation in a body, the field's name, and who may send such a body at all.
RELATIONS = [
    ("bob", "links", {"offer": "{offer}"}, "offer"),
    ("bob", "links", {"offer": "{public}", "affiliate": "{alice}"}, "affiliate"),
    ("rival", "offers", {"advertiser": "{acme}"}, "advertiser"),
    ("rival", "goals/{rival_goal}/terms", {"affiliate": "{alice}"}, "affiliate"),
]
# One's own, or nobody's: no id of another can stand in these.
PERSONAL = {"session", "me", "me/password"}


@pytest.fixture
def world(alice, acme, bob, rival):
    offer = factories.make_offer(acme.advertiser, visibility="private")
    application = factories.make_application(offer, alice.affiliate)
    public = factories.make_offer(rival.advertiser)
    account = payees.Account(holder="Alice", iban="DE89370400440532013000", country="DE")
    return {
        "acme": acme.advertiser.pk,
        "acme_key": ApiKey.objects.get(user=acme.user).pk,
        "acme_membership": acme.membership.pk,
        "acme_organisation": acme.organisation.pk,
        "alice": alice.affiliate.pk,
        "alice_key": ApiKey.objects.get(user=alice.user).pk,
        "alice_membership": alice.membership.pk,
        "alice_organisation": alice.organisation.pk,
        "application": application.pk,
        "goal": offer.goals.get().pk,
        "link": factories.make_link(offer, alice.affiliate).pk,
        "offer": offer.pk,
        "payee": payees.replace(alice.affiliate, account, actor=alice.actor).pk,
        "public": public.pk,
        "report_key": parties.add_report_key(acme.advertiser)[0].pk,
        "rival_goal": public.goals.get().pk,
    }


def contents():
    """Every row that an outsider could have changed."""
    tables = "api_key membership advertiser report_key affiliate offer goal terms application link"
    with connection.cursor() as cursor:
        rows = []
        for table in tables.split():
            # The use of the outsider's own key is noted, and is no change of anybody's.
            cursor.execute(f"SELECT to_jsonb({table}) - 'last_used_at' FROM {table} ORDER BY id")
            rows += cursor.fetchall()
        return rows


@pytest.mark.parametrize(("method", "address", "body"), MEMBERS)
def test_an_outsider_finds_nothing_and_changes_nothing(bob, rival, world, method, address, body):
    before = contents()
    for outsider in (bob, rival):
        response = getattr(outsider.api, method)(f"/api/v1/{address.format(**world)}", body)
        assert response.status_code in (403, 404)
        assert response.json()["code"] in ("not_found", "role_not_allowed")
    assert contents() == before


@pytest.mark.parametrize("name", OUTSIDERS)
@pytest.mark.parametrize("address", COLLECTIONS)
def test_an_outsiders_lists_hold_nothing_of_others(request, world, name, address):
    outsider = request.getfixturevalue(name)
    response = outsider.api.get(f"/api/v1/{address}")
    if response.status_code == 403:
        assert response.json()["code"] == "role_not_allowed"
        return
    assert response.status_code == 200
    for word in ("alice", "acme", "3000"):
        assert word not in response.content.decode().lower()


@pytest.mark.parametrize(("name", "address", "body", "field"), RELATIONS)
def test_an_outsider_names_nothing_of_others(request, world, name, address, body, field):
    before = contents()
    body = {key: int(value.format(**world)) for key, value in body.items()}
    response = request.getfixturevalue(name).api.post(f"/api/v1/{address.format(**world)}", body)
    faults = [(fault["pointer"], fault["code"]) for fault in response.json()["errors"]]
    assert response.status_code == 422
    assert (f"/{field}", f"unknown_{field}") in faults
    assert contents() == before


@pytest.mark.parametrize("name", OUTSIDERS)
@pytest.mark.parametrize(
    "address",
    [f"{c}?{f}={{alice}}" for c, f in (("links", "affiliate"), ("applications", "affiliate"))],
)
def test_a_filter_by_anothers_id_finds_nothing(request, world, name, address):
    response = request.getfixturevalue(name).api.get(f"/api/v1/{address.format(**world)}")
    assert response.status_code == 403 or response.json()["results"] == []


def test_without_a_key_there_is_nothing_at_all(world, client):
    for method, address, _ in MEMBERS:
        response = getattr(client, method)(f"/api/v1/{address.format(**world)}")
        assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


def test_the_networks_people_see_every_partner(world, olga, fred):
    for address in [address for method, address, _ in MEMBERS if method == "get"]:
        url = f"/api/v1/{address.format(**world)}"
        assert olga.api.get(url).status_code == 200
        # Keys and secrets are the operator's business, not finance's.
        kept = address.startswith(("api-keys", "advertisers/{acme}/"))
        assert fred.api.get(url).status_code == 200 or kept


def test_no_address_is_left_out():
    declared = {_shape(address) for _, address, _ in MEMBERS} | set(COLLECTIONS) | PERSONAL
    real = {_shape(str(pattern.pattern)) for pattern in _patterns(urls.urlpatterns)}
    assert real == declared


def _patterns(patterns):
    for pattern in patterns:
        if inner := getattr(pattern, "url_patterns", None):
            yield from _patterns(inner)
        else:
            yield pattern


def _shape(address):
    """The address without its variables: `offers/<int:pk>/end` and `offers/{offer}/end` agree."""
    parts = address.split("/")
    return "/".join("*" if part[0] in "<{" else part for part in parts)
