"""Clicks through the real server: raw bytes as attackers send them, and a kill in full flight."""

import http.client
import socket
import threading

import pytest

from tests import factories
from tests.running import eventually
from tests.tracking.servers import serve
from tracking.models import Click

VISITORS = 16


@pytest.fixture
def server(fresh_db, tmp_path):
    factories.make_link(code="abc123")
    with serve(fresh_db.environment, log=tmp_path / "tracker.log") as server:
        yield server


def send(server, line, header=b"Accept: */*"):
    """Send a request as these bytes; the status line of the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(line + b" HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
        return connection.recv(65_536).partition(b"\r\n")[0].decode()


def test_hostile_bytes_redirect_and_are_stored(server):
    requests = [
        (b"GET /c/abc123", b"User-Agent: \xff\xfe"),
        (b"GET /c/abc123", b"User-Agent: " + b"x" * 10_000),
        (b"GET /c/abc123?sub1=%ff%00", b"Accept-Language: \x80"),
        (b"GET /c/abc123?sub1=" + b"x" * 2_000, b"X-Forwarded-For: nonsense"),
        (b"HEAD /c/abc123", b"Referer: a\tb"),
    ]
    assert {send(server, *request) for request in requests} == {"HTTP/1.1 302 Found"}
    assert Click.objects.filter(reason="ok").count() == len(requests)


def test_codes_that_are_no_text_are_unknown_links(server):
    requests = [b"GET /c/%ff%fe", b"GET /c/" + b"x" * 5_000, b"GET /c/"]
    assert {send(server, request) for request in requests} == {"HTTP/1.1 404 Not Found"}
    assert max(len(click.link_code) for click in Click.objects.all()) == 64


def test_what_the_server_itself_refuses_is_a_bad_request(server):
    requests = [
        (b"GET /c/abc\x00123", b"A: b"),
        (b"GET /c/abc123", b"User-Agent: a\x00b"),
    ]
    assert {send(server, *request) for request in requests} == {"HTTP/1.1 400 Bad Request"}
    assert send(server, b"GET /c/abc123") == "HTTP/1.1 302 Found"
    assert send(server, b"GET /c/abc123?sub1=\xff") == "HTTP/1.1 302 Found"


def test_every_redirect_that_was_answered_is_stored_when_the_tracker_is_killed(server):
    answered = []

    def visit():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        try:
            while True:
                connection.request("GET", "/c/abc123")
                answer = connection.getresponse()
                answer.read()
                answered.append(answer.headers["location"])
        except (OSError, http.client.HTTPException):
            connection.close()

    visitors = [threading.Thread(target=visit) for _ in range(VISITORS)]
    for visitor in visitors:
        visitor.start()
    eventually(lambda: len(answered) > 500)
    server.kill()
    for visitor in visitors:
        visitor.join()
    stored = set(Click.objects.values_list("destination", flat=True))
    assert stored.issuperset(answered)
    assert len(stored) - len(answered) <= VISITORS
