"""What a request's headers say of how it came about."""

import pytest

from tracking.clicks.arrival import is_prefetch, manner


@pytest.mark.parametrize(
    ("name", "value", "ahead"),
    [
        (b"sec-purpose", b"prefetch", True),
        (b"sec-purpose", b"prefetch;prerender", True),
        (b"sec-purpose", b"Prefetch; anonymous-client-ip", True),
        (b"purpose", b"prefetch", True),
        (b"x-purpose", b"preview", True),
        (b"x-moz", b"prefetch", True),
        (b"sec-purpose", b"", False),
        (b"purpose", b"\xff\xfe", False),
        (b"accept", b"prefetch", False),
    ],
)
def test_a_browser_that_reads_ahead_says_so(name, value, ahead):
    assert is_prefetch({b"host": b"x", name: value}) is ahead


@pytest.mark.parametrize(
    ("mode", "destination", "expected"),
    [
        (b"navigate", b"document", "navigated"),
        (b"navigate", b"iframe", "embedded"),
        (b"no-cors", b"image", "embedded"),
        (b"cors", b"empty", "embedded"),
        (b"navigate", None, ""),
        (None, b"image", ""),
        (b"", b"", ""),
    ],
)
def test_only_a_document_is_navigated_to(mode, destination, expected):
    sent = {b"sec-fetch-mode": mode, b"sec-fetch-dest": destination}
    headers = {name: value for name, value in sent.items() if value is not None}
    assert manner(headers) == expected
