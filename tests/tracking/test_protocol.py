"""The tracker's HTTP: however it is asked, each request has its answer, and each click its row."""

import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

import psycopg
import pytest
from django.forms import model_to_dict

from tests.running import ROOT, NotYet, eventually
from tests.tracking.servers import serve
from tests.tracking.wire import (
    END,
    LONG,
    SHORT,
    connected,
    get,
    make_links,
    no_commits,
    waiting_for_a_lock,
)
from tracking import protocol
from tracking.clicks.pages import NOWHERE
from tracking.models import Click

# What is another at each click.
OWN = ("id", "ts", "destination", "pk")


@pytest.fixture
def link(fresh_db):
    return make_links()


@pytest.fixture
def log(tmp_path):
    return tmp_path / "tracker.log"


@pytest.fixture
def server(fresh_db, link, log):
    environment = fresh_db.environment | {"TRUSTED_PROXIES": "127.0.0.1/32"}
    with serve(environment, log=log) as server:
        yield server


def stored():
    """How often each sub id is stored."""
    return Counter((subs or [""])[0] for subs in Click.objects.values_list("subs", flat=True))


def sub(answer):
    """The sub id that an answer was redirected with."""
    return answer.headers["location"].removeprefix("https://shop.example/").partition("?")[0]


def test_a_connection_is_kept_for_click_after_click(server):
    with connected(server.port) as wire:
        answers = [wire.ask(get(f"{SHORT}?sub1=s{number}")) for number in range(20)]
    assert [(answer.status, sub(answer)) for answer in answers] == [
        (302, f"s{number}") for number in range(20)
    ]
    assert stored() == {f"s{number}": 1 for number in range(20)}


def test_requests_in_one_packet_are_answered_in_their_order(server):
    click = "{}?sub1=s{}".format
    packets = [
        [click(SHORT, number) for number in range(8)],
        [click(SHORT, 8), "/healthz", click(SHORT, 9)],
        ["/healthz", click(SHORT, 10), "/healthz", click(LONG, 11)],
        [click(SHORT, 12), "/c/nobody?sub1=s13", click(SHORT, 14), "/c/ended1?sub1=s15"],
    ]
    said = []
    with connected(server.port) as wire:
        for packet in packets:
            wire.send(b"".join(map(get, packet)))
            answers = [wire.answer() for _ in packet]
            said.append(
                [(a.status, sub(a) if a.status == 302 else a.body[:1].decode()) for a in answers]
            )
    assert said == [
        [(302, f"s{number}") for number in range(8)],
        [(302, "s8"), (200, "{"), (302, "s9")],
        [(200, "{"), (302, "s10"), (200, "{"), (302, "s11")],
        [(302, "s12"), (404, "<"), (302, "s14"), (404, "<")],
    ]
    assert stored() == {f"s{number}": 1 for number in range(16)}


def test_an_upgrade_that_nobody_has_hides_no_request_behind_it(server):
    upgrade = (b"Connection: Upgrade", b"Upgrade: h2c")
    ways = (SHORT, LONG, "/healthz")
    with connected(server.port) as wire:
        for path in ways:
            wire.send(get(path, *upgrade) * 20 + get(f"{SHORT}?sub1=behind"))
            answers = [wire.answer() for _ in range(21)]
            assert {a.status for a in answers[:-1]} == {200 if path == "/healthz" else 302}
            assert sub(answers[-1]) == "behind"
    assert stored()["behind"] == len(ways)


