"""Whatever goes wrong is a problem document with a stable code, and tells nothing it should not."""

import json

import pytest

from network.models import Heartbeat

BEATS = "/api/v1/heartbeats"
pytestmark = pytest.mark.django_db


def problem(answer):
    assert answer["Content-Type"] == "application/problem+json"
    document = json.loads(answer.content)
    assert document["status"] == answer.status_code
    assert document["type"].endswith(document["code"])
    assert document["request_id"] == answer["X-Request-ID"]
    return document


def faults(answer):
    return {(fault["pointer"], fault["code"]) for fault in problem(answer)["errors"]}


def test_a_problem_has_all_its_members(anna):
    answer = anna.get(f"{BEATS}/none", headers={"X-Request-ID": "req-12345678"})
    assert problem(answer) == {
        "type": "urn:problem-type:peraction:not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no such thing, or it belongs to another.",
        "instance": f"{BEATS}/none",
        "code": "not_found",
        "request_id": "req-12345678",
    }


def test_every_fault_of_a_body_is_told_with_its_place(anna):
    body = {
        "price": {"amount": 12.34, "currency": "EUR"},
        "credit": {"amount": "-1", "currency": "EUR"},
        "note": "far too long",
        "parts": [1, "x"],
        "spare": 1,
    }
    assert faults(anna.post("/api/v1/money", body)) == {("/spare", "unknown_field")}
    del body["spare"]
    assert faults(anna.post("/api/v1/money", body)) == {
        ("/price", "money_must_be_string"),
        ("/credit", "amount_too_small"),
        ("/note", "max_length"),
        ("/parts/1", "invalid"),
    }


@pytest.mark.parametrize(
    "body", ["{", "", "[" * 100_000, "9" * 5_000, '{"a": NaN}', '"\\ud800"', b"\xff\xfe"]
)
def test_a_body_that_is_no_json_is_malformed(anna, body):
    answer = anna.post("/api/v1/money", body, content_type="application/json")
    assert problem(answer)["code"] in ("malformed", "invalid")
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "body",
    [
        '{"note": "a", "note": "a"}',
        '{"price": {"amount": "1.00", "currency": "EUR", "amount": "100.00"}}',
        '{"parts": [{"a": 1, "\\u0061": 2}]}',
    ],
)
def test_a_field_that_is_given_twice_is_refused(anna, body):
    answer = anna.post("/api/v1/money", body, content_type="application/json")
    assert (answer.status_code, problem(answer)["code"]) == (400, "duplicate_field")


@pytest.mark.parametrize("number", [10**18, 10**30, 10**300])
def test_a_whole_number_stays_one_however_long_it_is(anna, number):
    body = {"price": {"amount": "1.00", "currency": "EUR"}, "parts": [number]}
    assert faults(anna.post("/api/v1/money", body)) == {("/parts/0", "max_value")}


@pytest.mark.parametrize("body", ["[]", "1", "null", '"x"'])
def test_a_body_that_is_no_object_is_invalid(anna, body):
    answer = anna.post("/api/v1/money", body, content_type="application/json")
    assert problem(answer)["code"] == "invalid"


def test_a_large_body_is_refused(anna, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    for headers in ({}, {"Idempotency-Key": "k1"}):
        answer = anna.post("/api/v1/money", {"note": "x" * 200}, headers=headers)
        assert (answer.status_code, problem(answer)["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("put", BEATS, {}, 405, "method_not_allowed"),
        ("get", BEATS, {"Accept": "text/csv"}, 406, "not_acceptable"),
        ("get", "/api/v1/nothing", {}, 404, "not_found"),
        ("get", f"{BEATS}?colour=red", {}, 400, "unknown_parameter"),
        ("get", f"{BEATS}?at_after=soon", {}, 400, "invalid_parameter"),
    ],
)
def test_refusals_have_their_codes(anna, method, path, headers, status, code):
    answer = getattr(anna, method)(path, headers=headers)
    assert (answer.status_code, problem(answer)["code"]) == (status, code)


def test_a_form_is_not_taken(anna):
    answer = anna.post("/api/v1/money", "a=1", content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, problem(answer)["code"]) == (415, "unsupported_media_type")


def test_without_credentials_comes_a_challenge(nobody):
    answer = nobody.get(BEATS)
    assert (answer.status_code, problem(answer)["code"]) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"] == "Name"


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("room", 409, "no_room"),
        ("conflict", 409, "conflict"),
        ("away", 503, "unavailable"),
        ("bug", 500, "internal_error"),
    ],
)
def test_what_a_handler_raises_becomes_a_problem_without_our_secrets(anna, how, status, code):
    answer = anna.post(f"{BEATS}/fail", {"how": how})
    assert (answer.status_code, problem(answer)["code"]) == (status, code)
    assert b"secret" not in answer.content
    assert ("Retry-After" in answer) == (status == 503)


