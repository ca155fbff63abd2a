"""The design system's template tags. Usage and examples: docs/design/pages.md.

Every tag escapes what it is given and renders a partial of templates/partials/, so that a page says what it shows and
the partial says how. One `{% load ui %}` brings all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import template
from django.core.paginator import Page
from django.forms import BaseForm, BoundField
from django.template.context import Context

from core.charts.svg import finite
from core.glossary import meaning_of
from core.templatetags import ui_blocks, ui_values
from core.templatetags.ui_blocks import tone_name
from core.templatetags.ui_values import ABSENT, digits_of, spoken
from core.tones import look_of, state_key

register = template.Library()
register.tags.update(ui_values.register.tags)
register.filters.update(ui_values.register.filters)
register.tags.update(ui_blocks.register.tags)


@register.inclusion_tag("partials/badge.html")
def badge(value: object, label: object = "") -> dict[str, Any]:
    """A state or verdict as icon + words in its tone. `label` replaces the words, never the tone."""
    return {"look": look_of(value, label=str(label))}


@register.inclusion_tag("partials/kpi.html")
def kpi(
    label: str,
    value: object,
    unit: str = "",
    note: str = "",
    state: object = "",
    url: str = "",
    chart: object = None,
    digits: int | None = None,
    metric: str = "",
) -> dict[str, Any]:
    """One key figure. `value` is shown as given unless `digits` asks for a number format; None reads "not measured".

    `metric` puts its entry of the glossary beside it.
    """
    shown: object = value
    if digits is not None:
        number = finite(value)
        shown = None if number is None else digits_of(number, digits)
    elif isinstance(value, float):
        shown = finite(value)
    return {
        "label": label,
        "value": shown,
        "missing": shown is None or shown == "",
        "words": len(str(shown)) > 9 and not any(sign.isdigit() for sign in str(shown)),
        "unit": unit,
        "note": note,
        "look": look_of(state) if state not in ("", None) else None,
        "url": url,
        "chart": chart,
        "absent": ABSENT,
        "entry": meaning_of(metric) if metric else None,
    }


@register.inclusion_tag("partials/explain.html")
def explain(metric: str, of: str = "") -> dict[str, Any]:
    """What a figure means and what to do, folded away beside it; nothing for one that the glossary does not know.

    `of` says whose figure it is, where one is shown several times on a page.
    """
    return {"entry": meaning_of(str(metric)), "of": of}


@register.inclusion_tag("partials/empty.html")
def empty_state(
    title: str, text: str = "", action_label: str = "", action_url: str = "", icon: str = "inbox", level: int = 2
) -> dict[str, Any]:
    """What belongs here, why there is none yet, and what to do next. (Named so because `empty` belongs to `for`.)"""
    return {
        "title": title,
        "text": text,
        "action_label": action_label,
        "action_url": action_url,
        "icon_name": icon,
        "tag": f"h{int(level)}",
    }


@register.inclusion_tag("partials/hash.html")
def digest(value: object, length: int = 8, full: bool = False, label: str = "digest") -> dict[str, Any]:
    """A digest (hex text or bytes): abbreviated, monospaced, with the whole of it in the title and the copy button."""
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value).hex()
    text = "" if value is None else str(value)
    cut = not full and len(text) > 2 * length + 1
    return {
        "full": text,
        "head": text[:length] if cut else text,
        "tail": text[-length:] if cut else "",
        "cut": cut,
        "whole": full,
        "label": label,
    }


@register.inclusion_tag("partials/progress.html")
def progress(
    value: object, total: object = 100, label: str = "Progress", note: str = "", tone: str = "info"
) -> dict[str, Any]:
    """A labelled progress bar or budget meter; `value=None` is "under way, no measure" (an indeterminate bar)."""
    done, whole = finite(value), finite(total)
    if whole is None or whole <= 0:
        done, whole = None, 1.0
    share = None if done is None else done / whole
    return {
        "label": label,
        "note": note,
        "tone": tone_name(tone),
        # A number in a template would follow the locale; an HTML attribute must not.
        "value": None if done is None else f"{min(max(done, 0.0), whole):g}",
        "total": f"{whole:g}",
        "text": "under way" if share is None else f"{digits_of(100 * share, 0)} %",
    }


@register.inclusion_tag("partials/timeline.html")
def timeline(steps: Iterable[Mapping[str, Any]], label: str = "Life of this model") -> dict[str, Any]:
    """A model's life as steps: label, state (done, current, blocked, upcoming, skipped), note, url, when."""
    rows = []
    for step in steps:
        key = state_key(step.get("state") or "upcoming")
        rows.append({**step, "state": key, "look": look_of(key)})
    return {"steps": rows, "label": label}


