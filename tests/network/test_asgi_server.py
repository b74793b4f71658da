"""The web server under granian: bodies in chunks, as clients send them that know no length yet."""

from http.client import HTTPConnection

import pytest

from tests import factories
from tests.tracking.servers import serve

CHUNK = b"x" * 65_536


@pytest.fixture
def server(fresh_db, tmp_path):
    log = tmp_path / "web.log"
    app = "network.asgi:application"
    with serve(fresh_db.environment, log=log, app=app, ready="/healthz") as server:
        yield server


def post_in_chunks(server, path, chunks, **headers):
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"} | headers
    try:
        connection.request("POST", path, body=iter(chunks), headers=headers, encode_chunked=True)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_body_in_chunks_is_read_whole_and_no_further_than_the_limit(server):
    key = factories.make_key(factories.make_member("operator"))
    headers = {"Authorization": f"Bearer {key}"}
    chunks = [b'{"code": "acme", ', b'"name": "Acme"}']
    assert post_in_chunks(server, "/api/v1/advertisers", chunks, **headers)[0] == 201
    status, body = post_in_chunks(server, "/api/v1/advertisers", [CHUNK] * 17, **headers)
    assert (status, b"too_large" in body) == (413, True)