def test_the_log_says_which_rule_the_database_held_and_no_value_of_the_row(anna, caplog):
    assert anna.post(f"{BEATS}/twice", {"name": "canary"}).status_code == 409
    logged = next(each.msg for each in caplog.records if each.name == "network.api.problems")
    assert (logged["event"], logged["kind"]) == ("api.database_refused", "UniqueViolation")
    assert (logged["sqlstate"], logged["constraint"]) == ("23505", "heartbeat_pkey")
    assert "canary" not in str(logged)


def test_an_error_brings_its_own_members(anna):
    answer = anna.post(f"{BEATS}/fail", {"how": "room"})
    assert (problem(answer)["cap"], problem(answer)["detail"]) == (7, "Full.")


@pytest.mark.parametrize("name", ["colour", "limit2", "cursor\u200b", "at"])
def test_an_unknown_parameter_is_named(anna, name):
    assert faults(anna.get(BEATS, {name: "1"})) == {(f"?{name}", "unknown_parameter")}


def test_a_bad_filter_value_is_named(anna):
    assert faults(anna.get(BEATS, {"at_after": "soon"})) == {("?at", "invalid")}


@pytest.mark.parametrize("query", ["name=", "name", "name=%20", "name=a&name="])
def test_a_filter_without_a_value_is_named(anna, query):
    assert faults(anna.get(f"{BEATS}?{query}")) == {("?name", "invalid_parameter")}


def test_writes_and_single_things_take_no_list_parameters(anna):
    assert problem(anna.post("/api/v1/money?limit=1", {}))["code"] == "unknown_parameter"
    assert problem(anna.get(f"{BEATS}/x?limit=1"))["code"] == "unknown_parameter"


@pytest.mark.parametrize("body", [None, "", "{}", " {} "])
def test_an_action_without_a_body_takes_none_or_an_empty_one(anna, body):
    answer = anna.post(f"{BEATS}/beat", body, content_type="application/json")
    assert answer.status_code == 204


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ('{"colour": "red"}', 422, "invalid"),
        ("[1]", 422, "invalid"),
        ("null", 422, "invalid"),
        ("{not json", 400, "malformed"),
    ],
)
def test_an_action_without_a_body_refuses_one_before_it_acts(anna, body, status, code):
    answer = anna.post(f"{BEATS}/beat", body, content_type="application/json")
    assert (answer.status_code, problem(answer)["code"]) == (status, code)
    assert not Heartbeat.objects.exists()


def test_a_field_that_an_action_does_not_take_is_named(anna):
    assert faults(anna.post(f"{BEATS}/beat", {"name": "x"})) == {("/name", "unknown_field")}


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/offers"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_address_of_the_api_points_to_the_schema(nobody, method, path):
    answer = getattr(nobody, method)(path)
    found = problem(answer)
    assert (answer.status_code, found["code"], found["instance"]) == (404, "not_found", path)
    assert found["schema"] in found["detail"]
    assert nobody.get(found["schema"]).status_code == 200


@pytest.mark.parametrize(
    ("method", "query", "headers", "code"),
    [
        ("get", "?format=xx", {}, "not_found"),
        ("get", "", {"accept": "text/html"}, "not_acceptable"),
        ("post", "", {"accept": "application/yaml"}, "method_not_allowed"),
        ("post", "", {}, "method_not_allowed"),
    ],
)
def test_a_problem_is_json_where_the_answer_is_yaml(nobody, method, query, headers, code):
    answer = getattr(nobody, method)(f"/api/v1/schema{query}", headers=headers)
    assert problem(answer)["code"] == code


@pytest.mark.parametrize(
    ("path", "status", "heading"),
    [
        ("/nothing", 404, "There is no such page"),
        ("/apis", 404, "There is no such page"),
        ("/broken", 500, "Something went wrong on our side"),
    ],
)
def test_outside_the_api_a_failure_is_a_page_with_a_way_back(nobody, path, status, heading):
    answer = nobody.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (status, "text/html; charset=utf-8")
    page = answer.content.decode()
    assert f"<h1>{heading}</h1>" in page
    assert '<a href="/">' in page
    assert not [word for word in ("secret", "RuntimeError", path) if word in page]


@pytest.mark.parametrize("given", ["short", "x" * 65, "with space", "new\nline"])
def test_an_unfit_request_id_is_replaced(anna, given):
    assert anna.get(BEATS, headers={"X-Request-ID": given})["X-Request-ID"] != given


def test_answers_guard_the_browser(nobody):
    answer = nobody.get("/healthz")
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
