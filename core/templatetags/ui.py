"""The design system's template tags. Usage and examples: docs/design/pages.md.

Every tag escapes what it is given and renders a partial of templates/partials/, so that a page says what it shows and
the partial says how.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import template
from django.conf import settings
from django.core.paginator import Page
from django.forms import BaseForm, BoundField
from django.template.context import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.utils.timesince import timesince

from core.templatetags.icons import ICONS
from core.tones import TONES, look_of, state_key

register = template.Library()

ABSENT = "not measured"


def _tone(name: str) -> str:
    if name not in TONES:
        raise template.TemplateSyntaxError(f"expected a tone out of {', '.join(TONES)}, got {name!r}")
    return name


def _absent(words: str) -> SafeString:
    return format_html('<span class="absent">{}</span>', words)


def _number(value: object) -> float | None:
    """A finite float, or None for what was not measured (None, "", NaN, an infinity, no number at all)."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _digits(number: float, digits: int) -> str:
    text = f"{number:,.{digits}f}"
    zero = text.lstrip("-").strip("0.,") == ""
    return (text.lstrip("-") if zero else text).replace("-", "\u2212")


# --- small things -----------------------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, label: str = "", size: int = 16) -> SafeString:
    """An icon. It is decoration (hidden from assistive technology) unless `label` gives it words."""
    if name not in ICONS:
        raise template.TemplateSyntaxError(f"no icon {name!r}; the names are in core/templatetags/icons.py")
    words = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" width="{0}" height="{0}" fill="none" stroke="currentColor" '
        'stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" focusable="false" {1}>{2}</svg>',
        size,
        words,
        mark_safe(ICONS[name]),  # noqa: S308 (a constant of ours)
    )


@register.simple_tag
def crumb(label: str, url: str = "") -> SafeString:
    """One item of the breadcrumb; the last one, the page itself, has no `url`."""
    if url:
        return format_html('<li><a href="{}">{}</a></li>', url, label)
    return format_html('<li><span aria-current="page">{}</span></li>', label)


@register.simple_tag
def asset(path: str) -> str:
    """`static`, except that a missing manifest entry cannot break the page: error pages must render when all is broken."""
    try:
        return static(path)
    except ValueError:
        return f"{settings.STATIC_URL or '/static/'}{path}"


@register.simple_tag
def when(moment: dt.datetime | dt.date | None, relative: bool = False, absent: str = "not yet") -> SafeString:
    """A moment in a `<time>` element, in the page's time zone and naming it; `relative` adds how long ago."""
    if moment is None or moment == "":
        return _absent(absent)
    if not isinstance(moment, dt.datetime):
        return format_html('<time datetime="{}">{}</time>', moment.isoformat(), f"{moment.day} {moment:%b %Y}")
    local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    text = f"{local.day} {local:%b %Y, %H:%M} {local.tzname() or ''}".strip()
    iso = local.isoformat(timespec="seconds")
    if not relative:
        return format_html('<time datetime="{}">{}</time>', iso, text)
    now = timezone.now() if timezone.is_aware(moment) else dt.datetime.now()
    gap = timesince(moment, now, depth=1) if moment <= now else timesince(now, moment, depth=1)
    words = f"{gap} ago" if moment <= now else f"in {gap}"
    return format_html('<time datetime="{}">{} <span class="muted">({})</span></time>', iso, text, words)


@register.simple_tag
def figure(value: object, digits: int = 3, unit: str = "", absent: str = ABSENT) -> SafeString:
    """A number with fixed digits and thousands separators; anything that is not a finite number reads `absent`."""
    number = _number(value)
    if number is None:
        return _absent(absent)
    return format_html('<span class="num">{}{}</span>', _digits(number, digits), f"\u00a0{unit}" if unit else "")


@register.simple_tag
def percent(value: object, digits: int = 1, absent: str = ABSENT) -> SafeString:
    """A share (0 to 1) as a percentage."""
    number = _number(value)
    if number is None:
        return _absent(absent)
    return format_html('<span class="num">{}\u00a0%</span>', _digits(number * 100, digits))


@register.simple_tag
def interval(
    value: object, lower: object, upper: object, digits: int = 3, level: str = "95", absent: str = ABSENT
) -> SafeString:
    """A point with its confidence interval, the way every measured figure is shown: 0.083 (95 % CI 0.041 to 0.124)."""
    point, low, high = _number(value), _number(lower), _number(upper)
    if point is None:
        return _absent(absent)
    if low is None or high is None:
        return format_html('<span class="num">{}</span> {}', _digits(point, digits), _absent("no interval"))
    return format_html(
        '<span class="num">{}</span> <span class="num muted">({}\u00a0% CI {} to {})</span>',
        _digits(point, digits),
        level,
        _digits(low, digits),
        _digits(high, digits),
    )


# --- components -------------------------------------------------------------------------------------------------------


