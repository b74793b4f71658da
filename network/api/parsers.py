"""Request bodies: JSON of bounded size, read strictly."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import IO, Any

import orjson
from rest_framework.parsers import BaseParser

from network.errors import DuplicateField, Malformed


class StrictJSONParser(BaseParser):
    """JSON as the standard has it: no NaN, no lone surrogates, no bottomless nesting.

    An object has each field once, and a whole number stays one, however long it is.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value in the body.

        Malformed, DuplicateField, or RequestDataTooBig beyond the setting's size.
        """
        if parser_context is None:
            raise TypeError("the parser reads the request of its context")
        # Not from the stream: only `body` looks at the limit.
        body = parser_context["request"].body
        try:
            # One reader is strict, and the other shows a field that comes twice.
            orjson.loads(body)
            return json.loads(body, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"The body is not JSON: {error}") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise DuplicateField(f"`{name}` is given twice.")
    return fields
