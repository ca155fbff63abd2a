"""Every figure that pages show has its meaning, and the disclosure beside it is for everybody."""

from __future__ import annotations

import re

import pytest

from audits.posthoc.rendering import findings
from audits.predeployment.checks.registry import known
from audits.runtime.streams import METRICS
from core.glossary import glossary, meaning_of
from federation.domain.round_metrics import reported_metrics
from models_registry.presentation.figures import title_of
from tests.core.test_ui import ROOT, show


def test_every_metric_of_the_registries_has_an_entry():
    metrics = {*known(), *METRICS, *reported_metrics("classification"), *reported_metrics("segmentation"), "epsilon"}
    assert metrics - set(glossary()) == set()
    titles = {title_of(metric) for task in ("classification", "segmentation") for metric in reported_metrics(task)}
    labels = re.findall(r'label="([^"]+)"', (ROOT / findings.__file__).read_text(encoding="utf-8"))
    assert labels and [title for title in (*titles, *labels) if meaning_of(title) is None] == []


def test_what_a_template_names_is_in_the_glossary_and_every_entry_says_all():
    named = set()
    for path in (ROOT / "templates").rglob("*.html"):
        named |= set(re.findall(r'(?:explain |metric=)"([^"]+)"', path.read_text(encoding="utf-8")))
    assert len(named) > 15 and [name for name in named if meaning_of(name) is None] == []
    for entry in glossary().values():
        assert all((entry.title, entry.meaning, entry.range, entry.action, entry.source)), entry.key
        assert entry.meaning[0].isupper() and entry.action.endswith((".", "!", "?")), entry.key


@pytest.mark.parametrize(
    ("name", "key"),
    [("bias_score", "bias_score"), ("Bias score", "bias_score"), ("accuracy, quantum model", "accuracy"),
     ("DICE", "dice"), ("TPR", "tpr"), ("nobody measures this", None), ("", None)],
)  # fmt: skip
def test_a_figure_is_found_by_key_title_or_label(name, key):
    found = meaning_of(name)
    assert (found.key if found else None) == key


def test_the_disclosure_has_a_name_and_an_unknown_figure_none():
    html = show('{% explain "dice" of="north" %}')
    assert "<summary" in html and "What does “Dice” mean? (north)" in re.sub(r"\s+", " ", html)
    assert "0 means" in html and "the same outline" in html and show('{% explain "unheard" %}').strip() == ""
    assert "What does" in show('{% panel "Figures" metric="dice" %}x{% endpanel %}') + show(
        '{% kpi "Dice" 0.5 digits=2 metric="dice" %}'
    )
    assert "What does" not in show('{% panel "Dice" %}x{% endpanel %}')
