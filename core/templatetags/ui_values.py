"""Template tags for single values: icons, moments, numbers. Part of the `ui` library."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext, gettext_noop

from core import clock
from core.charts.svg import finite
from core.charts.svg import number as number_text
from core.spoken import inside, spoken
from core.templatetags.icons import ICONS

register = template.Library()
register.filter(spoken)
register.filter(inside)

ABSENT = gettext_noop("not measured")
_NOT_YET = gettext_noop("not yet")


def _absent(words: str) -> SafeString:
    return format_html('<span class="absent">{}</span>', spoken(words))


def digits_of(number: float, digits: int) -> str:
    text = f"{number:,.{digits}f}"
    zero = text.lstrip("-").strip("0.,") == ""
    return (text.lstrip("-") if zero else text).replace("-", "\u2212")


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
    """`static`, except that a missing manifest entry cannot break the page: error pages render when all is broken."""
    try:
        return static(path)
    except ValueError:
        return f"{settings.STATIC_URL or '/static/'}{path}"


@register.simple_tag
def when(moment: dt.datetime | dt.date | None, relative: bool = False, absent: str = _NOT_YET) -> SafeString:
    """A moment in a `<time>` element, in the reader's time zone and naming it; `relative` adds how long ago."""
    if moment is None or moment == "":
        return _absent(absent)
    if not isinstance(moment, dt.datetime):
        return format_html('<time datetime="{}">{}</time>', moment.isoformat(), f"{moment.day} {moment:%b %Y}")
    local = clock.shown(moment)
    text = f"{local.day} {local:%b %Y, %H:%M} {local.tzname() or ''}".strip()
    iso = local.isoformat(timespec="seconds")
    if not relative:
        return format_html('<time datetime="{}">{}</time>', iso, text)
    now = timezone.now() if timezone.is_aware(moment) else dt.datetime.now()
    gap = timesince(moment, now, depth=1) if moment <= now else timesince(now, moment, depth=1)
    words = gettext("%(gap)s ago") if moment <= now else gettext("in %(gap)s")
    return format_html('<time datetime="{}">{} <span class="muted">({})</span></time>', iso, text, words % {"gap": gap})


@register.simple_tag
def figure(value: object, digits: int = 3, unit: str = "", absent: str = ABSENT) -> SafeString:
    """A number with fixed digits and thousands separators; anything that is not a finite number reads `absent`."""
    number = finite(value)
    if number is None:
        return _absent(absent)
    return format_html('<span class="num">{}{}</span>', digits_of(number, digits), f"\u00a0{unit}" if unit else "")


@register.simple_tag
def cell(value: object, digits: int = 3) -> SafeString | str:
    """A cell of a table whose content is not known beforehand: numbers with fixed digits, yes or no, text as it is."""
    if value is None:
        return _absent(ABSENT)
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, int):
        return format_html('<span class="num">{}</span>', f"{value:,}")
    if isinstance(value, float):
        small = value and abs(value) < 0.5 * 10**-digits  # fixed digits would make it 0, which it is not
        return format_html('<span class="num">{}</span>', number_text(value)) if small else figure(value, digits)
    return str(value)


@register.simple_tag
def label_of(columns: Sequence[str], place: int) -> SafeString:
    """The `data-label` of a cell in a table whose columns are not known beforehand."""
    return format_html(' data-label="{}"', columns[place]) if place < len(columns) else format_html("{}", "")


@register.simple_tag
def percent(value: object, digits: int = 1, absent: str = ABSENT) -> SafeString:
    """A share (0 to 1) as a percentage."""
    number = finite(value)
    if number is None:
        return _absent(absent)
    return format_html('<span class="num">{}\u00a0%</span>', digits_of(number * 100, digits))


@register.simple_tag
def interval(
    value: object, lower: object, upper: object, digits: int = 3, level: str = "95", absent: str = ABSENT
) -> SafeString:
    """A point with its confidence interval, the way every measured figure is shown: 0.083 (95 % CI 0.041 to 0.124)."""
    point, low, high = finite(value), finite(lower), finite(upper)
    if point is None:
        return _absent(absent)
    if low is None or high is None:
        return format_html('<span class="num">{}</span> {}', digits_of(point, digits), _absent(gettext("no interval")))
    return format_html(
        '<span class="num">{}</span> <span class="num muted">({}\u00a0% CI {} to {})</span>',
        digits_of(point, digits),
        level,
        digits_of(low, digits),
        digits_of(high, digits),
    )
