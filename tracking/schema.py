"""The tracker's addresses for the API's description: links, reports, what the script calls."""

from typing import Any, Final

from django.conf import settings

from network.api.problems import CONTENT_TYPE
from partners.vocabulary import LINK_PATH, SUBS, TEXT_MAX, TOLD
from tracking.conversions.dialects import TUNE
from tracking.conversions.edge import PATH, TUNE_PATH
from tracking.conversions.evidence import GOAL_MAX, REF_MAX, TEST_WORDS
from tracking.seen import direct, events, impressions, script

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
    "test": {
        **_TEXT,
        "enum": list(TEST_WORDS),
        "description": "A test, `1` or `true`, earns and reserves nothing.",
    },
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
_CODE: Final[Schema] = {"in": "path", "name": "code", "required": True, "schema": _TEXT}
_EVENT: Final[dict[str, Schema]] = {
    "click_id": _TEXT,
    "name": {**_TEXT, "pattern": f"^[a-z0-9_]{{1,{events.NAME_MAX}}}$"},
    "path": {**_TEXT, "description": "The page's path; a query and a fragment are left out."},
}
_DIRECT: Final[Schema] = {
    "type": "object",
    "properties": {
        "click_id": {"type": ["string", "null"], "description": "Null for a click that fails."},
        "reason": {**_TEXT, "description": "`ok`, or why the click is not good."},
    },
    "required": ["click_id", "reason"],
}
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
    result["paths"][f"{LINK_PATH}{{code}}"] = {"get": _click() | of_tracker}
    for path, methods in _seen().items():
        result["paths"][path] = {name: each | of_tracker for name, each in methods.items()}
    return result


def _report(id: str, parameters: list[Schema]) -> Schema:
    return {
        "operationId": id,
        "description": _RULES,
        "parameters": parameters,
        "responses": {
            "200": _answer("Stored: a new conversion or a duplicate of one."),
            "202": _answer("Stored: it waits for its click."),
            "default": _problem("A problem; `report` in it says that the report is kept."),
        },
    }


def _problem(description: str) -> Schema:
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {"description": description, "content": {CONTENT_TYPE: problem}}


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


def _sent(names: tuple[str, ...]) -> list[Schema]:
    """What an affiliate may add to a link."""
    text = {**_TEXT, "description": f"Kept; cut after {TEXT_MAX} characters."}
    return [{"in": "query", "name": name, "schema": text} for name in names]


def _click() -> Schema:
    page = {"content": {"text/html": {"schema": _TEXT}}}
    return {
        "operationId": "click",
        "description": "A tracking link: stores the click, then redirects. HEAD does the same.",
        "parameters": [_CODE, *_sent(TOLD)],
        "responses": {
            "302": {
                "description": "The click is stored; `Location` takes its id to the offer.",
                "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
            },
            "404": {"description": "The link leads nowhere; the click is stored.", **page},
            "503": {"description": "The click cannot be stored: try again.", **page},
        },
    }


def _seen() -> dict[str, dict[str, Schema]]:
    """What pages call: the picture, and what the script asks for."""
    gif = {"image/gif": {"schema": {**_TEXT, "format": "binary"}}}
    impression = {
        "operationId": "impression",
        "description": "A picture of one pixel: stores an impression of a link that is in use.",
        "parameters": [_CODE, *_sent((*SUBS, "source"))],
        "responses": {
            "200": {
                "description": "The picture; what there is to store is stored.",
                "content": gif,
            },
            "503": {"description": "The picture; the impression is not stored.", "content": gif},
        },
    }
    event = {
        "description": "What happened on a page that a click led to. docs/script.md has the rest.",
        "responses": {"204": {"description": "Stored."}, "default": _problem("Nothing is stored.")},
    }
    fields = [
        {"in": "query", "name": name, "required": name != "path", "schema": schema}
        for name, schema in _EVENT.items()
    ]
    form = {"type": "object", "properties": _EVENT, "required": ["click_id", "name"]}
    kinds = ("text/plain", "application/x-www-form-urlencoded")
    body = {"content": {kind: {"schema": form} for kind in kinds}}
    click = {
        "operationId": "direct_click",
        "description": "A click without a redirect, from a page on a host of the offer: see "
        "docs/script.md. `Origin` or `Referer` says which page.",
        "parameters": [_CODE, *_sent(TOLD)],
        "responses": {
            "200": {
                "description": "The click is stored.",
                "content": {"application/json": {"schema": _DIRECT}},
            },
            "default": _problem("Nothing is stored."),
        },
    }
    served = {
        "operationId": "script",
        "description": "The first-party script for advertisers' pages.",
        "responses": {
            "200": {"description": "It.", "content": {"text/javascript": {"schema": _TEXT}}}
        },
    }
    return {
        f"{impressions.PREFIX}{{code}}": {"get": impression},
        events.PATH: {
            "get": event | {"operationId": "page_event_by_get", "parameters": fields},
            "post": event | {"operationId": "page_event_by_post", "requestBody": body},
        },
        f"{direct.PREFIX}{{code}}": {"get": click},
        script.LATEST: {"get": served},
    }
