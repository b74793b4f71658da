"""A report as it comes over HTTP: its fields, and its raw form without secrets."""

import json
import re
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
# What a field is called by the sender -> by us.
Names = Mapping[str, str]
OWN_NAMES: Final[Names] = {name: name for name in FIELDS}
SECRET: Final = frozenset(("token", "sig"))
HIDDEN: Final = "[hidden]"
_JSON: Final = ("application/json", "+json")
_FORM: Final = "application/x-www-form-urlencoded"

_DECODER: Final = json.JSONDecoder()
# What stands between names and values.
_GAP: Final = re.compile(r"[\s,:]*")

Value = TypeVar("Value")
Fields = Mapping[str, Any]
Headers = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One report as it came; `fields` are of query and body, `signing` of the query alone."""

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes
    fields: Fields
    signing: Fields
    stored_query: str
    stored_body: str


def read(
    *,
    method: str,
    path: str,
    query: bytes,
    headers: Headers,
    body: bytes,
    names: Names = OWN_NAMES,
) -> Message:
    """Take a request apart; fields get the names that `names` gives them, others are left out.

    Malformed where the body is neither a form nor a JSON object, a field comes twice (two values
    of one name leave room for two readings), or a field is no UTF-8: read with stand-ins for what
    cannot be read, two orders would become one.
    """
    in_query = _form(query, names)
    in_body, stored_body = _body(headers.get(b"content-type", b""), body, names)
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
        stored_query=_hidden(query, names),
        stored_body=stored_body,
    )


def _body(content_type: bytes, body: bytes, names: Names) -> tuple[dict[str, Any], str]:
    """The fields of a body, and the body as it may be kept."""
    if not body:
        return {}, ""
    kind = content_type.decode("latin-1").partition(";")[0].strip().lower()
    if kind.endswith(_JSON):
        return _json(body, names)
    if kind in ("", _FORM):
        return _form(body, names), _hidden(body, names)
    raise Malformed("Send a form or JSON.")


def _json(body: bytes, names: Names) -> tuple[dict[str, Any], str]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"The body is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise Malformed("The body is no JSON object.")
    kept = body.decode()
    _refuse_twice(kept, names)
    if any(_is_secret(name, names) for name in document):
        kept = _without_secrets(kept, names)
    fields = {names[name]: value for name, value in document.items() if name in names}
    return {name: value for name, value in fields.items() if value is not None}, kept


def _without_secrets(text: str, names: Names) -> str:
    """A JSON object as it was written, but for its secrets: its numbers are evidence.

    The object has been read before, so nothing in it is a surprise.
    """
    kept, copied, at = [], 0, text.index("{") + 1
    while text[at := _behind_gap(text, at)] != "}":
        name, at = _DECODER.raw_decode(text, at)
        begin = _behind_gap(text, at)
        _, at = _DECODER.raw_decode(text, begin)
        if _is_secret(name, names):
            kept += [text[copied:begin], json.dumps(HIDDEN)]
            copied = at
    return "".join([*kept, text[copied:]])


def _behind_gap(text: str, at: int) -> int:
    return _GAP.match(text, at).end()  # type: ignore[union-attr]  # matches anywhere


def _refuse_twice(text: str, names: Names) -> None:
    """Malformed where a JSON object has a field twice, which orjson would read as the last one."""
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None
    _once(pairs, names)


def _form(raw: bytes, names: Names) -> dict[str, Any]:
    """The fields of a query or a form."""
    fields: dict[str, Any] = {}
    for name, value in _once(_pairs(raw), names).items():
        try:
            fields[name] = value.decode()
        except UnicodeDecodeError:
            raise Malformed(f"`{name}` is not UTF-8.") from None
    return fields


def _pairs(raw: bytes) -> Iterable[tuple[str, bytes]]:
    for pair in raw.replace(b"+", b" ").split(b"&"):
        name, _, value = pair.partition(b"=")
        yield unquote_to_bytes(name).decode("utf-8", "replace"), unquote_to_bytes(value)


def _once(pairs: Iterable[tuple[str, Value]], names: Names) -> dict[str, Value]:
    """The fields among names and values; Malformed where one comes twice."""
    fields: dict[str, Value] = {}
    for said, value in pairs:
        if said in names:
            name = names[said]
            if name in fields:
                raise Malformed(f"`{said}` is given twice.")
            fields[name] = value
    return fields


def _is_secret(said: str, names: Names) -> bool:
    """Whether it is a secret here, or at the address where the sender should have sent it."""
    return said in SECRET or names.get(said) in SECRET


def _hidden(raw: bytes, names: Names) -> str:
    """Query or form without the values of secrets, under whatever spelling of their names."""
    kept = []
    for pair in raw.decode("utf-8", "replace").replace("\0", "").split("&"):
        name = pair.partition("=")[0]
        kept.append(f"{name}={HIDDEN}" if _is_secret(unquote_plus(name), names) else pair)
    return "&".join(kept)
