"""Whatever is sent to a tracker is stored or refused; nobody is sent to a stranger's page."""

import http.client
import json
import random
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from tests import factories
from tests.environment import LONG
from tests.tracking.servers import is_ready, serve
from tracking.models import Click, Impression

REQUESTS = 100_000 if LONG else 1_500
ROUND = 50
THREADS = 16
HOSTS = {"shop.example", "out.example", "net.example"}
PATHS = [
    "/c/abc123",
    "/c/s-000001",
    "/c/nosuch",
    "/c/",
    "/c/%00",
    "/c/..%2f..",
    "/aff_c",
    "/click",
    "/",
    "/i/abc123",
    "/d/abc123",
    "/e",
    "/postback",
    "/aff_lsr",
    "/js/pa.js",
    "/metrics",
    "/x" * 50,
]
PATHS_OF_OTHERS = {"/aff_c", "/click", "/"}
# Where who is refused is told a code.
PROBLEMS = {"/d/abc123", "/e", "/postback"}
NAMES = [
    "sub1",
    "sub30",
    "sub31",
    "source",
    "aff_click_id",
    "url",
    "deep_link",
    "landing",
    "cons",
    "gdpr",
    "gdpr_consent",
    "expires",
    "key",
    "sig",
    "offer_id",
    "aff_id",
    "pid",
    "campaign_id",
    "pub_id",
    "o",
    "a",
    "c",
    "click_id",
    "token",
    "advertiser",
    "amount",
    "__proto__",
    "%00",
    "n",
    "security_token",
]
VALUES = [
    "",
    "1",
    "-1",
    "0" * 400,
    "x" * 3_000,
    "\0",
    "\x01",
    "\t\r\n",
    "\\N",
    "\\.",
    "{click_id}",
    "{}",
    "%",
    "%%",
    "%zz",
    "\u0416\u0443\u043a",
    "\u202e",
    "'; DROP TABLE click; --",
    "<script>alert(1)</script>",
    "//evil.example",
    "https://evil.example/",
    "https://shop.example@evil.example/",
    "https://shop.example.evil.example/",
    "https:\\\\evil.example",
    "javascript:alert(1)",
    "https://shop.example:22/",
    "https://shop.example/ok?x=1#y",
    "http://[::1]/",
    "https://%65vil.example",
    "https://shop.example%2f@evil.example",
    "\thttps://evil.example",
    "data:text/html,x",
    "///evil.example",
]
HEADERS = [
    ("User-Agent", ""),
    ("User-Agent", "x" * 10_000),
    ("User-Agent", "\xff\xfe"),
    ("Referer", "\xc3("),
    ("Accept-Language", ";;,,q=\xff"),
    ("X-Forwarded-For", "6.6.6.6, \xff, ::1"),
    ("Sec-GPC", "1"),
    ("Purpose", "prefetch"),
    ("Origin", "https://evil.example"),
    ("Cookie", "x=" + "y" * 4_000),
    ("Sec-Fetch-Dest", "image"),
    ("Content-Type", "application/json"),
    ("Host", "evil.example"),
]


