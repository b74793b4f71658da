"""Whom the web server believes: its own proxies, and nobody else."""

from ipaddress import ip_network

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from network.middleware import forwarded_scheme


@pytest.fixture(autouse=True)
def _one_proxy(settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.parametrize(
    ("peer", "secure"), [("10.0.0.1", True), ("203.0.113.9", False), ("", True)]
)
def test_only_a_proxy_says_that_a_request_came_by_https(peer, secure):
    seen = []
    handle = forwarded_scheme(lambda request: seen.append(request.is_secure()) or HttpResponse())
    handle(RequestFactory().get("/", REMOTE_ADDR=peer, headers={"x-forwarded-proto": "https"}))
    assert seen == [secure]
