"""The tracker's addresses for the API's description: links, and reports as shops send them."""

from typing import Any, Final

from django.conf import settings

from network.api.problems import CONTENT_TYPE
from tracking.clicks.edge import PREFIX
from tracking.clicks.query import SUBS, TEXT_MAX
from tracking.conversions.dialects import TUNE
from tracking.conversions.edge import PATH, TUNE_PATH
from tracking.conversions.evidence import GOAL_MAX, REF_MAX

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_ID: Final[Schema] = {"type": "string", "format": "uuid"}
# What a report says, in a query, a form or JSON.
_FIELDS: Final[dict[str, Schema]] = {
    "advertiser": {**_TEXT, "description": "The advertiser's code."},
    "token": {**_TEXT, "description": "The report token, of who does not sign."},
    "click_id": {**_TEXT, "description": "What the landing page was given as `click_id`."},
    "goal": {
        **_TEXT,
        "maxLength": GOAL_MAX,
        "description": "The goal's code; without it the offer's default goal.",
    },
    "order_id": {
        **_TEXT,
        "maxLength": REF_MAX,
        "description": "Required for a goal that counts once per order.",
    },
    "event_id": {
        **_TEXT,
        "maxLength": REF_MAX,
        "description": "Required for a goal that counts every time.",
    },
    "amount": {
        **_TEXT,
        "pattern": r"^[0-9]+(\.[0-9]+)?$",
        "description": "The sale's worth, with no more decimals than its currency has.",
    },
    "currency": {**_TEXT, "pattern": "^[A-Za-z]{3}$", "description": "That of the offer."},
    "test": {**_TEXT, "enum": ["1", "true"], "description": "A test earns and reserves nothing."},
}
# Who signs sends these four at the end of the query, `sig` last, or the headers.
_SIGNING: Final[dict[str, tuple[str, Schema]]] = {
    "key_id": ("Peraction-Key", _TEXT),
    "ts": ("Peraction-Timestamp", {**_TEXT, "pattern": "^[0-9]{1,12}$"}),
    "nonce": ("Peraction-Nonce", {**_TEXT, "maxLength": 80}),
    "sig": ("Peraction-Signature", {**_TEXT, "pattern": "^[0-9a-f]{64}$"}),
}
_TAKEN: Final[Schema] = {
    "type": "object",
    "properties": {
        "request_id": _ID,
        "report": _ID,
        "status": {**_TEXT, "description": "That of the conversion, or `waiting`."},
        "code": {**_TEXT, "enum": ["accepted", "duplicate", "waiting"]},
        "conversion": _ID,
        "duplicate_of": _ID,
    },
    "required": ["request_id", "report", "status", "code"],
}
# What an affiliate may send along with a click.
_SENT: Final = (*SUBS, "source", "aff_click_id")
_RULES: Final = (
    "Reports a conversion, with the token or signed. What has a 2xx is stored; the same action "
    "again is a `duplicate`, so a lost answer is a reason to send it again. The guide for shops, "
    "with the signed text and every code, is docs/reports.md."
)
_RULES_OF_TUNE: Final = (
    "A report as TUNE takes it, for advertisers that have moved here. It needs `offer_id` or "
    "`advertiser`. What the names mean, and the answers, are in docs/moving.md."
)


def with_the_tracker(result: Schema, **_: Any) -> Schema:
    """drf-spectacular's hook: the tracker's paths, with an address of their own."""
    of_tracker = {
        "tags": ["tracker"],
        "security": [],
        "servers": [{"url": settings.TRACKER_URL, "description": "The tracker."}],
    }
    get = _report("report_by_get", _in_query(required=("advertiser", "click_id")))
    post = _report("report_by_post", _in_query()) | {"requestBody": _body()}
    result["paths"][PATH] = {"get": get | of_tracker, "post": post | of_tracker}
    result["paths"][TUNE_PATH] = {"get": _report_of_tune() | of_tracker}
    result["paths"][f"{PREFIX}{{code}}"] = {"get": _click() | of_tracker}
    return result


def _report(id: str, parameters: list[Schema]) -> Schema:
    return {
        "operationId": id,
        "description": _RULES,
        "parameters": parameters,
        "responses": {
            "200": _answer("Stored: a new conversion or a duplicate of one."),
            "202": _answer("Stored: it waits for its click."),
            "default": {
                "description": "A problem; `report` in it says that the report is kept.",
                "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }


def _report_of_tune() -> Schema:
    words = {"text/plain": {"schema": _TEXT}}
    parameters = [
        {
            "in": "query",
            "name": theirs,
            "required": theirs in ("transaction_id", "security_token"),
            "schema": {**_TEXT, "description": f"As `{ours}` of {PATH}."}
            if ours in _FIELDS
            else _TEXT,
        }
        for theirs, ours in TUNE.names.items()
    ]
    return {
        "operationId": "report_of_tune",
        "description": _RULES_OF_TUNE,
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "`success=true;`, or `success=false; err_msg=CODE: TEXT;`.",
                "content": words,
            },
            "503": {"description": "It cannot be stored: send it again.", "content": words},
        },
    }


def _answer(description: str) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": _TAKEN}}}


def _in_query(*, required: tuple[str, ...] = ()) -> list[Schema]:
    """Every field may stand in the query, whatever the method; none may stand in two places."""
    fields = [
        {"in": "query", "name": name, "required": name in required, "schema": schema}
        for name, schema in _FIELDS.items()
    ]
    for name, (header, schema) in _SIGNING.items():
        fields.append({"in": "query", "name": name, "schema": schema})
        fields.append({"in": "header", "name": header, "schema": schema})
    return fields


def _body() -> Schema:
    schema = {"type": "object", "properties": _FIELDS, "additionalProperties": True}
    kinds = ("application/json", "application/x-www-form-urlencoded")
    return {"content": {kind: {"schema": schema} for kind in kinds}}


def _click() -> Schema:
    sent = {**_TEXT, "description": f"Kept with the click; cut after {TEXT_MAX} characters."}
    page = {"content": {"text/html": {"schema": _TEXT}}}
    return {
        "operationId": "click",
        "description": "A tracking link: stores the click, then redirects. HEAD does the same.",
        "parameters": [
            {"in": "path", "name": "code", "required": True, "schema": _TEXT},
            *({"in": "query", "name": name, "schema": sent} for name in _SENT),
        ],
        "responses": {
            "302": {
                "description": "The click is stored; `Location` takes its id to the offer.",
                "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
            },
            "404": {"description": "The link leads nowhere; the click is stored.", **page},
            "503": {"description": "The click cannot be stored: try again.", **page},
        },
    }
