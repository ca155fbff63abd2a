"""The description of the API, cut for a page that people read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from core.api.problems import TITLES

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    id: str
    summary: str
    words: str
    parameters: tuple[tuple[str, str, str, str], ...]  # name, where, type, words
    request: str  # an example; empty: no body
    answers: tuple[tuple[str, str, str], ...]  # status, words, an example


@dataclass(frozen=True)
class Section:
    name: str
    words: str
    operations: tuple[Operation, ...]


def sections(document: dict[str, Any]) -> list[Section]:
    """By the first part of the address, in the order of the document."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                found.setdefault(methods[method]["tags"][0], []).append(
                    _operation(path, method, methods[method], document["components"])
                )
    words = {tag["name"]: tag["description"] for tag in document["tags"]}
    return [Section(name, words.get(name, ""), tuple(found[name])) for name in words if name in found]


def problems() -> list[tuple[str, str]]:
    return sorted(TITLES.items())


def _operation(path: str, method: str, told: dict[str, Any], components: dict[str, Any]) -> Operation:
    parameters = tuple(
        (one["name"], one["in"], _kind(one.get("schema", {})), one.get("description", ""))
        for one in told.get("parameters", ())
    )
    answers = tuple(
        (status, _words(status, answer, components), _example(answer)) for status, answer in told["responses"].items()
    )
    words = told.get("description", "")
    return Operation(
        method=method.upper(), path=path, id=told["operationId"], summary=told["summary"], words=words,
        parameters=parameters, request=_example(told.get("requestBody", {})), answers=answers,
    )  # fmt: skip


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("format") or schema.get("type", "")
    kinds = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{kinds}: {', '.join(map(str, schema['enum']))}" if "enum" in schema else kinds


def _words(status: str, answer: dict[str, Any], components: dict[str, Any]) -> str:
    if "$ref" in answer:
        return components["responses"][answer["$ref"].rsplit("/", 1)[1]]["description"]
    return answer.get("description") or HTTPStatus(int(status)).phrase


def _example(body: dict[str, Any]) -> str:
    for kind, media in body.get("content", {}).items():
        if "example" in media and "json" in kind:
            return json.dumps(media["example"], indent=1, ensure_ascii=False)
    return ""
