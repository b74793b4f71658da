"""`/e`: the script tells what happened on a page that a click led to.

Whoever has a click id can tell anything of it: page events show a way, and prove nothing.
"""

import re
from collections import Counter
from typing import Final

from network import binary
from network.errors import BadInput, MethodNotAllowed, PeractionError, TooLarge, document
from network.ids import uuid7
from tracking import metrics
from tracking.asked import read_body
from tracking.clicks import ids, query
from tracking.clicks.recorder import Recorder
from tracking.responses import NO_STORE, Header, Receive, Scope, Send, content, json
from tracking.seen import rows

PATH: Final = "/e"

NAME_MAX: Final = 40
PATH_MAX: Final = 500
BODY_MAX: Final = 4_096
_METHODS: Final = ("GET", "POST")
_NAME = re.compile(rf"[a-z0-9_]{{1,{NAME_MAX}}}", re.ASCII)
_FIELDS: Final = ("click_id", "name", "path")
_FRAGMENT_OR_QUERY = re.compile(r"[?#]")
_ORIGIN = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*")

# Any page may call, and none with credentials, which there are none of.
ANYBODY: Final[Header] = (b"access-control-allow-origin", b"*")


class ClickIdInvalid(BadInput):
    """The click id is missing, or is none of ours."""

    code = "click_id_invalid"


class EventNameInvalid(BadInput):
    """An event's name is 1 to 40 characters of a-z, 0-9 and _."""

    code = "event_name_invalid"


class Events:
    """Stores page events; `refused` counts by code what was turned away and not stored."""

    def __init__(self, recorder: Recorder) -> None:
        self.refused: Counter[str] = Counter()
        self._recorder = recorder

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """204 when the event is stored, or a problem document; either can be read by the page."""
        try:
            await self._event(scope, receive)
        except PeractionError as error:
            self.refused[error.code] += 1
            metrics.REFUSED.labels("page_event", error.code).inc()
            await refuse(send, PATH, error)
        else:
            await content(send, 204, (ANYBODY, NO_STORE))

    async def _event(self, scope: Scope, receive: Receive) -> None:
        if scope["method"] not in _METHODS:
            raise MethodNotAllowed()
        told = scope["query_string"]
        if scope["method"] == "POST":
            told = await read_body(receive, BODY_MAX, TooLarge)
        fields = _read(told)
        click_id = ids.read(fields.get("click_id", ""))
        if click_id is None:
            raise ClickIdInvalid(pointer="/click_id")
        name = fields.get("name", "")
        if not _NAME.fullmatch(name):
            raise EventNameInvalid(pointer="/name")
        path = _path(fields.get("path", ""))
        told_of = (binary.raw(click_id.bytes), binary.text(name), binary.text(path))
        await self._recorder.record(rows.entry("page_event", uuid7(), *told_of))


async def refuse(send: Send, path: str, error: PeractionError) -> None:
    """A problem document that the page's script may read."""
    headers: list[Header] = [ANYBODY]
    if error.retry_after_s:
        headers.append((b"retry-after", str(error.retry_after_s).encode()))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", b"GET, POST" if path == PATH else b"GET"))
    body = document(error, instance=path, request_id=uuid7())
    await json(send, int(error.status), body, headers)


def _read(told: bytes) -> dict[str, str]:
    """The known fields of a query or a form, whatever its type; of one that comes twice, the first.

    A beacon sends text/plain, with which a browser asks nobody's leave.
    """
    found: dict[str, str] = {}
    for pair in told.decode("utf-8", "replace").split("&"):
        name, _, value = pair.partition("=")
        if name in _FIELDS:
            found.setdefault(name, query.clean(query.decoded(value), BODY_MAX))
    return found


def _path(said: str) -> str:
    """The path alone: a query and a fragment hold what people have typed."""
    path = _ORIGIN.sub("", _FRAGMENT_OR_QUERY.split(said, maxsplit=1)[0], count=1)
    return path[:PATH_MAX] if path.startswith("/") else f"/{path}"[:PATH_MAX]
