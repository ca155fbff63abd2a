from __future__ import annotations

import json
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

DEEPEST = 40


class PlainJSONParser(JSONParser):
    """JSON that can be stored: no character U+0000 and no half of a surrogate pair, no more levels than `DEEPEST`.

    PostgreSQL keeps neither, and a document of a thousand levels is an attack. Told here, once, in words.
    """

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            found = super().parse(stream, media_type, parser_context)
        except (RecursionError, UnicodeDecodeError) as error:
            raise ParseError(f"The body is no JSON document in UTF-8 that can be read: {error}") from None
        if _level(found) > DEEPEST:
            raise ParseError(f"Expected a document of at most {DEEPEST} levels")
        try:
            text = json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ParseError("The body holds half of a surrogate pair, which is no character") from None
        if b"\\u0000" in text:
            raise ParseError("The body holds the character U+0000, which cannot be kept")
        return found


def _level(value: Any) -> int:
    """How deep the document is; measured without recursion, and no deeper than is asked for."""
    level, here = 0, [value]
    while here and level <= DEEPEST:
        level += 1
        here = [
            inner
            for one in here
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return level
