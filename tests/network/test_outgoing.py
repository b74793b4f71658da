"""Calls to partners' servers stay out of our network and always end."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network

import pytest
from standardwebhooks.webhooks import Webhook

from network.outgoing import BODY_BYTES_MAX, call, may_call
from network.webhooks import new_webhook_secret, sign_webhook, webhook_headers


class Receiver(BaseHTTPRequestHandler):
    """Answers by path; remembers what it got."""

    got: list

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.server.got.append((self.path, dict(self.headers), self.rfile.read(length)))
        if self.path == "/drip":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b".")
                time.sleep(0.05)
            return
        self.send_response({"/moved": 302, "/sick": 500}.get(self.path, 200))
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(b"x" * 100_000 if self.path == "/long" else b"thanks")

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def receiver():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.got = []
    server.handle_error = lambda *args: None  # a caller that hangs up is part of these tests
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def url(receiver, path="/"):
    return f"http://127.0.0.1:{receiver.server_port}{path}"


def test_a_listed_address_is_called(receiver):
    outcome = call("POST", url(receiver, "/hook?a=1"), headers={"X-Id": "7"}, content=b"{}")
    assert (outcome.ok, outcome.status, outcome.body, outcome.error) == (True, 200, b"thanks", "")
    [(path, headers, body)] = receiver.got
    assert (path, headers["X-Id"], body) == ("/hook?a=1", "7", b"{}")
    assert headers["Host"] == f"127.0.0.1:{receiver.server_port}"


def test_a_name_is_pinned_to_its_address_and_still_sent_as_host(receiver):
    call("POST", f"http://localhost:{receiver.server_port}/", content=b"{}")
    assert receiver.got[0][1]["Host"] == f"localhost:{receiver.server_port}"


def test_our_own_network_is_never_called(receiver, settings):
    settings.OUTGOING_ALLOW = []
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"):
        outcome = call("POST", f"http://{host}:{receiver.server_port}/")
        assert (outcome.status, outcome.error) == (None, "address_refused")
    assert receiver.got == []


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "172.16.0.1", "192.168.1.1", "127.9.9.9", "169.254.169.254", "100.64.0.1",
     "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "fc00::1", "fe80::1", "ff0e::1",
     "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1", "2001:db8::1",
     "192.0.0.8", "192.88.99.1", "2001:20::1", "3fff::1", "fec0::1", "feff::1"],
)  # fmt: skip
def test_internal_addresses_are_refused(settings, address):
    settings.OUTGOING_ALLOW = []
    assert not may_call(ip_address(address))


def test_public_addresses_and_listed_ones_are_allowed(settings):
    settings.OUTGOING_ALLOW = [ip_network("10.0.0.0/8")]
    for address in ("8.8.8.8", "2606:4700::1111", "10.1.2.3", "::ffff:10.1.2.3"):
        assert may_call(ip_address(address))


def test_a_redirect_is_an_answer_and_not_followed(receiver):
    outcome = call("POST", url(receiver, "/moved"))
    assert (outcome.ok, outcome.status) == (False, 302)
    assert len(receiver.got) == 1


def test_a_failure_is_told_with_its_status(receiver):
    assert call("POST", url(receiver, "/sick")).status == 500


def test_of_a_long_answer_only_the_beginning_is_read(receiver):
    assert len(call("POST", url(receiver, "/long")).body) == BODY_BYTES_MAX


def test_a_slow_answer_ends_in_time(receiver):
    outcome = call("POST", url(receiver, "/drip"), timeout_s=0.3)
    assert outcome.error == "timeout"
    assert 300 <= outcome.elapsed_ms < 2_000


@pytest.mark.parametrize(
    "text",
    ["", "ftp://example.com/", "http://", "//x", "http://user:pw@example.com/", "file:///etc/passwd",
     "http://[::1", "http://x:y/"],
)  # fmt: skip
def test_what_is_no_web_address_is_not_called(text):
    assert call("GET", text).error == "url_invalid"


def test_an_unknown_name_and_a_closed_port_have_codes():
    assert call("GET", "http://nowhere.invalid/").error == "address_unknown"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert call("GET", f"http://127.0.0.1:{closed.getsockname()[1]}/").error == (
            "connection_failed"
        )


def test_what_is_no_http_is_an_invalid_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_babble, args=[server])
        thread.start()
        assert call("GET", f"http://127.0.0.1:{server.getsockname()[1]}/").error == "answer_invalid"
        thread.join()


def _babble(server):
    connection, _ = server.accept()
    connection.recv(10_000)
    connection.sendall(b"220 mail.example ready\r\n")
    connection.close()


def test_a_signature_is_verified_by_others():
    secret, body = new_webhook_secret(), b'{"status":"approved"}'
    headers = webhook_headers(secret, id="msg_1", timestamp_s=int(time.time()), body=body)
    assert Webhook(secret).verify(body, headers) == {"status": "approved"}


def test_a_signature_is_that_of_the_specification():
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signature = sign_webhook(
        secret,
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp_s=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
