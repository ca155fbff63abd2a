"""The template tags of the design system. They need Django's template engine, but no database and no URLs."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import django
import pytest
from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.template import Context, Engine, TemplateSyntaxError
from django.test import RequestFactory

from core.charts import line_chart

ROOT = Path(__file__).resolve().parents[2]

if not settings.configured:
    settings.configure(USE_TZ=True, TIME_ZONE="UTC", USE_I18N=False, STATIC_URL="/static/", ALLOWED_HOSTS=["*"])
    django.setup()

ENGINE = Engine(
    dirs=[ROOT / "templates"],
    libraries={"ui": "core.templatetags.ui", "i18n": "django.templatetags.i18n"},
    builtins=["core.templatetags.ui"],
)
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
NOON = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
EVIL = "<script>alert(1)</script>"


def show(source: str, **context: object) -> str:
    return ENGINE.from_string(source).render(Context(context))


def text(source: str, **context: object) -> str:
    """What a reader sees: no markup, single spaces."""
    return " ".join(re.sub(r"<[^>]*>", " ", show(source, **context)).replace("\u00a0", " ").split())


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{% figure x %}", "0.083"), ("{% figure x 1 'ms' %}", "0.1 ms"), ("{% percent x %}", "8.3 %"),
        ("{% figure none %}", "not measured"), ("{% figure nan %}", "not measured"),
        ("{% percent none absent='n/a' %}", "n/a"),
        ("{% figure big 0 %}", "1,234,568"), ("{% figure minus 2 %}", "\u22120.50"), ("{% figure tiny %}", "0.000"),
        ("{% interval x 0.041 0.124 %}", "0.083 (95 % CI 0.041 to 0.124)"),
        ("{% interval x none 0.124 %}", "0.083 no interval"), ("{% interval none 0 1 %}", "not measured"),
    ],
)  # fmt: skip
def test_numbers_are_measured_or_said_to_be_absent(source, shown):
    values = {"x": 0.083, "none": None, "nan": float("nan"), "big": 1234567.8, "minus": -0.5, "tiny": -0.00001}
    assert text(source, **values) == shown


def test_a_moment_names_its_zone_and_is_machine_readable():
    html = show("{% when t %}", t=NOON)
    assert re.search(r'<time datetime="2026-03-01T\d\d:00:00[+]\d\d:00">1 Mar 2026, \d\d:00 \w+</time>', html)
    assert text("{% when t %}", t=None) == "not yet"
    assert text("{% when t %}", t=dt.date(2026, 3, 1)) == "1 Mar 2026"
    ago = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5, seconds=3)
    assert "(5 minutes ago)" in text("{% when t relative=True %}", t=ago)


def test_a_badge_carries_words_and_icon_beside_its_tone():
    html = show("{% badge 'not assessable' %}")
    assert "tone-muted" in html
    assert "<svg" in html
    assert text("{% badge 'not assessable' %}") == "Not assessable"
    assert text("{% badge 'halted' label='Halted by Wien' %}") == "Halted by Wien"


def test_a_digest_is_cut_for_the_eye_and_whole_in_title_and_copy():
    html = show("{% digest sha %}", sha=SHA)
    assert text("{% digest sha %}", sha=SHA) == "9f86d081 … b0f00a08"
    assert f'title="{SHA}"' in html
    assert f'data-copy="{SHA}"' in html
    assert text("{% digest sha full=True %}", sha=SHA) == SHA
    assert text("{% digest raw %}", raw=bytes.fromhex(SHA)) == "9f86d081 … b0f00a08"
    assert text("{% digest sha label='anchor' %}", sha="") == "no anchor yet"


@pytest.mark.parametrize(
    "source",
    [
        "{% badge e %}", "{% kpi e e note=e unit=e %}", "{% empty_state e e e e %}", "{% digest e full=True %}",
        "{% crumb e %}",
        "{% progress 1 2 label=e note=e %}", "{% panel e note=e link=e url='/' %}{% endpanel %}", "{% crumb e '/' %}",
        "{% notice title=e %}{% endnotice %}", "{% verdict e title=e %}{% endverdict %}", "{% table e %}{% endtable %}",
        "{% post_button e e confirm=e name=e value=e %}",
        "{% definitions rows %}",
        "{% timeline steps %}", "{% activity events %}", "{% tabs items %}", "{% figure e absent=e %}",
        "{% when None absent=e %}",
    ],
)  # fmt: skip
def test_text_of_others_never_becomes_markup(source):
    step = {"label": EVIL, "note": EVIL, "state": "done", "text": EVIL, "actor": EVIL, "detail": EVIL, "url": EVIL}
    html = show(source, e=EVIL, rows=[(EVIL, EVIL)], steps=[step], events=[{**step, "when": NOON}], items=[step])
    assert "<script" not in html


def test_no_partial_carries_an_inline_style_or_script():
    for path in (ROOT / "templates").rglob("*.html"):
        source = path.read_text()
        assert " style=" not in source, path
        assert not re.search(r"<script(?![^>]*\bsrc=)", source), path
        assert not re.search(r"\son(click|change|load|submit|input)=", source), path


def test_a_figure_that_is_missing_is_said_and_zero_is_a_figure():
    assert text("{% kpi 'Halts' 0 %}") == "Halts 0"
    assert text("{% kpi 'Gap' None note='No run' %}") == "Gap not measured No run"
    assert text("{% kpi 'Gap' x digits=3 %}", x=float("nan")) == "Gap not measured"
    assert (
        text("{% definitions rows %}", rows=[("A", 0), ("B", None), ("C", "")]) == "A 0 B not recorded C not recorded"
    )


def test_progress_stays_within_its_ends_and_may_have_no_measure():
    assert 'value="20" max="20"' in show("{% progress 31 20 %}")
    assert text("{% progress 31 20 label='Budget' %}").startswith("Budget 155 %")
    assert "value=" not in show("{% progress None %}")
    assert "under way" in show("{% progress 3 0 %}")


def test_a_timeline_says_each_state_in_words_and_marks_the_current_step():
    steps = [{"label": "Consent", "state": "done"}, {"label": "Audit", "state": "current"}, {"label": "Report"}]
    html = show("{% timeline steps %}", steps=steps)
    assert html.count('aria-current="step"') == 1
    assert text("{% timeline steps %}", steps=steps) == "Consent Done Audit Current 3 Report Not started"


def test_a_panel_names_its_section_by_its_heading():
    html = show("{% panel 'Last runs' level=3 %}<p>{{ x }}</p>{% endpanel %}", x="inside")
    assert 'aria-labelledby="panel-last-runs"' in html
    assert '<h3 class="card__title" id="panel-last-runs">Last runs</h3>' in html
    assert "<p>inside</p>" in html


def test_a_chart_comes_with_caption_and_data_table():
    drawn = line_chart({"Berlin": [0.5, 0.6]}, title="AUROC", x_label="Round", y_label="AUROC")
    html = show("{% chart c %}", c=drawn)
    assert "<figcaption" in html
    assert '<th scope="col">Round</th>' in html
    assert '<td class="num">0.6</td>' in html
    assert show("{% chart c %}", c=None).strip() == ""
    none = line_chart({}, title="AUROC", x_label="Round", y_label="AUROC")
    assert "No data yet." in show("{% chart c %}", c=none)


def test_pagination_keeps_the_other_parameters():
    request = RequestFactory().get("/models", {"state": "halted", "page": "2"})
    page = Paginator(range(60), 20).page(2)
    html = show("{% pagination page %}", page=page, request=request)
    assert 'href="?state=halted&amp;page=3"' in html
    assert 'aria-current="page"' in html
    assert text("{% pagination page %}", page=Paginator([], 20).page(1)) == "None"


class Order(forms.Form):
    rounds = forms.IntegerField(max_value=500, help_text="1 to 500.")
    mode = forms.ChoiceField(choices=[("s", "Shadow")], widget=forms.RadioSelect)
    private = forms.BooleanField(label="Privacy", required=False)
    note = forms.CharField(required=False)


def test_a_refused_form_sums_its_errors_up_and_ties_them_to_their_fields():
    html = show("{% form_fields form %}", form=Order({"rounds": "900"}))
    assert 'role="alert"' in html
    assert 'href="#id_rounds"' in html
    assert 'id="id_rounds_error"' in html
    assert 'aria-describedby="id_rounds_helptext id_rounds_error"' in html
    assert 'aria-invalid="true"' in html
    assert "<legend>Mode</legend>" in html
    assert html.count('class="field__optional"') == 1


def test_a_fresh_form_says_nothing_of_errors():
    html = show("{% form_fields form %}", form=Order())
    assert "alert" not in html
    assert "error" not in html


@pytest.mark.parametrize(
    "source", ["{% icon 'unicorn' %}", "{% notice tone='rosy' %}{% endnotice %}", "{% progress 1 tone='x' %}"]
)
def test_a_name_that_does_not_exist_is_an_error_of_the_page(source):
    with pytest.raises(TemplateSyntaxError):
        show(source)


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
def test_error_pages_render_with_no_context_at_all(name):
    html = ENGINE.get_template(f"{name}.html").render(Context())
    assert "What happened" in html
    assert "What you can do" in html
    assert "request id" not in html
    assert SHA in ENGINE.get_template(f"{name}.html").render(Context({"request_id": SHA}))
