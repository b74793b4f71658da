"""Clients of the little API in `endpoints.py`."""

import pytest
from rest_framework.test import APIClient

from tests.network import endpoints


@pytest.fixture
def little_api(settings):
    """The URL map with the little API in it."""
    settings.ROOT_URLCONF = endpoints.__name__


@pytest.fixture
def anna(little_api):
    """A client whose actor is anna."""
    return APIClient(raise_request_exception=False, headers={"X-Actor": "anna"})


@pytest.fixture
def boris(little_api):
    """A client whose actor is boris."""
    return APIClient(raise_request_exception=False, headers={"X-Actor": "boris"})


@pytest.fixture
def nobody(little_api):
    """A client without credentials."""
    return APIClient(raise_request_exception=False)
