"""German is complete where pages are marked, and the compiled catalogue is the one of the text beside it."""

from __future__ import annotations

import ast
import gettext
import io
import re
import string

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import translation

from audits.predeployment.policy_forms import PolicyDecisionForm
from core.errors import Conflict
from core.middleware import ApplicationErrorMiddleware
from qflethics.translations import (
    REFUSALS,
    ROOT,
    SOURCES,
    compiled,
    marked,
    may_be_said,
    missing,
    of_machines,
    read_po,
    stale,
)

NAMES = {"QFL-ETHICS"}
PO = ROOT / "locale/de/LC_MESSAGES/django.po"


@pytest.fixture(scope="module")
def german():
    return read_po(PO.read_text(encoding="utf-8"))


def test_every_marked_message_is_translated_and_nothing_else_is(german):
    wanted = marked()
    assert len(wanted) > 400 and missing(german, wanted) == {}
    assert stale(german, wanted | may_be_said()) == []


def test_the_compiled_catalogue_is_that_of_the_text(german):
    assert PO.with_suffix(".mo").read_bytes() == compiled(german), "run `make messages` and commit what it writes"


def test_pythons_own_reader_understands_it(german):
    catalogue = gettext.GNUTranslations(io.BytesIO(compiled(german)))
    assert catalogue.gettext("Halts") == "Halte" and catalogue.gettext("unheard of") == "unheard of"
    shown = [catalogue.ngettext("%(n)s result is shown.", "%(n)s results are shown.", n) for n in (0, 1, 2)]
    assert shown == ["%(n)s Treffer werden gezeigt.", "%(n)s Treffer wird gezeigt.", "%(n)s Treffer werden gezeigt."]


def test_a_translation_keeps_every_placeholder(german):
    def placeholders(text: str) -> set[str]:
        return {part.split(")")[0] for part in text.split("%(")[1:]}

    wrong = [
        message.one for message in german[1:] for said in message.said.values()
        if placeholders(said) != placeholders(message.many or message.one)
    ]  # fmt: skip
    assert wrong == []


def test_no_german_is_taken_for_english_and_translated_twice(german):
    """A tag that is handed German, as `_("Ledger")`, asks for the German of it once more."""
    meant = {message.one: set(message.said.values()) for message in german}
    wrong = {said for message in german for said in message.said.values() if said not in meant.get(said, {said})}
    assert wrong == set()


@pytest.mark.parametrize("text", ["msgid without quotes", 'msgid "open', "nonsense"])
def test_a_broken_catalogue_is_refused(text):
    with pytest.raises(ValueError, match="line 1: expected"):
        read_po(text)


def test_forms_are_german_where_they_are_shown_and_english_elsewhere():
    form = PolicyDecisionForm()
    with translation.override("de"):
        shown = Template("{% load ui %}{% form_fields form %}").render(Context({"form": form}))
        words = Template("{% load ui %}{{ one|spoken }}, {{ one|inside }}, {{ other|spoken }}").render(
            Context({"one": "Ethics officer", "other": "Ward <1>"})
        )
    assert "Genehmigen" in shown and "Entscheidung" in shown and "Es wird Teil der Akte" in shown
    assert "Approve" not in shown and dict(form.fields["decision"].choices)["approve"] == "Approve"
    assert words == "Ethikbeauftragte, Ethikbeauftragte, Ward &lt;1&gt;"
    with translation.override("en-gb"):
        assert Template("{% load ui %}as {{ one|inside }}").render(Context({"one": "Auditor"})) == "as auditor"


def test_a_refusal_is_german_on_a_page_and_english_for_a_machine():
    """A constant needs no mark of its own: it is known by what raises it."""
    refused, told = Conflict("The run is paused; resume it instead."), ApplicationErrorMiddleware(lambda request: None)
    with translation.override("de"):
        page = told.process_exception(RequestFactory().get("/runs/"), refused)
        answer = told.process_exception(RequestFactory().get("/api/v1/runs/"), refused)
    assert "Das Training ist pausiert; setzen Sie es stattdessen fort." in page.content.decode()
    assert "The run is paused; resume it instead." in answer.content.decode()