@register.inclusion_tag("partials/badge.html")
def badge(value: object, label: str = "") -> dict[str, Any]:
    """A state or verdict as icon + words in its tone. `label` replaces the words, never the tone."""
    return {"look": look_of(value, label=label)}


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
) -> dict[str, Any]:
    """One key figure. `value` is shown as given unless `digits` asks for a number format; None reads "not measured"."""
    shown: object = value
    if digits is not None:
        number = _number(value)
        shown = None if number is None else _digits(number, digits)
    elif isinstance(value, float):
        shown = _number(value)
    return {
        "label": label,
        "value": shown,
        "missing": shown is None or shown == "",
        "unit": unit,
        "note": note,
        "look": look_of(state) if state not in ("", None) else None,
        "url": url,
        "chart": chart,
        "absent": ABSENT,
    }


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
    done, whole = _number(value), _number(total)
    if whole is None or whole <= 0:
        done, whole = None, 1.0
    share = None if done is None else done / whole
    return {
        "label": label,
        "note": note,
        "tone": _tone(tone),
        # A number in a template would follow the locale; an HTML attribute must not.
        "value": None if done is None else f"{min(max(done, 0.0), whole):g}",
        "total": f"{whole:g}",
        "text": "under way" if share is None else f"{_digits(100 * share, 0)} %",
    }


@register.inclusion_tag("partials/timeline.html")
def timeline(steps: Iterable[Mapping[str, Any]], label: str = "Life of this model") -> dict[str, Any]:
    """The stepper of a model's life. A step: label, state (done, current, blocked, upcoming, skipped), note, url, when."""
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
def chart(chart: Any, caption: str = "", key: str = "", table: bool = True) -> dict[str, Any]:
    """A `core.charts.Chart` as a figure: caption, drawing, and its data in a table that opens."""
    return {"chart": chart, "caption": caption or getattr(chart, "title", ""), "key": key, "table": table}


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


# --- forms ------------------------------------------------------------------------------------------------------------


@register.inclusion_tag("partials/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """One form field: label, help, errors and widget, tied together for assistive technology."""
    kind = bound.widget_type
    return {"field": bound, "kind": kind, "check": kind == "checkbox"}


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
) -> dict[str, Any]:
    """A button that POSTs, in its own form with the CSRF token; `confirm` asks first, in the dialog of base.html."""
    return {
        "label": label,
        "url": url,
        "tone": tone,
        "icon_name": icon,
        "confirm": confirm,
        "confirm_title": confirm_title or label,
        "name": name,
        "value": value,
        "csrf_token": context.get("csrf_token"),
    }


# --- blocks: {% panel %} ... {% endpanel %} ---------------------------------------------------------------------------


def _render(name: str, values: dict[str, Any], context: Context) -> SafeString:
    if context.template is None:
        raise template.TemplateSyntaxError(f"{name} needs the context of a template that is being rendered")
    return context.template.engine.get_template(name).render(context.new(values))


@register.simple_block_tag(takes_context=True)
def panel(
    context: Context, content: str, title: str, id: str = "", level: int = 2, note: str = "", link: str = "", url: str = ""
) -> SafeString:
    """A card with a heading; `link` and `url` put one link in its head. `id` when two panels share a title."""
    values = {
        "content": content,
        "title": title,
        "id": id or f"panel-{slugify(title) or 'untitled'}",
        "tag": f"h{int(level)}",
        "note": note,
        "link": link,
        "url": url,
    }
    return _render("partials/panel.html", values, context)


@register.simple_block_tag(takes_context=True)
def notice(context: Context, content: str, tone: str = "info", title: str = "", icon: str = "") -> SafeString:
    """A remark that must be read: a limit of what is claimed, a refusal, a next step."""
    icons = {"pass": "check-circle", "fail": "x-circle", "warn": "alert", "halt": "stop"}
    values = {"content": content, "tone": _tone(tone), "title": title, "icon_name": icon or icons.get(tone, "info")}
    return _render("partials/notice.html", values, context)


@register.simple_block_tag(takes_context=True)
def verdict(context: Context, content: str, value: object, title: str = "Verdict") -> SafeString:
    """The outcome of an audit, large: the word, its icon, and the reason in between the tags."""
    return _render("partials/verdict.html", {"content": content, "look": look_of(value), "title": title}, context)


@register.simple_block_tag(takes_context=True)
def table(context: Context, content: str, caption: str, stack: bool = False, show_caption: bool = False) -> SafeString:
    """A data table: pass thead and tbody. Wide ones scroll inside; `stack` folds rows to cards on a phone (`data-label`)."""
    values = {"content": content, "caption": caption, "stack": stack, "show_caption": show_caption}
    return _render("partials/table.html", values, context)


@register.simple_block_tag(takes_context=True)
def live(context: Context, content: str, url: str, event: str, label: str = "Live figures") -> SafeString:
    """A region that the server replaces on each `event` of the stream at `url`, with a switch to pause it."""
    return _render("partials/live.html", {"content": content, "url": url, "event": event, "label": label}, context)
