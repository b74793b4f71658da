"""The OpenAPI document says what the endpoints do."""

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from tests.network import endpoints

OWN_WORDS = ("/c/", "/i/", "/js/", "/aff_lsr")


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator(urlconf=endpoints.__name__).get_schema(request=None, public=True)


def test_it_is_valid_openapi_31(schema):
    assert schema["openapi"] == "3.1.0"
    validate_schema(schema)


def test_every_operation_documents_the_problem(schema):
    for name, path in schema["paths"].items():
        # Links and pictures are for people, and another platform's form has words of its own.
        for operation in path.values() if not name.startswith(OWN_WORDS) else ():
            content = operation["responses"]["default"]["content"]
            reference = content["application/problem+json"]["schema"]
            assert reference == {"$ref": "#/components/schemas/Problem"}


@pytest.mark.parametrize(
    ("path", "method", "required"),
    [
        ("heartbeats", "post", True),
        ("heartbeats/plain", "post", False),
        ("heartbeats", "get", None),
    ],
)
def test_writes_document_the_idempotency_key(schema, path, method, required):
    operation = schema["paths"][f"/api/v1/{path}"][method]
    keys = {p["name"]: p.get("required", False) for p in operation.get("parameters", ())}
    assert keys.get("Idempotency-Key") is required


def test_lists_document_their_pages(schema):
    operation = schema["paths"]["/api/v1/heartbeats"]["get"]
    assert {"limit", "cursor", "name"} <= {p["name"] for p in operation["parameters"]}
    page = schema["components"]["schemas"]["PaginatedHeartbeatList"]
    assert page["required"] == ["next", "previous", "next_cursor", "results"]


def test_an_action_without_a_body_documents_none(schema):
    assert "requestBody" not in schema["paths"]["/api/v1/heartbeats/beat"]["post"]
    assert "requestBody" in schema["paths"]["/api/v1/heartbeats"]["post"]


def test_money_and_rates_are_strings(schema):
    schemas = schema["components"]["schemas"]
    money = schemas["PriceRequest"]["properties"]
    assert money["price"] == {"$ref": "#/components/schemas/Money"}
    assert schemas["Money"]["properties"]["amount"]["type"] == "string"
    assert money["rate"]["type"] == "string"
