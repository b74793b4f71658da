"""The same key several times at once, with real commits."""

import threading

import pytest
from django.db import connection

from network.models import Heartbeat, IdempotencyRequest
from tests.network import endpoints

pytestmark = pytest.mark.usefixtures("fresh_db")
BEATS = "/api/v1/heartbeats"


def post(client, path):
    return client.post(path, {"name": "first"}, headers={"Idempotency-Key": "k1"})


@pytest.fixture
def hold():
    """Lets one request stop before its commit until the test lets go."""
    endpoints.held.clear()
    endpoints.entered.clear()
    yield endpoints
    endpoints.held.set()


def in_thread(answers, client, path):
    """Post in a thread, whose connection goes back to the pool."""

    def call():
        try:
            answers.append(post(client, path))
        finally:
            connection.close()

    thread = threading.Thread(target=call)
    thread.start()
    return thread


@pytest.mark.parametrize("path", [f"{BEATS}/hold", f"{BEATS}/parts"])
def test_while_the_first_is_running_the_second_is_told_so(anna, hold, path):
    first = []
    thread = in_thread(first, anna, path)
    assert hold.entered.wait(10)
    second = post(anna, path)
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_in_flight")
    assert second["Retry-After"] == "1"
    hold.held.set()
    thread.join()
    third = post(anna, path)
    assert (first[0].status_code, third["Idempotent-Replayed"]) == (200, "true")


def test_of_many_at_once_one_is_done(anna):
    answers = []
    threads = [in_thread(answers, anna, BEATS) for _ in range(16)]
    for thread in threads:
        thread.join()
    done = [answer for answer in answers if answer.status_code == 201]
    assert sum("Idempotent-Replayed" not in answer for answer in done) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert Heartbeat.objects.count() == IdempotencyRequest.objects.count() == 1


def test_work_in_parts_is_committed_as_it_goes_and_answered_once(anna, hold):
    path = f"{BEATS}/parts"
    first = []
    thread = in_thread(first, anna, path)
    assert hold.entered.wait(10)
    assert [row.name for row in Heartbeat.objects.all()] == ["part"]
    hold.held.set()
    thread.join()
    assert (post(anna, path).content, Heartbeat.objects.count()) == (first[0].content, 2)


def test_work_in_parts_that_breaks_off_keeps_them_and_leaves_the_key_free(anna, hold):
    hold.held.set()
    path, headers = f"{BEATS}/parts", {"Idempotency-Key": "k1"}
    for _ in range(2):
        answer = anna.post(path, {"how": "broken"}, headers=headers)
        assert answer.status_code == 500
    assert IdempotencyRequest.objects.count() == 0
    assert [row.name for row in Heartbeat.objects.all()] == ["part"]
    assert anna.post(path, {}, headers=headers).status_code == 200
    assert Heartbeat.objects.count() == 2
