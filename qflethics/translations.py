"""The German of the pages: what is marked for translation, and the catalogue made from it without GNU gettext.

`make messages` compiles `locale/*/LC_MESSAGES/django.po` and says what is marked and not translated. The compiled file
is committed, so that no installation needs a tool; a test compiles it anew and compares the bytes.
"""

from __future__ import annotations

import ast
import itertools
import re
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from core.tones import STATES

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (  # folders whose Python is marked
    "accounts", "audits", "core", "federation", "interop", "models_registry", "protection", "provenance", "qflethics",
)  # fmt: skip
_CALL = re.compile(
    r"""\b(?P<name>n?gettext|_)\(\s*u?(?P<one>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""(?:\s*,\s*u?(?P<many>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))?"""
)
SECOND = {"add_error", "Mark"}  # whose words are the second argument
REFUSALS = {  # and pages translate what they say
    "ApplicationError", "BadSearch", "Conflict", "Forbidden", "Locked", "NoSuchSubject", "NotFound", "NotSigned",
    "WrongPassword",
}  # fmt: skip
_MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ValidationError", "add_error", "said", "Mark", *REFUSALS}
MACHINES = (  # what only command lines, workers and callers of the API meet: English
    "api/", "client", "domain/", "management/", "migrations/", "site/", "verifier/", "accounts/saml.py",
    "audits/runtime/idempotency.py", "audits/runtime/inference.py", "audits/runtime/records.py",
    "audits/runtime/rehearsal.py", "audits/runtime/rows.py", "federation/kits.py", "federation/pki.py",
    "federation/qkd_kme.py", "models_registry/signer.py", "protection/backups.py", "protection/commanding.py",
    "protection/drills.py", "protection/programs.py", "protection/restoring.py", "protection/sealing.py",
    "provenance/chain/officer.py", "provenance/desk.py", "provenance/export.py",
)  # fmt: skip
CHARTS = ("line_chart", "bar_chart", "interval_chart")  # which translate what they are given
CHART_WORDS = {"title", "x_label", "y_label", "threshold_label"}
_CODE = re.compile(r"\W*|\w+(\.\w+)+|.")  # a right's name, a dash, a sign: the same in every language
_LINE = re.compile(r'(?:(msgid|msgid_plural|msgstr(?:\[(\d)\])?)\s+)?"(.*)"$')
_CONTEXT = "\0"  # between singular and plural, as in a .mo file


@dataclass
class Message:
    """One entry of a catalogue."""

    one: str
    many: str = ""
    said: dict[int, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.one}{_CONTEXT}{self.many}" if self.many else self.one

    @property
    def value(self) -> str:
        return _CONTEXT.join(self.said[index] for index in sorted(self.said))


# --- what is marked ------------------------------------------------------------------------------------------------


