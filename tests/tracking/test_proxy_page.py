"""The sample configuration of nginx: it alone says where a visitor comes from."""

import http.client
import re
import shutil
import ssl
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests import factories
from tests.running import ROOT, eventually, free_ports
from tests.tracking.servers import serve
from tracking.models import Click

PAGE = (ROOT / "docs" / "nginx.conf").read_text(encoding="utf-8")
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def test_headers_are_set_for_all_servers_in_one_place():
    """A server or a location that sets one of its own inherits none of the others."""
    common, *servers = re.sub(r"#.*", "", PAGE).split("server {")
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in common
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in common
    assert not any("proxy_set_header" in server for server in servers)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx here")
def test_a_click_comes_from_its_visitor_whatever_that_forwards(fresh_db, tmp_path):
    factories.make_link(code="abc123")
    environment = fresh_db.environment | {"TRUSTED_PROXIES": "127.0.0.1/32"}
    with (
        serve(environment, log=tmp_path / "log") as server,
        nginx(tmp_path, server.port) as port,
    ):
        assert ask(port, "/c/abc123") == 302
        assert [ask(port, path) for path in ("/metrics", "/healthz", "/readyz")] == [404] * 3
    assert Click.objects.get().ip == "127.0.0.2"


def ask(port, path):
    """The status of a request from 127.0.0.2, which says that it is forwarded for another."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1",
        port,
        timeout=10,
        source_address=("127.0.0.2", 0),
        context=ssl._create_unverified_context(),
    )
    headers = {"Host": "go.example.com", "X-Forwarded-For": "192.0.2.66"}
    connection.request("GET", path, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


@contextmanager
def nginx(home, tracker):
    """nginx as the page has it, but for ports and files; the port of its two names."""
    port, plain = free_ports(2)
    certificate(home / "key.pem", home / "crt.pem")
    temporary = " ".join(f"{name}_temp_path {home}/{name};" for name in TEMPORARY)
    changes = (
        (r"listen 443 ", f"listen 127.0.0.1:{port} "),
        (r"listen 80 ", f"listen 127.0.0.1:{plain} "),
        (r"server 127\.0\.0\.1:800[01];", f"server 127.0.0.1:{tracker};"),
        (r"/etc/ssl/[a-z.]+\.pem", f"{home}/crt.pem"),
        (r"/etc/ssl/[a-z.]+\.key", f"{home}/key.pem"),
        (r"/var/log/nginx/", f"{home}/"),
        (r"http \{", f"http {{ {temporary}"),
    )
    text = PAGE
    for old, new in changes:
        text, count = re.subn(old, new, text)
        assert count, old
    (home / "nginx.conf").write_text(text)
    own = f"daemon off; pid {home}/pid; error_log {home}/error.log;"
    process = subprocess.Popen(
        ["nginx", "-e", f"{home}/error.log", "-c", f"{home}/nginx.conf", "-g", own]
    )
    try:
        eventually((home / "pid").exists, within_s=20, says="nginx did not start")
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def certificate(key_path, certificate_path):
    """A key and a certificate that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "go.example.com")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1)
    ).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    key_path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_path.write_bytes(made.public_bytes(pem))
