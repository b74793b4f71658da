"""Request bodies: JSON of bounded size, read strictly."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.parsers import BaseParser

from network.errors import Malformed


class StrictJSONParser(BaseParser):
    """JSON as the standard has it: no NaN, no lone surrogates, no bottomless nesting."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value in the body; Malformed, or RequestDataTooBig beyond the setting's size."""
        if parser_context is None:
            raise TypeError("the parser reads the request of its context")
        try:
            # Not from the stream: only `body` looks at the limit.
            return orjson.loads(parser_context["request"].body)
        except orjson.JSONDecodeError as error:
            raise Malformed(f"The body is not JSON: {error}") from None
