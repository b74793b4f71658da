"""Calls to addresses that partners give us: never into our own network, never without an end.

The name is resolved once, every address behind it is judged, and the call goes to the very address
that was judged: a name that answers differently a moment later (DNS rebinding) gains nothing.
"""

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import httpx
from django.conf import settings

TIMEOUT_S: Final = 10.0
BODY_BYTES_MAX: Final = 4_096

# What is_global lets through in some releases of Python, and no partner's server is at: protocol
# assignments, relays of 6to4, site-local addresses, documentation.
_NEVER: Final = tuple(
    map(
        ip_network,
        ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20", "fec0::/10"),
    )
)

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)

Address = IPv4Address | IPv6Address
Answer = tuple[int, bytes, int | None]  # status, beginning of the body, seconds to wait


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: a status with the beginning of the body, or an error's code."""

    status: int | None
    error: str
    body: bytes
    elapsed_ms: int
    # How long the other side asks us to wait, where it does so in seconds.
    retry_after_s: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the other side has taken it."""
        return self.status is not None and httpx.codes.is_success(self.status)


class _Refused(Exception):
    """The call is not made; the first argument is the code."""


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    timeout_s: float = TIMEOUT_S,
) -> Outcome:
    """Call once, without following redirects, and return what came of it; raises nothing.

    Codes: `url_invalid`, `address_unknown`, `address_refused`, `timeout`, `connection_failed`,
    `answer_invalid`. May be called from several threads.
    """
    started_s = time.monotonic()
    status, error, body, retry_after_s = None, "", b"", None
    try:
        target, addresses = _judged(url)
        request = httpx.Request(
            method,
            target,
            # As it is: an answer that unpacks without end is no concern of ours.
            headers={"Accept-Encoding": "identity", "User-Agent": "Peraction", **(headers or {})},
            content=content,
        )
        status, body, retry_after_s = asyncio.run(_within(timeout_s, request, addresses))
    except _Refused as refused:
        error = str(refused)
    except (TimeoutError, httpx.TimeoutException):
        error = "timeout"
    except (httpx.NetworkError, ssl.SSLError):
        error = "connection_failed"
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        error = "answer_invalid"
    elapsed_ms = int((time.monotonic() - started_s) * 1_000)
    return Outcome(status, error, body, elapsed_ms, retry_after_s)


def may_call(address: Address) -> bool:
    """Whether calls may go to an address: public ones, and what OUTGOING_ALLOW lists."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return may_call(address.ipv4_mapped)
        # An IPv4 address in disguise, which a gateway would unwrap.
        if address.sixtofour or address.teredo:
            return False
    if any(address in network for network in settings.OUTGOING_ALLOW):
        return True
    if any(address in network for network in _NEVER):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _judged(text: str) -> tuple[httpx.URL, list[Address]]:
    try:
        url = httpx.URL(text)
        host = url.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        raise _Refused("url_invalid") from None
    if url.scheme not in ("http", "https") or not host or url.userinfo:
        raise _Refused("url_invalid")
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _Refused("address_unknown") from None
    addresses = list(dict.fromkeys(ip_address(str(entry[4][0]).split("%")[0]) for entry in found))
    if not all(map(may_call, addresses)):
        raise _Refused("address_refused")
    return url, addresses


async def _within(timeout_s: float, request: httpx.Request, addresses: list[Address]) -> Answer:
    """The whole exchange in the time given: httpx alone would count each piece anew."""
    async with asyncio.timeout(timeout_s):
        for address in addresses[:-1]:
            try:
                return await _exchange(request, address)
            except httpx.ConnectError:
                continue
        return await _exchange(request, addresses[-1])


async def _exchange(request: httpx.Request, address: Address) -> Answer:
    host = request.url.raw_host.decode("ascii")
    pinned = httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        # Host still names the site, and its certificate is still checked against that name.
        headers=request.headers,
        content=request.content,
        extensions={"sni_hostname": host},
    )
    # No proxy from the environment: it would resolve the name for itself.
    async with httpx.AsyncClient(verify=_tls(), trust_env=False, timeout=None) as client:
        answer = await client.send(pinned, stream=True, follow_redirects=False)
        try:
            return answer.status_code, await _beginning(answer), _retry_after_s(answer)
        finally:
            await answer.aclose()


def _retry_after_s(answer: httpx.Response) -> int | None:
    text = answer.headers.get("Retry-After", "")
    return int(text) if _SECONDS.fullmatch(text) else None


async def _beginning(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) >= BODY_BYTES_MAX:
            break
    return bytes(body[:BODY_BYTES_MAX])


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()
