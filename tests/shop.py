"""An advertiser's shop as the outside world writes it: it signs, reports, and tries again.

Nothing of ours is imported: the signature here is a second reading of the published rule.
"""

import hashlib
import hmac
import http.client
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

Answer = tuple[int, dict[str, Any]]


def signature(secret: str, ts: str, nonce: str, method: str, path: str, query: str) -> str:
    """The signature of a request without a body; `query` is the raw query without `&sig=`."""
    body = hashlib.sha256(b"").hexdigest()
    text = "\n".join(["v1", ts, nonce, method, path, query, body])
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass
class Browser:
    """One keep-alive connection to the tracker that survives the tracker."""

    port: int
    connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any, bytes]:
        """One GET: (status, headers, body). OSError or HTTPException when nobody answered."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            self.connection.request("GET", path, headers=headers or {})
            response = self.connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        """Hang up; the next request connects anew."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def get_until_answered(
        self, path: str, headers: dict[str, str] | None = None, *, patience_s: int = 60
    ) -> tuple[int, Any, bytes]:
        """Like `get`, again and again while there is no answer or a 503."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                status, answered, body = self.get(path, headers)
                if status != 503:
                    return status, answered, body
            except (OSError, http.client.HTTPException):
                pass
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer to {path} in {patience_s} s")
            time.sleep(0.02)


@dataclass
class Shop:
    """Reports conversions, signed; `now` gives its clock in seconds since 1970."""

    port: int
    advertiser: str
    key_id: str
    secret: str
    now: Callable[[], float]
    browser: Browser = field(init=False)

    def __post_init__(self) -> None:
        self.browser = Browser(self.port)

    def path(self, *, nonce: str | None = None, **params: str) -> str:
        """The signed path and query of one report; a nonce of its own unless one is given."""
        ts = str(int(self.now()))
        nonce = nonce or secrets.token_hex(12)
        query = urlencode(
            {"advertiser": self.advertiser, **params}
            | {"key_id": self.key_id, "ts": ts, "nonce": nonce}
        )
        sig = signature(self.secret, ts, nonce, "GET", "/postback", query)
        return f"/postback?{query}&sig={sig}"

    def report(self, *, nonce: str | None = None, **params: str) -> Answer:
        """Send one report once."""
        status, _, body = self.browser.get(self.path(nonce=nonce, **params))
        return status, json.loads(body)

    def report_until_answered(self, **params: str) -> Answer:
        """Send one report until something other than silence or 503 comes back.

        Every try is signed anew, as a shop's retry queue would; the order id makes it one sale.
        """
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                status, answer = self.report(**params)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                continue
            if status != 503:
                return status, answer
            time.sleep(0.02)
        raise TimeoutError("no answer to a report in 60 s")