@pytest.mark.parametrize("splits", [False, True], ids=["one packet", "two packets"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_behind_an_upgrade_is_a_body_and_no_request(server, chunked, splits):
    inner = get(f"{SHORT}?sub1=smuggled", b"X-Forwarded-For: 203.0.113.77")
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner) if chunked else inner
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(inner)
    upgrade = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAM")
    head = get("/postback", *upgrade, framing, b"Content-Type: application/json", method="POST")
    with connected(server.port) as wire:
        wire.send(head if splits else head + body + get(f"{SHORT}?sub1=behind"))
        if splits:
            time.sleep(0.2)
            wire.send(body + get(f"{SHORT}?sub1=behind"))
        read = wire.answer()
        assert (read.status, b"JSON" in read.body) == (400, True)
        assert sub(wire.answer()) == "behind"
    assert stored() == {"behind": 1}


@pytest.mark.parametrize("dribbles", [False, True], ids=["head at once", "byte by byte"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/e", 422), ("GET", SHORT, 302)])
def test_a_body_in_a_packet_of_its_own_stays_as_long_as_its_head_says(
    server, method, path, status, chunked, dribbles
):
    inner = get(f"{SHORT}?sub1=smuggled", b"X-Forwarded-For: 203.0.113.77")
    # Each of these letters is four bytes more where it is percent-encoded.
    body = b"\xc3\xa9" * (len(inner) // 4) + b"\r\n" + inner
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    begin, end = (b"%x\r\n" % len(body), b"\r\n0\r\n\r\n") if chunked else (b"", b"")
    with connected(server.port) as wire:
        head = get(path, framing, method=method) + begin
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The last byte of a head comes with the body then.
        parts = [head[place : place + 1] for place in range(len(head))] if dribbles else [head, b""]
        for part in parts[:-1]:
            wire.send(part)
            time.sleep(0.002)
        time.sleep(0.2)
        wire.send(parts[-1] + body + end + get(f"{SHORT}?sub1=behind"))
        assert wire.answer().status == status
        assert sub(wire.answer()) == "behind"
    assert not stored()["smuggled"]


def test_who_takes_it_for_a_proxy_is_refused(server):
    with connected(server.port) as wire:
        refused = wire.ask(get("shop.example:443", method="CONNECT") + get(SHORT))
        assert (refused.status, wire.answer()) == (400, END)
    assert not Click.objects.exists()


def test_a_body_that_breaks_off_behind_a_click_is_refused_after_it(server):
    broken = get("/e", b"Transfer-Encoding: chunked", method="POST") + b"zz\r\n"
    for path in (SHORT, LONG):
        with connected(server.port, wait_s=5) as wire:
            wire.send(get(path) + broken)
            assert [wire.answer().status, wire.answer().status, wire.answer()] == [302, 400, END]


def test_a_request_that_comes_byte_by_byte_is_one_click(server):
    with connected(server.port) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in get(f"{SHORT}?sub1=slow", b"User-Agent: dribble"):
            wire.send(bytes([byte]))
            time.sleep(0.001)
        assert sub(wire.answer()) == "slow"
    assert Click.objects.get().user_agent == "dribble"


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        (b"GET /c/abc123?sub1=", b"x"),
        (b"GET /c/abc123 HTTP/1.1\r\nUser-Agent: ", b"x"),
        (b"GET /c/abc123 HTTP/1.1\r\n", b"A: b\r\n"),
        (b"GET /c/abc123 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    ],
    ids=["address", "header", "headers", "trailers"],
)
def test_a_head_without_an_end_is_refused_before_it_fills_the_memory(server, beginning, more):
    sent = 0
    with connected(server.port) as wire:
        wire.send(beginning)
        wire.socket.settimeout(0.01)
        while sent < 10_000_000:
            try:
                wire.send(more * (8_192 // len(more)))
                sent += 8_192
                peeked = wire.socket.recv(100, socket.MSG_PEEK)
            except TimeoutError:
                continue
            break
        wire.socket.settimeout(20)
        assert peeked.startswith(b"HTTP/1.1 431 ")
        refused = wire.answer()
        assert refused.headers["connection"] == "close"
    assert sent < 3 * protocol.HEAD_MAX
    assert not Click.objects.exists()


def test_a_long_head_that_ends_is_a_click(server):
    with connected(server.port) as wire:
        for number in range(3):
            wire.send(get(f"{SHORT}?sub1=s{number}", *[b"A: " + b"x" * 8_000] * 7))
        assert [sub(wire.answer()) for _ in range(3)] == ["s0", "s1", "s2"]


def requests(path):
    """Requests in odd forms: what to send for this path, and whether the answer has a body."""
    head = path + "?sub1=odd"
    body = b"sub1=other"
    length = b"Content-Length: %d" % len(body)
    return {
        "plain": get(head),
        "old": get(head, version="1.0"),
        "old kept": get(head, b"Connection: keep-alive", version="1.0"),
        "closed": get(head, b"Connection: close"),
        "several tokens": get(head, b"Connection: foo, Close"),
        "head": get(head, method="HEAD"),
        "post": get(head, length, method="POST") + body,
        "options": get(head, method="OPTIONS"),
        "body": get(head, length) + body,
        "chunked body": get(head, b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n",
        "both lengths": get(head, length, b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        "trailer": get(head, b"Transfer-Encoding: chunked")
        + b"3\r\nabc\r\n0\r\nX-Forwarded-For: 192.0.2.66\r\nUser-Agent: trailer\r\n\r\n",
        "expects": get(head, b"Expect: 100-continue", length),
        "upgrade": get(head, b"Connection: Upgrade", b"Upgrade: websocket"),
        "upgrade to 2": get(head, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"),
        "upgrade at the end": get(head, b"Connection: Upgrade, close", b"Upgrade: h2c"),
        "old upgrade": get(head, b"Connection: Upgrade", b"Upgrade: x", version="1.0"),
        "fragment": get(head + "#sub1=fragment"),
        "absolute": get("http://go.example" + head),
        "two questions": get(path + "??sub1=odd&sub2=%23%00%0d%0a%ff"),
        "percent": get(path + "?sub1=o%64d&sub2=%"),
        "hops": get(head, b"X-Forwarded-For: 192.0.2.7", b"X-Forwarded-For: 127.0.0.1"),
        "hops, written otherwise": get(
            head, b"x-forwarded-FOR: 198.51.100.1", b"X-FORWARDED-FOR:192.0.2.7 ,127.0.0.1  "
        ),
        "no hop": get(head, b"X-Forwarded-For:"),
        "two browsers": get(head, b"User-Agent: one", b"User-Agent: two"),
        "broken text": get(head, b"User-Agent: \xff\xfe\xc3", b"Referer: \x80", b"X-Any: \xff"),
        "nul": get(head, b"User-Agent: a\0b"),
        "nul in the address": get(head + "\0"),
        "no text in the address": get(head).replace(b"odd", b"\xff"),
        "folded": get(head, b"User-Agent: a", b" b"),
        "no colon": get(head, b"User-Agent"),
        "spaced": get(head, b"User-Agent : a"),
        "a lone end of line": get(head, b"User-Agent: a\nX-Forwarded-For: 192.0.2.66"),
        "nowhere": get(head.replace("abc12", "ended").replace("%33", "%31").replace("d3", "d1")),
    }


def asked_oddly(server, request):
    """What comes back of a request, and what it left behind."""
    before = set(Click.objects.values_list("id", flat=True))
    with connected(server.port) as wire:
        answer = wire.ask(request, body=not request.startswith(b"HEAD"))
        if b"100-continue" in request:
            wire.send(b"sub1=other")
        # Whether the connection goes on, and that nothing stands between the answers.
        after = wire.ask(get("/healthz")) if answer is not END else END
    rows = [
        {name: value for name, value in model_to_dict(row).items() if name not in OWN}
        for row in Click.objects.exclude(id__in=before)
    ]
    headers = answer.headers | {
        "location": re.sub("click_id=.*", "", answer.headers.get("location", "")),
        "date": "",
    }
    return answer.status, headers, answer.body, after.status, rows


def test_the_short_way_and_the_long_way_answer_and_store_the_same(server):
    ways = zip(requests(SHORT).items(), requests(LONG).values(), strict=True)
    told = {name: (asked_oddly(server, a), asked_oddly(server, b)) for (name, a), b in ways}
    differ = {name: both for name, both in told.items() if both[0] != both[1]}
    assert differ == {}
    statuses = {name: (short[0], len(short[4])) for name, (short, _) in told.items()}
    refused = {name for name, found in statuses.items() if found == (400, 0)}
    assert refused == {
        "both lengths", "nul", "nul in the address", "folded", "no colon", "spaced",
        "a lone end of line",
    }  # fmt: skip
    assert {name for name, found in statuses.items() if found == (405, 0)} == {"post", "options"}
    assert statuses["nowhere"] == (404, 1)
    assert {found for name, found in statuses.items() if name not in refused} == {
        (302, 1), (404, 1), (405, 0),
    }  # fmt: skip
    rows = {name: short[4][0] for name, (short, _) in told.items() if short[4]}
    unlike = {name for name, row in rows.items() if row["subs"][0] != "odd"}
    assert unlike == {"two questions", "no text in the address"}
    assert rows["no text in the address"]["subs"][0] == "\ufffd"
    assert {rows[name]["ip"] for name in ("hops", "hops, written otherwise")} == {"192.0.2.7"}
    assert rows["trailer"]["ip"] == "127.0.0.1"
    assert not rows["trailer"]["user_agent"]
    assert told["nowhere"][0][2] == NOWHERE
    assert {name for name, (short, _) in told.items() if short[3] == -1} == refused | {
        "old", "old kept", "old upgrade", "closed", "several tokens", "upgrade at the end",
    }  # fmt: skip
    assert server.process.poll() is None


def test_without_a_place_to_store_both_ways_say_come_later(fresh_db, link, log):
    role = psycopg.conninfo.conninfo_to_dict(fresh_db.url)["user"]
    with serve(fresh_db.environment | {"SPOOL_BYTES_MAX": "0"}, log=log) as server:
        with psycopg.connect(fresh_db.owner_url) as owner:
            owner.execute(f"REVOKE INSERT ON click FROM {role}")
        told = [asked_oddly(server, get(path)) for path in (SHORT, LONG, SHORT)]
    assert [(status, rows) for status, *_, rows in told] == [(503, [])] * 3
    assert told[0] == told[1] == told[2]
    assert told[0][1]["retry-after"] == "1"


def test_a_visitor_who_hangs_up_before_the_commit_is_stored_and_is_no_error(fresh_db, server, log):
    with connected(server.port) as wire:
        assert wire.ask(get(f"{SHORT}?sub1=first")).status == 302
    with no_commits(fresh_db):
        with ExitStack() as stack:
            for number, path in enumerate([SHORT, LONG, SHORT]):
                wire = stack.enter_context(connected(server.port))
                wire.send(get(f"{path}?sub1=gone{number}"))
                if number == 2:
                    # Without a goodbye.
                    hang_up(wire.socket)
            eventually(lambda: waiting_for_a_lock(fresh_db))
            time.sleep(0.2)
        assert set(stored()) == {"first"}
    eventually(lambda: sum(stored().values()) == 4)
    assert set(stored()) == {"first", "gone0", "gone1", "gone2"}
    with connected(server.port) as wire:
        assert wire.ask(get(SHORT)).status == 302
    said = log.read_text()
    assert not re.search(r"\[(warning|error|critical)|Traceback", said), said


def hang_up(connection):
    """Close it so that the other side gets a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_who_is_gone_before_the_tracker_looks_has_nobodys_address(fresh_db, link, log):
    """A peer without an address is a local proxy, and is believed."""
    environment = fresh_db.environment | {"TRUSTED_PROXIES": "10.0.0.0/8"}
    with serve(environment, log=log) as server:
        os.killpg(server.process.pid, signal.SIGSTOP)
        try:
            for path in (SHORT, LONG):
                made = socket.create_connection(("127.0.0.1", server.port))
                made.sendall(get(path, b"X-Forwarded-For: 192.0.2.66"))
                hang_up(made)
            time.sleep(0.1)
        finally:
            os.killpg(server.process.pid, signal.SIGCONT)
        with connected(server.port) as wire:
            assert wire.ask(get(SHORT, b"X-Forwarded-For: 192.0.2.66")).status == 302
        time.sleep(0.2)
    addresses = {ip_address(click.ip) for click in Click.objects.all()}
    assert addresses == {ip_address("127.0.0.1")}


def test_clicks_that_wait_at_the_end_are_stored_and_answered(fresh_db, server, log):
    with ExitStack() as stack:
        wires = [stack.enter_context(connected(server.port)) for _ in range(4)]
        half = stack.enter_context(connected(server.port))
        half.send(b"GET /c/abc123?sub1=half HTTP/1.1\r\n")
        assert wires[0].ask(get(f"{SHORT}?sub1=first")).status == 302
        with no_commits(fresh_db):
            for number, wire in enumerate(wires):
                wire.send(get(f"{(SHORT, LONG)[number % 2]}?sub1=s{number}"))
            wires[2].send(get(f"{SHORT}?sub1=behind"))
            eventually(lambda: waiting_for_a_lock(fresh_db))
            time.sleep(0.2)
            server.process.terminate()
            assert half.answer() == END
            with pytest.raises(NotYet):
                eventually(lambda: server.process.poll() is not None, within_s=0.3)
        answers = [wire.answer() for wire in wires]
        assert [sub(answer) for answer in answers] == ["s0", "s1", "s2", "s3"]
        assert sub(wires[2].answer()) == "behind"
        assert [wire.answer() for wire in wires] == [END] * 4
    assert server.process.wait(timeout=20) in (0, -signal.SIGTERM)
    assert stored() == dict.fromkeys(("first", "s0", "s1", "s2", "s3", "behind"), 1)
    assert [answer.headers.get("connection") for answer in answers] == [
        "close", "close", None, "close",
    ]  # fmt: skip
    assert "Traceback" not in log.read_text()


def test_two_workers_share_one_port_and_end_together(fresh_db, link, log):
    with serve(fresh_db.environment, log=log, workers=2) as server:
        workers = children(server.process.pid)
        # Ready is who was asked, and not yet the other.
        for event in ("snapshot.loaded", "clicks.connected"):
            eventually(lambda event=event: log.read_text().count(event) == 2)
        with ExitStack() as stack:
            wires = [stack.enter_context(connected(server.port)) for _ in range(40)]
            for number, wire in enumerate(wires):
                wire.send(get(f"{SHORT}?sub1=s{number}"))
            assert [sub(wire.answer()) for wire in wires] == [f"s{n}" for n in range(40)]
    assert len(workers) == 2
    assert stored() == {f"s{number}": 1 for number in range(40)}
    assert server.process.returncode in (0, -signal.SIGTERM)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_workers_are_not_started_where_the_environment_is_not_fit():
    answer = subprocess.run(
        [sys.executable, "-m", "tracking", "--port", "1", "--workers", "2"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode == 1
    assert answer.stderr.count("  CLICK_KEYS ") == 1


def children(pid):
    """The processes below this one that serve."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for each in pids if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]


def test_nothing_is_logged_of_what_is_only_asked(server, log):
    with connected(server.port) as wire:
        for request in (get(SHORT), get(LONG), get("/healthz"), requests(SHORT)["upgrade"]):
            wire.ask(request)
    assert "/c/" not in log.read_text()
    assert "pgrade" not in log.read_text()
