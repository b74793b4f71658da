"""Every endpoint of the API says who may use it, with which scope; nothing is open by mistake."""

import pytest
from django.urls import get_resolver

from partners.auth import Allowed
from partners.scopes import ALL_SCOPES, SCOPES

# What has to answer before anybody has signed in.
OPEN = {"SessionView", "SchemaView"}


def views(patterns):
    for pattern in patterns:
        if inner := getattr(pattern, "url_patterns", None):
            yield from views(inner)
        elif view := getattr(pattern.callback, "cls", None):
            yield view, getattr(pattern.callback, "actions", None)


@pytest.fixture
def endpoints():
    found = [(view, actions) for view, actions in views(get_resolver().url_patterns)]
    assert len(found) > 30
    return [(view, actions) for view, actions in found if view.__name__ not in OPEN]


def test_every_endpoint_asks_who_may(endpoints):
    assert {view for view, _ in endpoints if view.permission_classes[0] is not Allowed} == set()


def actions_of(view, actions):
    """The actions that `Allowed` will look for."""
    if actions:
        return set(actions.values())
    methods = {method for method in view.http_method_names if hasattr(view, method)}
    return {getattr(view, "action", None)} - {None} or methods - {"options", "head"}


def test_every_action_declares_its_scope_and_its_roles(endpoints):
    for view, actions in endpoints:
        for action in actions_of(view, actions):
            roles = view.roles[action] if isinstance(view.roles, dict) else view.roles
            assert action in view.scope, (view, action)
            assert roles, (view, action)


def test_every_role_that_may_can_have_the_scope(endpoints):
    for view, _ in endpoints:
        for action, scope in view.scope.items():
            roles = view.roles[action] if isinstance(view.roles, dict) else view.roles
            assert not scope or all(scope in SCOPES[role] for role in roles), (view, action)


def test_no_scope_is_spelt_by_mistake(endpoints):
    assert {scope for view, _ in endpoints for scope in view.scope.values()} - {""} <= ALL_SCOPES
