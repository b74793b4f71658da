"""What a stranger may cost the tracker: descriptors, memory, and bytes that no parser takes."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import factories
from tests.running import eventually
from tests.tracking.servers import serve
from tests.tracking.wire import END, connected, get
from tracking.models import Click
from tracking.protocol import KEPT_FREE

FILES = 300


@pytest.fixture
def link(fresh_db):
    return factories.make_link(code="abc123")


def rss_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1_000


def test_idle_connections_leave_room_for_those_who_are_there(fresh_db, link, tmp_path):
    with (
        serve(fresh_db.environment, log=tmp_path / "log", files=FILES) as server,
        ExitStack() as all_,
    ):
        visitor = all_.enter_context(connected(server.port))
        visitor.send(get("/c/abc123"))
        assert visitor.answer().status == 302
        crowd = [all_.enter_context(connected(server.port)) for _ in range(FILES)]
        crowd[-1].send(get("/c/abc123"))
        assert crowd[-1].answer() == END
        for _ in range(5):
            visitor.send(get("/c/abc123"))
            assert visitor.answer().status == 302
        crowd[FILES - KEPT_FREE - 20].send(get("/healthz"))
        assert crowd[FILES - KEPT_FREE - 20].answer().status == 200
    assert Click.objects.count() == 6


def test_long_headers_and_queries_are_not_remembered(fresh_db, link, tmp_path):
    with (
        serve(fresh_db.environment, log=tmp_path / "log") as server,
        connected(server.port) as visitor,
    ):
        visitor.send(get("/c/abc123"))
        visitor.answer()
        before = rss_mb(server.process.pid)
        for number in range(600):
            long = f"{number:06}" + "x" * 15_000
            names = ("User-Agent", "Accept-Language", "X-Forwarded-For")
            headers = [f"{name}: {long}".encode() for name in names]
            visitor.send(get(f"/c/abc123?sub1={long}", *headers))
            assert visitor.answer().status == 302
        assert rss_mb(server.process.pid) - before < 20


def test_user_agents_as_long_as_they_are_kept_are_not_remembered(fresh_db, link, tmp_path):
    with (
        serve(fresh_db.environment, log=tmp_path / "log") as server,
        connected(server.port) as visitor,
    ):

        def visits(numbers):
            for number in numbers:
                long = f"{number:06}" + "\U0001f600" * 990
                visitor.send(get("/c/abc123", b"User-Agent: " + long.encode()))
            assert {visitor.answer().status for _ in numbers} == {302}

        visits(range(50))
        before = rss_mb(server.process.pid)
        for first in range(50, 3_050, 50):
            visits(range(first, first + 50))
        assert rss_mb(server.process.pid) - before < 20


def test_a_head_of_one_packet_is_refused_when_it_is_too_large(fresh_db, link, tmp_path):
    with (
        serve(fresh_db.environment, log=tmp_path / "log") as server,
        connected(server.port) as visitor,
    ):
        visitor.send(get("/c/abc123", b"User-Agent: " + b"x" * 100_000))
        assert visitor.answer().status == 431
    assert not Click.objects.exists()


@pytest.mark.parametrize(("raw", "sub"), [("ж".encode(), "ж"), (b"\xe9", "\ufffd")])
def test_a_query_that_nobody_has_encoded_is_a_click(fresh_db, link, tmp_path, raw, sub):
    with (
        serve(fresh_db.environment, log=tmp_path / "log") as server,
        connected(server.port) as visitor,
    ):
        visitor.send(get("/c/abc123?sub1=SUB").replace(b"SUB", raw))
        assert visitor.answer().status == 302
    eventually(lambda: Click.objects.get().subs == [sub], says="not stored as it was sent")


def test_a_query_that_nobody_has_encoded_may_come_in_several_packets(fresh_db, link, tmp_path):
    request = get("/c/abc123?sub1=SUB", b"User-Agent: \xd0\xb6").replace(b"SUB", "жук".encode())
    with (
        serve(fresh_db.environment, log=tmp_path / "log") as server,
        connected(server.port) as visitor,
    ):
        visitor.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(1, len(request)):
            visitor.send(request[:place])
            time.sleep(0.005)
            visitor.send(request[place:])
            assert visitor.answer().status == 302
    found = set(Click.objects.values_list("user_agent", "subs__0"))
    assert found == {("ж", "жук")}
