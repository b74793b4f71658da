"""HTTP over a bare socket: exactly these bytes are sent, and answers are read one by one."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import psycopg

from partners.models import Link
from tests import factories

# The code of the same link in other letters: the same click, but not by the short way.
SHORT, LONG = "/c/abc123", "/c/abc12%33"


class Answer(NamedTuple):
    """One answer: its status, its headers by name, its body; -1 is the end of the connection."""

    status: int
    headers: dict[str, str]
    body: bytes


END = Answer(-1, {}, b"")


@dataclass
class Wire:
    """A connection to a server; a test that waits too long for an answer fails."""

    socket: socket.socket
    _answers: BinaryIO

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        self.socket.sendall(data)

    def answer(self, *, body: bool = True) -> Answer:
        """The next answer; END where the server has hung up. None to HEAD has a body."""
        try:
            line = self._answers.readline()
        except ConnectionResetError:
            return END
        if not line:
            return END
        headers = {}
        while said := self._answers.readline().rstrip(b"\r\n"):
            name, _, value = said.decode("latin-1").partition(": ")
            headers[name] = value
        length = int(headers.get("content-length", 0)) if body else 0
        return Answer(int(line.split()[1]), headers, self._answers.read(length))

    def ask(self, data: bytes, *, body: bool = True) -> Answer:
        """Send these bytes and read the next answer."""
        self.send(data)
        return self.answer(body=body)


@contextmanager
def connected(port: int, *, wait_s: float = 20) -> Iterator[Wire]:
    """A connection to this port of loopback."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=wait_s) as made,
        made.makefile("rb") as answers,
    ):
        yield Wire(made, answers)


def get(target: str, *headers: bytes, method: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body; each header is a line without its end."""
    lines = [f"{method} {target} HTTP/{version}".encode(), b"Host: x", *headers]
    return b"\r\n".join([*lines, b"", b""])


def make_links() -> Link:
    """A link whose destination tells the sub id of its click, and one that leads nowhere."""
    offer = factories.make_offer(landing_url="https://shop.example/{sub1}")
    factories.make_link(offer, code="ended1", active=False)
    return factories.make_link(offer, code="abc123")


@contextmanager
def no_commits(fresh_db):
    """Nobody's clicks are stored while this lasts."""
    with psycopg.connect(fresh_db.owner_url) as owner:
        owner.execute("LOCK TABLE click IN SHARE MODE")
        yield


def waiting_for_a_lock(fresh_db):
    with psycopg.connect(fresh_db.owner_url) as owner:
        (found,) = owner.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'click'::regclass"
        ).fetchone()
    return found