@register.inclusion_tag("partials/activity.html")
def activity(events: Iterable[Mapping[str, Any]], absent: str = "Nothing has happened yet.") -> dict[str, Any]:
    """A log of what happened, newest first as given. An event: when, text, actor, state, detail, url, digest."""
    return {"events": [{**e, "look": look_of(e.get("state") or "recorded")} for e in events], "absent": absent}


@register.inclusion_tag("partials/definition_list.html")
def definitions(rows: Iterable[Sequence[Any]], absent: str = "not recorded") -> dict[str, Any]:
    """Terms and values: an iterable of (term, value). None and "" read `absent`; 0 and False are values."""
    return {"rows": [(term, value, value is None or value == "") for term, value in rows], "absent": absent}


@register.inclusion_tag("partials/chart.html")
def chart(chart: Any, caption: str = "", key: str = "", table: bool = True, label: str = "") -> dict[str, Any]:
    """A `core.charts.Chart` as a figure: caption, drawing, and its data in a table that opens.

    `label` says whose chart it is, for assistive technology, where several of a page have one caption.
    """
    caption = caption or getattr(chart, "title", "")
    region = f"{label}: {caption}" if label else caption
    return {"chart": chart, "caption": caption, "region": region, "key": key, "table": table}


@register.inclusion_tag("partials/pagination.html", takes_context=True)
def pagination(context: Context, page: Page, param: str = "page", label: str = "Pages") -> dict[str, Any]:
    """Links to the pages of a list; other query parameters are kept."""
    request = context.get("request")
    query = request.GET.copy() if request is not None else None

    def link(number: int) -> str:
        if query is None:
            return f"?{param}={number}"
        query[param] = str(number)
        return f"?{query.urlencode()}"

    elided = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    numbers = [(n, link(n) if isinstance(n, int) else "") for n in elided]
    return {
        "page": page,
        "numbers": numbers,
        "label": label,
        "previous": link(page.number - 1) if page.has_previous() else "",
        "next": link(page.number + 1) if page.has_next() else "",
    }


@register.inclusion_tag("partials/tabs.html")
def tabs(items: Iterable[Mapping[str, Any]], label: str = "Sections") -> dict[str, Any]:
    """Links between the pages of one object. An item: label, url, current, count (optional)."""
    return {"items": list(items), "label": label}


@register.inclusion_tag("partials/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """One form field: label, help, errors and widget, tied together for assistive technology."""
    kind = bound.widget_type
    _speak_choices(bound)
    return {"field": bound, "kind": kind, "check": kind == "checkbox"}


def _speak_choices(bound: BoundField) -> None:
    """What a list offers, in the reader's language; rows of the database keep their names."""
    made: Any = bound.field
    if hasattr(made, "queryset"):
        made.empty_label = spoken(getattr(made, "empty_label", None))
    elif offered := getattr(made.widget, "choices", None):
        made.widget.choices = [(value, _spoken_choice(label)) for value, label in offered]


def _spoken_choice(label: Any) -> Any:
    if isinstance(label, list | tuple):
        return [(value, spoken(words)) for value, words in label]
    return spoken(label)


@register.inclusion_tag("partials/form.html")
def form_fields(form: BaseForm) -> dict[str, Any]:
    """All of a form but its `<form>` element and buttons: summary of errors, hidden fields, visible fields."""
    return {"form": form}


@register.inclusion_tag("partials/post_button.html", takes_context=True)
def post_button(
    context: Context,
    label: str,
    url: str,
    tone: str = "",
    icon: str = "",
    confirm: str = "",
    confirm_title: str = "",
    name: str = "",
    value: str = "",
    about: str = "",
) -> dict[str, Any]:
    """A button that POSTs, in its own form with the CSRF token; `confirm` asks first, in the dialog of base.html.

    `about` is for who cannot see what the button stands beside.
    """
    return {
        "label": label,
        "about": about,
        "url": url,
        "tone": tone,
        "icon_name": icon,
        "confirm": confirm,
        "confirm_title": confirm_title or label,
        "name": name,
        "value": value,
        "csrf_token": context.get("csrf_token"),
        "back": request.get_full_path() if (request := context.get("request")) else "",
    }
