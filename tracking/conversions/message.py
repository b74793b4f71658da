"""A report as it comes over HTTP: its fields, and its raw form without secrets."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import unquote_plus, unquote_to_bytes

import orjson

from network.errors import Malformed

# What is read; anything else is kept in the raw form and ignored.
_SIGNING: Final = ("key_id", "ts", "nonce", "sig")
_EVIDENCE: Final = ("click_id", "goal", "order_id", "event_id", "amount", "currency", "test")
FIELDS: Final = frozenset(("advertiser", "token", *_SIGNING, *_EVIDENCE))
SECRET: Final = frozenset(("token", "sig"))
HIDDEN: Final = "[hidden]"
_JSON: Final = ("application/json", "+json")
_FORM: Final = "application/x-www-form-urlencoded"

Value = TypeVar("Value")
Fields = Mapping[str, Any]
Headers = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request to `/postback`; `fields` are of query and body, `signing` of the query alone."""

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes
    fields: Fields
    signing: Fields
    stored_query: str
    stored_body: str


def read(*, method: str, path: str, query: bytes, headers: Headers, body: bytes) -> Message:
    """Take a request apart.

    Malformed where the body is neither a form nor a JSON object, a field comes twice (two values
    of one name leave room for two readings), or a field is no UTF-8: read with stand-ins for what
    cannot be read, two orders would become one.
    """
    in_query = _form(query)
    in_body, stored_body = _body(headers.get(b"content-type", b""), body)
    both = in_query.keys() & in_body.keys()
    if both:
        raise Malformed(f"`{min(both)}` is given twice.")
    return Message(
        method=method,
        path=path,
        query=query,
        headers=headers,
        body=body,
        fields=in_query | in_body,
        signing=in_query,
        stored_query=_hidden(query),
        stored_body=stored_body,
    )


def _body(content_type: bytes, body: bytes) -> tuple[dict[str, Any], str]:
    """The fields of a body, and the body as it may be kept."""
    if not body:
        return {}, ""
    kind = content_type.decode("latin-1").partition(";")[0].strip().lower()
    if kind.endswith(_JSON):
        return _json(body)
    if kind in ("", _FORM):
        return _form(body), _hidden(body)
    raise Malformed("Send a form or JSON.")


def _json(body: bytes) -> tuple[dict[str, Any], str]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"The body is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise Malformed("The body is no JSON object.")
    kept = body.decode()
    _refuse_twice(kept)
    if SECRET & document.keys():
        shown = {name: HIDDEN if name in SECRET else value for name, value in document.items()}
        kept = orjson.dumps(shown).decode()
    fields = {name: value for name, value in document.items() if name in FIELDS}
    return {name: value for name, value in fields.items() if value is not None}, kept


def _refuse_twice(text: str) -> None:
    """Malformed where a JSON object has a field twice, which orjson would read as the last one."""
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None
    _once(pairs)


def _form(raw: bytes) -> dict[str, Any]:
    """The fields of a query or a form."""
    fields: dict[str, Any] = {}
    for name, value in _once(_pairs(raw)).items():
        try:
            fields[name] = value.decode()
        except UnicodeDecodeError:
            raise Malformed(f"`{name}` is not UTF-8.") from None
    return fields


def _pairs(raw: bytes) -> Iterable[tuple[str, bytes]]:
    for pair in raw.replace(b"+", b" ").split(b"&"):
        name, _, value = pair.partition(b"=")
        yield unquote_to_bytes(name).decode("utf-8", "replace"), unquote_to_bytes(value)


def _once(pairs: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """The fields among names and values; Malformed where one comes twice."""
    fields: dict[str, Value] = {}
    for name, value in pairs:
        if name in FIELDS:
            if name in fields:
                raise Malformed(f"`{name}` is given twice.")
            fields[name] = value
    return fields


def _hidden(raw: bytes) -> str:
    """Query or form without the values of secrets, under whatever spelling of their names."""
    kept = []
    for pair in raw.decode("utf-8", "replace").replace("\0", "").split("&"):
        name = pair.partition("=")[0]
        kept.append(f"{name}={HIDDEN}" if unquote_plus(name) in SECRET else pair)
    return "&".join(kept)