ENGLISH = {"interop", "docs"}  # documents and public pages
DOCUMENTS = (  # and what is stored
    "audits/posthoc/charts", "audits/posthoc/rendering", "audits/predeployment/checks", "audits/predeployment/report",
    "audits/typesetting", "interop", "models_registry/card_", "protection/assessment_pdf", "qflethics/demo",
    "qflethics/launcher",
)  # fmt: skip


def test_no_page_has_words_that_are_not_marked():
    wrong = {}
    for path in sorted((ROOT / "templates").rglob("*.html")):
        name = path.relative_to(ROOT / "templates")
        if name.parts[0] not in ENGLISH and (left := _unmarked(path.read_text(encoding="utf-8"))):
            wrong[str(name)] = left
    assert wrong == {}


def _unmarked(text: str) -> list[str]:
    for gone in ("blocktranslate", "comment"):
        text = re.sub(rf"{{%\s*{gone}\b.*?{{%\s*end{gone}\s*%}}", "", text, flags=re.S)
    text = re.sub(r"{#.*?#}|<(kbd|code|pre|style|script)\b.*?</\1>", "", text, flags=re.S)
    bare = re.sub(r"{%.*?%}|{{.*?}}|<[^>]*>|&\w+;", " ", text, flags=re.S)
    words = [word.strip(string.punctuation + "“”·…") for word in bare.split()]
    return [word for word in words if re.search(r"[A-Za-z]{3}", word) and word not in NAMES]


_WORDS = r"""(?:"[^"]*"\s*)*f["']"""  # texts beside one another, one of them composed
_COMPOSED = re.compile(
    rf"""\b(?:(?:{"|".join(sorted(REFUSALS))})\(\s*|messages\.\w+\(\s*\w+,\s*|add_error\(\s*\S+,\s*"""
    rf"""|(?:title|[xy]_label|threshold_label|description)=(?!f["']{{)){_WORDS}[^\n]*"""
)


def test_no_page_is_told_what_was_composed_unmarked():
    """`_("… %(n)s …") % {"n": n}` has German, and f"… {n} …" has none: in refusals, confirmations and charts."""
    assert _COMPOSED.search('raise Conflict(\n    "The run " f"is {state}."')
    assert _COMPOSED.search('title=f"Loss of {site}"')
    wrong = []
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if not of_machines(name) and not name.startswith(("core/charts", *DOCUMENTS)):
                found = _COMPOSED.findall(path.read_text(encoding="utf-8"))
                wrong += [f"{name}: {text[:80]}" for text in found]
    assert wrong == []


def test_presentations_compose_only_what_is_marked():
    wrong = []
    for path in sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("presentation*/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                words = " ".join(part.value for part in node.values if isinstance(part, ast.Constant))
                if re.search(r"[A-Za-z]{3,}[^/=\"<]* [A-Za-z]{2,}", words) and "<" not in words:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {words}")
    assert wrong == []


def test_what_is_named_for_a_sentence_hides_nothing_of_the_page():
    """`{% figure x as evidence %}` for a sentence would take the place of the page's own `evidence`."""
    named = re.compile(r"{%\s*(?:when|figure|percent|cell|interval)\s[^%]*?\sas\s(\w+)\s*%}")
    wrong = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        names = set(named.findall(text))
        rest = re.sub(r"{%\s*blocktranslate\b.*?{%\s*endblocktranslate\s*%}", "", text, flags=re.S)
        tags = " ".join(
            re.sub(r"\sas\s\w+\s*%}", "", re.sub(r'"[^"]*"', "", tag)) for tag in re.findall("{[{%].*?[}%]}", rest)
        )
        wrong += [f"{path.name}: {name}" for name in names if re.search(rf"(?<![\w.|]){name}(?![\w=])", tags)]
    assert wrong == []


def test_what_is_counted_is_still_a_number():
    """A name that `with` has given to a text is that text by the time `count` reads it."""
    wrong = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for given, counted in re.findall(
            r"{%\s*blocktranslate\b[^%]*?\bwith\s([^%]*?)\scount\s\w+=(\w+)\s*%}", path.read_text(encoding="utf-8")
        ):
            wrong += [f"{path.name}: {name}" for name in re.findall(r"(\w+)=", given) if name == counted]
    assert wrong == []
