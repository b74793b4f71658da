"""The people of every test: two affiliates, two advertisers, an operator, two in finance.

Each has a session's actor, an API key with all scopes of the role, and a client that sends it:
`alice.api.get("/api/v1/links")`.
"""

from dataclasses import dataclass, field
from functools import cached_property

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from partners.actors import Actor
from partners.auth import actor_of_person
from partners.models import Advertiser, Affiliate, Membership, Organisation, Role, User
from tests import factories

QUICK_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@dataclass
class Member:
    """Somebody who acts for an organisation in one role."""

    membership: Membership
    key: str = field(repr=False)

    @cached_property
    def actor(self) -> Actor:
        """The actor of a session."""
        return actor_of_person(self.user, membership_id=str(self.membership.pk))

    @cached_property
    def api(self) -> APIClient:
        """A client that sends the member's key."""
        return api_client(self.key)

    @property
    def user(self) -> User:
        return self.membership.user

    @property
    def organisation(self) -> Organisation:
        return self.membership.organisation

    @property
    def advertiser(self) -> Advertiser:
        return self.organisation.advertiser

    @property
    def affiliate(self) -> Affiliate:
        return self.organisation.affiliate


def api_client(key: str) -> APIClient:
    """A client that sends this key and raises nothing: what goes wrong shall be an answer."""
    return APIClient(headers={"authorization": f"Bearer {key}"}, raise_request_exception=False)


def member(role: Role, organisation: Organisation, name: str) -> Member:
    """A person of the cast with a key, and without a password: hashing one takes long."""
    user = factories.make_user(f"{name}@test.example")
    membership = factories.make_member(role, organisation, user)
    return Member(membership, factories.make_key(membership))


@pytest.fixture
def quick_passwords(settings: Settings) -> None:
    """Passwords are hashed at once, where a test tries many; nothing here looks at the hash."""
    settings.PASSWORD_HASHERS = QUICK_HASHERS


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> None:
    """The database of the test: its own where it asks for one, else the one that is rolled back."""
    request.getfixturevalue("fresh_db" if "fresh_db" in request.fixturenames else "db")


@pytest.fixture
def alice(stage: None) -> Member:
    """An affiliate."""
    return member(Role.AFFILIATE, factories.make_affiliate("alice").organisation, "alice")


@pytest.fixture
def bob(stage: None) -> Member:
    """Another affiliate."""
    return member(Role.AFFILIATE, factories.make_affiliate("bob").organisation, "bob")


@pytest.fixture
def acme(stage: None) -> Member:
    """An advertiser."""
    return member(Role.ADVERTISER, factories.make_advertiser("acme").organisation, "acme")


@pytest.fixture
def rival(stage: None) -> Member:
    """Another advertiser."""
    return member(Role.ADVERTISER, factories.make_advertiser("rival").organisation, "rival")


@pytest.fixture
def network_organisation(stage: None) -> Organisation:
    """The network's own organisation."""
    return factories.make_organisation("Network")


@pytest.fixture
def olga(network_organisation: Organisation) -> Member:
    """The operator."""
    return member(Role.OPERATOR, network_organisation, "olga")


@pytest.fixture
def fred(network_organisation: Organisation) -> Member:
    """Finance."""
    return member(Role.FINANCE, network_organisation, "fred")


@pytest.fixture
def gina(network_organisation: Organisation) -> Member:
    """Finance too: the second pair of eyes."""
    return member(Role.FINANCE, network_organisation, "gina")
