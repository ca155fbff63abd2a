from __future__ import annotations

import io
import json
import re
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

DEEPEST = 40
# A text is skipped whole, with what stands in it, and never looked at twice: also one without an end takes linear time.
_MARKS = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?|[\[\]{}]', re.DOTALL)


class PlainJSONParser(JSONParser):
    """JSON that can be stored: no character U+0000, no half of a surrogate pair, no more levels than `DEEPEST`.

    PostgreSQL keeps neither. And a document of a hundred thousand levels ends the whole process while it is read, where
    a library has raised Python's limit of recursion; so its levels are counted before anything reads it.
    """

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        data = stream.read()
        if _too_deep(data):
            raise ParseError(f"Expected a document of at most {DEEPEST} levels")
        try:
            found = super().parse(io.BytesIO(data), media_type, parser_context)
            text = json.dumps(found, ensure_ascii=False).encode()
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is no JSON document in UTF-8 that can be read: {error}") from None
        except UnicodeEncodeError:
            raise ParseError("The body holds half of a surrogate pair, which is no character") from None
        if b"\\u0000" in text:
            raise ParseError("The body holds the character U+0000, which cannot be kept")
        return found


def _too_deep(data: bytes) -> bool:
    if data.count(b"[") + data.count(b"{") <= DEEPEST:
        return False
    level = 0
    for mark in _MARKS.finditer(data):
        level += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(mark.group(), 0)
        if level > DEEPEST:
            return True
    return False
