"""Before Django: a body that never ends costs nothing, and nobody holds a thread for long."""

import asyncio
import json

import pytest

from network.asgi import THREADS, BodyFirst

WHOLE = {"type": "http.request", "body": b"whole", "more_body": False}
PART = {"type": "http.request", "body": b"part", "more_body": True}
FAST = {"body_within_s": 0.05, "answer_within_s": 0.05}


class Echo:
    """A WSGI application that answers with the body, and notes that its answer was closed."""

    closed = 0

    def __call__(self, environ, start_response):
        start_response("200 OK", [("X-Method", environ["REQUEST_METHOD"])])
        # As Django reads: what is not announced is not there.
        announced = int(environ.get("CONTENT_LENGTH") or 0)
        self.chunks = iter([environ["wsgi.input"].read(announced)])
        return self

    def __iter__(self):
        return self.chunks

    def close(self):
        self.closed += 1


async def ask(front, *messages, length=None, send=None):
    """What the front sent to a sender of these messages who then sends nothing any more."""
    waiting, sent = list(messages), []

    async def receive():
        return waiting.pop(0) if waiting else await asyncio.Event().wait()

    async def collect(message):
        sent.append(message)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    scope = {"type": "http", "method": "POST", "path": "/x", "query_string": b""}
    await front(scope | {"http_version": "1.1", "headers": headers}, receive, send or collect)
    return sent


def code(sent):
    body = json.loads(sent[1]["body"])
    assert (b"connection", b"close") in sent[0]["headers"]
    return sent[0]["status"], body["code"]


def test_a_whole_body_reaches_the_application_and_its_answer_is_closed():
    echo = Echo()
    sent = asyncio.run(ask(BodyFirst(echo), PART, WHOLE))
    assert (sent[0]["status"], sent[1]["body"], echo.closed) == (200, b"partwhole", 1)


def test_a_body_that_never_ends_is_refused_at_the_deadline():
    assert code(asyncio.run(ask(BodyFirst(Echo(), **FAST), PART))) == (408, "body_too_slow")


def test_more_endless_bodies_than_threads_keep_nobody_waiting():
    async def crowd():
        front = BodyFirst(Echo())
        slow = [asyncio.create_task(ask(front, PART)) for _ in range(THREADS * 10)]
        async with asyncio.timeout(5):
            answer = await ask(front, WHOLE)
        for task in slow:
            task.cancel()
        return answer

    assert asyncio.run(crowd())[1]["body"] == b"whole"


@pytest.mark.parametrize(("messages", "length"), [([], 11), ([PART, PART, PART], None)])
def test_a_body_is_refused_when_it_announces_or_has_too_much(settings, messages, length):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    sent = asyncio.run(ask(BodyFirst(Echo()), *messages, length=length))
    assert code(sent) == (413, "too_large")


def test_bodies_are_refused_while_too_much_is_held_and_taken_again_after():
    async def visits():
        front = BodyFirst(Echo(), body_within_s=0.2, held_bytes_max=8)
        slow = asyncio.create_task(ask(front, PART))
        await asyncio.sleep(0)
        refused = await ask(front, WHOLE)
        await slow
        return code(refused), (await ask(front, WHOLE))[0]["status"]

    assert asyncio.run(visits()) == ((503, "unavailable"), 200)


def test_a_sender_who_hangs_up_gets_no_answer():
    assert asyncio.run(ask(BodyFirst(Echo()), PART, {"type": "http.disconnect"})) == []


def test_a_reader_who_takes_nothing_loses_his_thread():
    async def never(_message):
        await asyncio.Event().wait()

    echo = Echo()
    with pytest.raises(TimeoutError):
        asyncio.run(ask(BodyFirst(echo, **FAST), WHOLE, send=never))
    assert echo.closed == 1
