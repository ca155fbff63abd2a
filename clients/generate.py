"""Write the typed Python client from the description of the API.

Run as `make client`. It writes `clients/openapi.json` and, from that alone, `shapes.py` and `operations.py` of
`clients/python/qfl_ethics_client`; what carries them (`transport.py`) is written by hand. A test fails if they are
stale.
"""

from __future__ import annotations

import json
import keyword
import os
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "clients" / "openapi.json"
PACKAGE = ROOT / "clients" / "python" / "qfl_ethics_client"
_HEAD = '"""{words} Written by clients/generate.py from clients/openapi.json: change neither by hand."""\n'
_KINDS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_ENVELOPE = {"count", "next", "previous", "results"}


def described() -> bytes:
    """The description, as the platform serves it. It needs no database."""
    for name, value in {"SECRET_KEY": "x", "DATABASE_URL": "postgresql://x@/x", "REDIS_URL": "unix:///x"}.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qflethics.settings.test")
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    from qflethics.api.views import document_bytes

    return document_bytes()


def files(document: dict[str, Any]) -> dict[str, str]:
    """The content of the two modules, by name."""
    return {"shapes.py": shapes(document), "operations.py": operations(document)}


# --- shapes --------------------------------------------------------------------------------------------------------


def shapes(document: dict[str, Any]) -> str:
    lines = [
        _HEAD.format(words="What is sent and answered."),
        "from __future__ import annotations\n",
        "from typing import Any, Generic, Literal, NotRequired, TypeAlias, TypedDict, TypeVar\n",
        'Row = TypeVar("Row")\n\n',
        "class Page(TypedDict, Generic[Row]):",
        '    """A stretch of a list; `count` is None where nobody counts."""\n',
        "    count: int | None",
        "    next: str | None",
        "    previous: str | None",
        "    results: list[Row]\n\n",
    ]
    for name, schema in sorted(document["components"]["schemas"].items()):
        if not _is_page(schema):
            lines += _shape(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _is_page(schema: dict[str, Any]) -> bool:
    return set(schema.get("properties", ())) == _ENVELOPE


def _shape(name: str, schema: dict[str, Any]) -> list[str]:
    if schema.get("type") != "object" or "properties" not in schema:
        return [f"{name}: TypeAlias = {kind_of(schema)}\n\n"]
    required = set(schema.get("required", ()))
    given = schema["properties"]
    told = _docstring(schema.get("description", ""), 4)
    if any(not inner.isidentifier() or keyword.iskeyword(inner) for inner in given):
        pairs = ", ".join(f'"{inner}": {_optional(of, inner in required)!r}' for inner, of in given.items())
        return [f'{name} = TypedDict("{name}", {{{pairs}}})\n\n']
    fields = [f"    {inner}: {_optional(of, inner in required)}" for inner, of in given.items()]
    return [f"class {name}(TypedDict):", *told, *(fields or ["    pass"]), "\n"]


def _optional(schema: dict[str, Any], required: bool) -> str:
    found = kind_of(schema)
    return found if required else f"NotRequired[{found}]"


def kind_of(schema: dict[str, Any]) -> str:
    """The type of a schema, as Python writes it. Names are quoted: shapes refer to one another in any order."""
    if "$ref" in schema:
        return f'"{schema["$ref"].rsplit("/", 1)[1]}"'
    if "enum" in schema:
        values = [one for one in schema["enum"] if one is not None]
        told = f"Literal[{', '.join(json.dumps(one) for one in values)}]" if values else "None"
        return f"{told} | None" if None in schema["enum"] and values else told
    for choice in ("oneOf", "anyOf", "allOf"):
        if choice in schema:
            return _either([kind_of(one) for one in schema[choice]])
    kind = schema.get("type")
    if isinstance(kind, list):
        return _either([kind_of({**schema, "type": one}) for one in kind])
    if kind == "array":
        return f"list[{kind_of(schema.get('items', {}))}]"
    if kind == "object":
        more = schema.get("additionalProperties")
        return f"dict[str, {kind_of(more)}]" if isinstance(more, dict) and more else "dict[str, Any]"
    return _KINDS.get(kind or "", "Any")


def _either(kinds: list[str]) -> str:
    unique = list(dict.fromkeys(kinds))
    if any('"' in one and "Literal" not in one for one in unique) and len(unique) > 1:
        return '"' + " | ".join(one.replace('"', "") if "Literal" not in one else one for one in unique) + '"'
    return " | ".join(unique)


def _docstring(words: str, indent: int) -> list[str]:
    if not words:
        return []
    space, words = " " * indent, words.replace("\\", "\\\\").replace('"""', "'''").strip()
    parts = [textwrap.fill(" ".join(part.split()), 112 - indent) for part in words.split("\n\n")]
    text = textwrap.indent("\n\n".join(parts), space).strip()
    end = f"\n{space}" if "\n" in text else ""
    return [f'{space}"""{text}{end}"""\n']


# --- operations ----------------------------------------------------------------------------------------------------


def operations(document: dict[str, Any]) -> str:
    lines = [
        _HEAD.format(words="Every operation of the platform, a method each."),
        "from __future__ import annotations\n",
        "from typing import Any, Literal\n",
        "from qfl_ethics_client import shapes",
        "from qfl_ethics_client.transport import Transport, Upload\n\n",
        "class Operations(Transport):",
        '    """What a client can ask. Each method is named as the operation in the description."""\n',
    ]
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            lines += _method(path, method, told, document)
    return "\n".join(lines).rstrip() + "\n"


def _method(path: str, method: str, told: dict[str, Any], document: dict[str, Any]) -> list[str]:
    inner = [(one, _name(one["name"])) for one in told["parameters"] if one["in"] == "path"]
    inner.sort(key=lambda pair: path.index(f"{{{pair[0]['name']}}}"))  # in the order of the address
    query = [(one, _name(one["name"])) for one in told["parameters"] if one["in"] == "query"]
    headers = [(one, _name(one["name"])) for one in told["parameters"] if one["in"] == "header"]
    body, kind = _body(told)
    signature = [f"{name}: str" if _plain(one["schema"]) == "str" else f"{name}: {_plain(one['schema'])}"
                 for one, name in inner]  # fmt: skip
    signature += [f"body: {body}"] if body else []
    named = [f"{name}: {_plain(one['schema'])}" for one, name in query if one.get("required")]
    named += [f"{name}: {_plain(one['schema'])} | None = None" for one, name in query if not one.get("required")]
    named += [f"{name}: str | None = None" for one, name in headers]
    answer, how = _answer(told, document)
    arguments = ["self", *signature, *(["*", *named] if named else [])]
    call = [f'"{method.upper()}"', f'f"{path}"' if inner else f'"{path}"']
    for one, name in inner:
        call[1] = call[1].replace(f"{{{one['name']}}}", f"{{self.part({name})}}")
    if query:
        call.append("query={" + ", ".join(f'"{one["name"]}": {name}' for one, name in query) + "}")
    if headers:
        call.append("headers={" + ", ".join(f'"{one["name"]}": {name}' for one, name in headers) + "}")
    if body:
        call.append(f"{kind}=body")
    lines = [f"    def {told['operationId']}(", *(f"        {one}," for one in arguments), f"    ) -> {answer}:"]
    lines += _docstring(told["description"], 8)
    lines += [f"        return self.{how}(", *(f"            {one}," for one in call), "        )\n"]
    return lines


def _plain(schema: dict[str, Any]) -> str:
    found = kind_of(schema)
    return f"shapes.{found.strip(chr(34))}" if found.startswith('"') else found


def _body(told: dict[str, Any]) -> tuple[str, str]:
    content = told.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        return _outside(kind_of(content["application/json"]["schema"])), "json"
    if "multipart/form-data" in content:
        return "dict[str, str | Upload]", "form"
    return "", ""


def _answer(told: dict[str, Any], document: dict[str, Any]) -> tuple[str, str]:
    content = next(
        (answer["content"] for status, answer in told["responses"].items() if status[0] == "2" and "content" in answer),
        {},
    )
    if list(content) != ["application/json"]:
        return "bytes", "fetch"
    schema = content["application/json"]["schema"]
    target = document["components"]["schemas"].get(schema.get("$ref", "").rsplit("/", 1)[-1], {})
    if _is_page(target):
        return f"shapes.Page[{_outside(kind_of(target['properties']['results']['items']))}]", "ask"
    return _outside(kind_of(schema)), "ask"


def _outside(kind: str) -> str:
    """The same type, seen from the module of operations."""
    return re.sub(r'"(\w+)"', r"shapes.\1", kind) if kind.count('"') == 2 and "Literal" not in kind else kind


def _name(given: str) -> str:
    found = re.sub(r"\W", "_", given).lower()
    return f"{found}_" if keyword.iskeyword(found) else found


def main() -> None:
    data = described()
    DOCUMENT.write_bytes(data)
    for name, text in files(json.loads(data)).items():
        (PACKAGE / name).write_text(text)
    print(f"{DOCUMENT.relative_to(ROOT)} and {PACKAGE.relative_to(ROOT)} are written.", file=sys.stderr)


if __name__ == "__main__":
    main()
