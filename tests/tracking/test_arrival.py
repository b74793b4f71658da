"""What a request's headers say of how it came about."""

import pytest

from tracking.clicks.arrival import is_embedded, is_prefetch


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
    ("mode", "destination", "embedded"),
    [
        (b"navigate", b"document", False),
        (b"navigate", b"iframe", True),
        (b"no-cors", b"image", True),
        (b"cors", b"empty", True),
        (b"navigate", None, False),
        (None, b"image", False),
        (b"", b"", False),
    ],
)
def test_whatever_is_no_document_is_embedded(mode, destination, embedded):
    sent = {b"sec-fetch-mode": mode, b"sec-fetch-dest": destination}
    headers = {name: value for name, value in sent.items() if value is not None}
    assert is_embedded(headers) is embedded
