"""The same request with the same key is done once, whatever comes between."""

import pytest

from network.api.idempotency import prune
from network.models import Heartbeat, IdempotencyRequest

pytestmark = pytest.mark.django_db
BEATS = "/api/v1/heartbeats"


def post(client, key, name="first", path=BEATS):
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(path, {"name": name}, headers=headers)


def test_a_repeated_request_gets_the_first_answer_and_does_nothing(anna):
    first, second = post(anna, "k1"), post(anna, "k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert (second["Location"], second["Content-Type"]) == ("/x", first["Content-Type"])
    assert Heartbeat.objects.count() == 1


def test_a_key_belongs_to_its_actor(anna, boris):
    post(anna, "k1")
    assert post(boris, "k1", name="second").status_code == 201


@pytest.mark.parametrize("other", [{"name": "other"}, {"path": f"{BEATS}/plain"}])
def test_a_key_with_another_request_is_refused(anna, other):
    post(anna, "k1")
    answer = post(anna, "k1", **other)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")


@pytest.mark.parametrize("key", [None, "", "x" * 256, "caf\u00e9", "a\tb"])
def test_where_money_moves_a_fit_key_is_required(anna, key):
    answer = post(anna, key)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert Heartbeat.objects.count() == 0


def test_elsewhere_it_is_honoured(anna):
    assert post(anna, None, path=f"{BEATS}/plain").status_code == 202
    post(anna, "k1", path=f"{BEATS}/plain")
    again = post(anna, "k1", path=f"{BEATS}/plain")
    assert again["Idempotent-Replayed"] == "true"
    assert (again.content, again["Content-Type"]) == (b"<xml/>", "application/xml")


def test_a_method_that_is_not_there_stays_so(anna):
    answer = anna.put(BEATS, {}, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_bad_input_is_not_stored_so_the_key_can_be_used_again(anna):
    assert post(anna, "k1", name="x" * 41).status_code == 422
    assert post(anna, "k1").status_code == 201


@pytest.mark.parametrize(
    ("how", "status"), [("room", 409), ("conflict", 409), ("away", 503), ("bug", 500)]
)
def test_what_failed_left_nothing_and_is_tried_again(anna, how, status):
    for _ in range(2):
        answer = anna.post(f"{BEATS}/fail", {"how": how}, headers={"Idempotency-Key": "k1"})
        assert answer.status_code == status
        assert "Idempotent-Replayed" not in answer
    assert Heartbeat.objects.count() == IdempotencyRequest.objects.count() == 0


def test_the_stored_answer_cannot_be_read_in_the_database(anna):
    post(anna, "k1", name="a-secret-shown-once")
    assert b"secret" not in bytes(IdempotencyRequest.objects.get().body_sealed)


def test_old_answers_are_forgotten(anna, clock):
    post(anna, "k1")
    clock.forward(hours=23)
    assert prune() == 0
    clock.forward(hours=2)
    assert prune() == 1
