"""The page on the API cannot rot: its scopes, its list of calls and its codes are ours."""

import json
import re

import pytest
import yaml

from network.api.idempotency import HEADER
from partners.models import Role
from partners.scopes import ALL_SCOPES, SCOPES
from tests.kinds import all_codes
from tests.running import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_scope_is_there_with_the_roles_that_may_have_it():
    head, _, *rows = PAGE.split("| scope | ")[1].split("\n\n")[0].splitlines()
    roles = [Role(name) for name in head.strip(" |").split(" | ")]
    assert set(roles) == set(Role)
    shown = {}
    for row in rows:
        scope, *marks = row.strip(" |").split(" | ")
        held = zip(roles, marks, strict=True)
        shown[scope.strip("`")] = {role for role, mark in held if mark == "yes"}
    assert shown == {scope: {r for r in Role if scope in SCOPES[r]} for scope in ALL_SCOPES}


def test_the_calls_that_need_an_idempotency_key_are_listed():
    paths = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))["paths"]
    required = {
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", ())
        if parameter.get("name") == HEADER and parameter.get("required")
    }
    assert set(re.findall(r"^POST /api/v1/.*$", PAGE, re.MULTILINE)) == required


@pytest.mark.django_db
def test_the_refusal_that_is_shown_is_what_is_answered(alice):
    (shown,) = re.findall(r'^```json\n(\{\n  "type".*?)^```$', PAGE, re.DOTALL | re.MULTILINE)
    id = json.loads(shown)["request_id"]
    answer = alice.api.get("/api/v1/offers?colour=red", headers={"x-request-id": id})
    assert answer.json() == json.loads(shown)
    assert answer["X-Request-ID"] == id
    assert {"RateLimit", "RateLimit-Policy"} <= set(answer.headers)


def test_every_code_on_the_page_is_one_of_ours():
    kinds = all_codes()
    rows = re.findall(r"^\| (\d{3}) \| (.*?) \|", PAGE, re.MULTILINE)
    named = [
        (int(status), code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)
    ]
    assert len(named) > 20
    assert [(int(kinds[code].status), code) for _, code in named] == named