def test_hostile_requests_never_break_a_tracker_nor_leave_the_offers_hosts(fresh_db, tmp_path):
    offer = factories.make_offer(
        landing_url="https://shop.example/l?s={sub1}&c={aff_click_id}",
        fallback_url="https://out.example/{source}",
        deep_link_hosts=["shop.example"],
        targeting={"not": {"fact": "source", "in": ["1"]}},
        link_signing="report_only",
    )
    factories.make_link(offer, code="abc123")
    factories.make_cap(offer, limit=REQUESTS // 50, scope="source")
    smart = factories.make_smart_link(offer, code="s-000001")
    factories.make_external_id(offer, "1")
    factories.make_external_id(smart.affiliate, "1")
    environment = fresh_db.environment | {"NETWORK_FALLBACK_URL": "https://net.example/"}
    with serve(environment, log=tmp_path / "log") as server:
        with ThreadPoolExecutor(THREADS) as pool:
            told = pool.map(lambda seed: _attack(server.port, seed), range(REQUESTS // ROUND))
            answers: Counter[str] = sum(told, Counter())
        assert _raw(server.port, b"GET /c/abc123?sub1=\0 HTTP/1.1\r\nHost: x\r\n\r\n") == 400
        assert is_ready(server.port)
    assert answers["answered"] + answers["closed"] == REQUESTS
    assert answers["redirected"] > REQUESTS / 20
    assert answers["refused"] > REQUESTS / 50
    assert answers["closed"] + answers["no HTTP"] < REQUESTS / 20
    # Of these nobody can tell whether they are clicks.
    doubtful = answers["nobody's"] + answers["closed"]
    assert answers["click"] <= Click.objects.count() <= answers["click"] + doubtful
    assert answers["seen"] <= Impression.objects.count() <= answers["seen"] + answers["closed"]


class Answer(NamedTuple):
    """What was asked, and what the tracker said to it."""

    method: str
    path: str
    status: int
    location: str | None
    body: bytes

    @property
    def is_click(self) -> bool:
        """Whether there is a row of it, wherever it led."""
        if self.path.startswith("/c/"):
            return self.status in (302, 404)
        return self.status == (200 if self.path.startswith("/d/") else 302)

    @property
    def is_seen(self) -> bool:
        """Whether there is an impression of it."""
        return self.path.startswith("/i/") and self.method == "GET" and self.status == 200

    @property
    def is_no_http(self) -> bool:
        """Whether its bytes were refused before anybody knew what they ask for."""
        return self.status == 400 and (self.method == "HEAD" or b"is no HTTP" in self.body)


def _attack(port: int, seed: int) -> Counter[str]:
    """Some requests over one connection; how many came to what."""
    chance = random.Random(seed)
    came_to: Counter[str] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for _ in range(ROUND):
        try:
            answer = _ask(connection, chance)
        except (OSError, http.client.HTTPException):
            # Refused before its end, so the connection is closed.
            came_to["closed"] += 1
            connection.close()
            continue
        assert answer.status < 500, answer
        if answer.location is not None:
            assert urlsplit(answer.location).hostname in HOSTS, answer
            assert answer.location.isascii()
            assert answer.location.isprintable()
        came_to["answered"] += 1
        came_to["redirected"] += answer.status == 302
        came_to["click"] += answer.is_click
        came_to["seen"] += answer.is_seen
        came_to["nobody's"] += answer.path in PATHS_OF_OTHERS and answer.status == 404
        came_to["no HTTP"] += answer.is_no_http
        if answer.is_no_http:
            continue
        if answer.status >= 400 and answer.path in PROBLEMS:
            came_to["refused"] += 1
            assert answer.method == "HEAD" or json.loads(answer.body)["code"], answer
        else:
            assert answer.status in (200, 302, 404, 405), answer
    connection.close()
    return came_to


def _ask(connection: http.client.HTTPConnection, chance: random.Random) -> Answer:
    pairs = [f"{chance.choice(NAMES)}={_spelt(chance)}" for _ in range(chance.randrange(8))]
    path = chance.choice(PATHS[:2] if chance.random() < 0.5 else PATHS)
    query = chance.choice(["&", "&&", ";"]).join(pairs)
    method = chance.choices(["GET", "HEAD", "POST", "PUT", "OPTIONS"], [85, 5, 6, 2, 2])[0]
    headers = dict(chance.sample(HEADERS, chance.randrange(5)))
    connection.putrequest(method, f"{path}?{query}", skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value.encode("latin-1"))
    body = chance.randbytes(chance.randrange(200)) if method in ("POST", "PUT") else b""
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return Answer(method, path, answer.status, answer.headers["location"], answer.read())


def _spelt(chance: random.Random) -> str:
    value = chance.choice(VALUES)
    # What http.client itself refuses to send goes encoded; the rest as it is, now and then.
    if chance.random() < 0.3 and value.isascii() and value.isprintable() and " " not in value:
        return value
    return quote(value, safe="")


def _raw(port: int, request: bytes) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(request)
        return int(line.recv(1_000).split()[1])