def marked() -> dict[str, str]:
    """Every message that pages and code mark, with a file that does."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for key in _in_template(path.read_text(encoding="utf-8")):
            found.setdefault(key, str(path.relative_to(ROOT)))
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            for key in _in_code(path.read_text(encoding="utf-8"), refusals=not of_machines(name)):
                found.setdefault(key, name)
    for look in STATES.values():
        found.setdefault(look.label, "core/tones.py")
    for words, where in (*_in_forms(), *_in_choices(), *_in_words(), *_in_specs()):
        found.setdefault(words, where)
    return found


def _in_forms() -> Iterator[tuple[str, str]]:
    """Labels, help and choices of forms: English in Python, translated where a page shows them (`spoken`)."""
    from django.forms import BaseForm

    import_module("qflethics.urls")  # and with it every form that a page can show
    kinds = list(BaseForm.__subclasses__())
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if kind.__module__.partition(".")[0] not in {source.partition("/")[0] for source in SOURCES}:
            continue
        for made in getattr(kind, "base_fields", {}).values():
            offered = getattr(made.widget, "choices", ()) if not hasattr(made, "queryset") else ()
            for words in (made.label, made.help_text, *(label for _, label in offered)):
                if isinstance(words, str) and not _CODE.fullmatch(words):
                    yield words, kind.__module__


def _in_choices() -> Iterator[tuple[str, str]]:
    """What `get_…_display` answers."""
    from django.apps import apps

    for model in apps.get_models():
        if (ROOT / model.__module__.partition(".")[0]).is_dir():
            for column in model._meta.get_fields():
                for _, label in getattr(column, "flatchoices", ()):
                    yield str(label), model._meta.label


def _in_words() -> Iterator[tuple[str, str]]:
    """What plain domain code, which knows no Django, says of its choices."""
    from federation.domain.fairness_config import SOLVERS, TARGETS, WHY_NOT_PRIVATE
    from federation.domain.quantum.circuits import EMBEDDINGS, CircuitShape
    from federation.domain.strategies.registry import RULES
    from models_registry.card_schema import SOURCES as ORIGINS

    shapes = itertools.product(EMBEDDINGS, ("strong", "mirrored"), (False, True))
    circuits = (
        CircuitShape(2, 2, True, embedding=one, ansatz=kind, reupload=again).embedding_words
        for one, kind, again in shapes
        if not (again and one == "amplitude")
    )
    rules = (rule.words for rule in RULES.values())
    for words in (*rules, *TARGETS.values(), *SOLVERS.values(), WHY_NOT_PRIVATE, *circuits, *ORIGINS.values()):
        yield words, "_in_words"


def _in_specs() -> Iterator[tuple[str, str]]:
    """Why a model cannot be built: the messages of `SpecError`, which pages translate."""
    for name in (
        "federation/domain/quantum/spec.py",
        "federation/domain/quantum/requirement.py",
        "federation/domain/models/specs.py",
        "federation/domain/models/choice.py",
    ):
        nodes = list(ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))))
        pieces = {id(piece) for node in nodes if isinstance(node, ast.JoinedStr) for piece in node.values}
        for node in nodes:
            words = node.value if isinstance(node, ast.Constant) and id(node) not in pieces else None
            if isinstance(words, str) and words.startswith("expected "):
                yield words, name


def may_be_said() -> dict[str, str]:
    """What may be translated and need not be: the names of tables, and the fixed words of `presentation` modules."""
    from django.apps import apps

    found = {str(model._meta.verbose_name).capitalize(): model._meta.label for model in apps.get_models()}
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if any(part.startswith("presentation") for part in path.parts):
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        found.setdefault(node.value, str(path.relative_to(ROOT)))
    return found


def _in_template(text: str) -> Iterator[str]:
    from django.utils.translation.template import templatize

    if "i18n" not in text:
        return
    for call in _CALL.finditer(templatize(text)):
        one = ast.literal_eval(call["one"])
        plural = call["name"] == "ngettext" and call["many"]
        yield f"{one}{_CONTEXT}{ast.literal_eval(call['many'])}" if plural else one


def of_machines(name: str) -> bool:
    """Whether nobody meets on a page what this file refuses."""
    return any(name == part or f"/{part}" in f"/{name}" for part in MACHINES)


def _in_code(text: str, *, refusals: bool = False) -> Iterator[str]:
    if not any(sign in text for sign in ("utils.translation", "messages", "Error", "core.errors", "core.charts")):
        return
    marks = _MARKS if refusals else _MARKS - REFUSALS - {"add_error"}
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        given = node.args[1:2] if name in SECOND else node.args[:2]
        words = [part.value for part in given if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        if name == "ngettext" and len(words) == 2:
            yield f"{words[0]}{_CONTEXT}{words[1]}"
        elif words and (name in marks or ast.unparse(node.func).startswith("messages.")):
            yield words[0]
        elif name.endswith(CHARTS):
            named = (part.value for part in node.keywords if part.arg in CHART_WORDS)
            yield from (str(part.value) for part in named if isinstance(part, ast.Constant) and part.value)


# --- catalogues ----------------------------------------------------------------------------------------------------


def read_po(text: str) -> list[Message]:
    """The entries of a catalogue.

    Raises
    ------
    ValueError
        If a line is none of a catalogue's.
    """
    messages: list[Message] = []
    into = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number}: expected msgid, msgstr or a string in quotes, got {line[:60]!r}")
        into, words = match[1] or into, ast.literal_eval(f'"{match[3]}"')
        if match[1] == "msgid":
            messages.append(Message(""))
        _add(messages[-1], into, words)
    return messages


def _add(message: Message, into: str, words: str) -> None:
    if into == "msgid":
        message.one += words
    elif into == "msgid_plural":
        message.many += words
    else:
        index = int(into[7:-1]) if "[" in into else 0
        message.said[index] = message.said.get(index, "") + words


def compiled(messages: list[Message]) -> bytes:
    """The catalogue in the binary form that gettext reads: sorted keys, then values, each ended by a zero byte."""
    entries = sorted((message.key.encode(), message.value.encode()) for message in messages if message.value)
    start = 28 + 16 * len(entries)
    keys, values, table = b"", b"", []
    for key, value in entries:
        table.append((len(key), len(keys), len(value), len(values)))
        keys += key + b"\0"
        values += value + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(entries), 28, 28 + 8 * len(entries), 0, 0)
    of_keys = b"".join(struct.pack("<2I", size, start + at) for size, at, _, _ in table)
    of_values = b"".join(struct.pack("<2I", size, start + len(keys) + at) for _, _, size, at in table)
    return head + of_keys + of_values + keys + values


def missing(messages: list[Message], wanted: Mapping[str, str]) -> dict[str, str]:
    """What is marked and has no translation, with where it is marked."""
    said = {message.key for message in messages if all(message.said.values()) and message.said}
    return {key: where for key, where in wanted.items() if key not in said}


def stale(messages: list[Message], wanted: Mapping[str, str]) -> list[str]:
    """What is translated and marked nowhere (any more)."""
    return [message.key for message in messages if message.one and message.key not in wanted]


def main() -> int:
    import django

    django.setup()
    wanted, wrong = marked(), 0
    for path in sorted((ROOT / "locale").glob("*/LC_MESSAGES/django.po")):
        messages = read_po(path.read_text(encoding="utf-8"))
        path.with_suffix(".mo").write_bytes(compiled(messages))
        lacking = missing(messages, wanted)
        print(f"{path.relative_to(ROOT)}: {len(messages) - 1} messages, {len(lacking)} missing")  # noqa: T201
        for key, where in lacking.items():
            print(f"  {where}: {key!r}")  # noqa: T201
        for key in stale(messages, wanted | may_be_said()):
            print(f"  marked nowhere: {key!r}")  # noqa: T201
        wrong += len(lacking)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
