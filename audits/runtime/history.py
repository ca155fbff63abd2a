"""A deployment's past from the roll-ups: what was served and told, and the rates of groups, in a window of time.

The rows themselves are never read: of ten million events there are some hundred thousand hourly sums, of which a page
adds up a week at most, and some thousand daily ones for all that is longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import DateTimeField, F, Func, Min, QuerySet, Sum, Value
from django.db.models.fields.json import KeyTextTransform
from django.utils.translation import gettext as _

from audits.runtime.forms_history import SPANS, HistoryForm
from audits.runtime.models import DailyRollup, Rollup
from audits.runtime.rollups import AFTER_HALT, CORRECTED, NO_RATES, SERVED, TOLD, Rate, rate
from federation.domain.group_rates import Sums
from models_registry.models import Deployment

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BUCKETS = (HOUR, DAY, 7 * DAY, 28 * DAY)
MOST_POINTS = 192  # of a drawn line: eight days of hours
MOST_RATES = 48  # of a line with intervals: each point needs cases enough to say something
MONDAY = datetime(2001, 1, 1, tzinfo=UTC)  # buckets begin here, so that days begin at midnight and weeks on Mondays
MOST_GROUPS = 6  # lines of one chart; the table has all


@dataclass(frozen=True)
class Window:
    """A stretch of time, how finely it is drawn, and whose events count.

    Attributes
    ----------
    key : "day", "week", "month", "all" or "days" (the reader's own)
    since, until : datetime
        From the beginning of the first hour to the end of the last.
    site : str
        Empty: all sites.
    """

    key: str
    since: datetime
    until: datetime
    site: str = ""

    @property
    def bucket(self) -> timedelta:
        width = self.until - self.since
        return next((size for size in BUCKETS if width <= MOST_POINTS * size), BUCKETS[-1])

    @property
    def coarse(self) -> timedelta:
        """The bucket of a rate."""
        sizes = (size for size in (HOUR, 6 * HOUR, *BUCKETS[1:]) if size >= self.bucket)
        return next((size for size in sizes if self.until - self.since <= MOST_RATES * size), BUCKETS[-1])

    @property
    def hourly(self) -> bool:
        return self.bucket == HOUR

    def buckets(self, size: timedelta) -> list[datetime]:
        """The beginning of each bucket; the first may begin before the window, the last may not be over."""
        first = MONDAY + (self.since - MONDAY) // size * size
        count = -((first - self.until) // size)
        return [first + i * size for i in range(count)]


@dataclass(frozen=True)
class Traffic:
    """What was served and told in each bucket; a bucket without any is 0, not missing."""

    at: datetime
    predictions: int
    outcomes: int


def window_of(deployment: Deployment, form: HistoryForm, now: datetime) -> Window:
    """The window that a reader asked for."""
    site = form.chosen("site", "")
    first, last = form.days()
    end = now.replace(minute=0, second=0, microsecond=0) + HOUR
    if first or last:
        since = _midnight(first) if first else _first_day(deployment) or end - DAY
        until = min(_midnight(last) + DAY, end) if last else end
        if since < until:
            return Window("days", since, until, site)
    key = form.chosen("range", "week")
    since = (_first_day(deployment) or end - DAY) if key == "all" else end - SPANS[key]
    window = Window(key, since, end, site)
    return window if window.hourly else replace(window, since=_midnight(since.date()))  # days have no hours


def traffic(deployment: Deployment, window: Window) -> list[Traffic]:
    rows = _binned(deployment, window, window.bucket).filter(metric__in=(SERVED, TOLD)).values("bin", "metric")
    found = {(row["bin"], row["metric"]): row["count"] for row in rows.annotate(count=Sum("n"))}
    return [Traffic(at, found.get((at, SERVED), 0), found.get((at, TOLD), 0)) for at in window.buckets(window.bucket)]


def rates_over_time(
    deployment: Deployment, window: Window, *, metric: str, attribute: str
) -> dict[str, list[tuple[datetime, Rate]]]:
    """Group to its rate in each bucket, those with the most cases; a bucket without any case has no rate."""
    rows = (
        _binned(deployment, window, window.coarse)
        .filter(metric=metric, attributes__has_key=attribute)
        .annotate(group=KeyTextTransform(attribute, "attributes"))
        .values("bin", "group")
        .annotate(count=Sum("n"), sum=Sum("total"), squares=Sum("total_sq"))
    )
    found: dict[str, dict[datetime, Sums]] = {}
    for row in rows:
        found.setdefault(row["group"], {})[row["bin"]] = Sums(row["count"], row["sum"], row["squares"])
    most = sorted(found, key=lambda group: -sum(sums.n for sums in found[group].values()))[:MOST_GROUPS]
    nobody = Sums(0, 0.0, 0.0)
    times = window.buckets(window.coarse)
    return {group: [(at, rate(found[group].get(at, nobody))) for at in times] for group in sorted(most)}


def per(size: timedelta) -> str:
    """A bucket's size in words, for a title."""
    return {HOUR: _("an hour"), 6 * HOUR: _("in six hours"), DAY: _("a day"), 7 * DAY: _("a week")}.get(
        size, _("in four weeks")
    )


def group_rates(deployment: Deployment, window: Window) -> dict[str, dict[str, dict[str, Rate]]]:
    """Attribute to group to metric to rate, over the window."""
    rows = (
        _within(deployment, window)
        .exclude(metric__in=NO_RATES)
        .exclude(metric__contains=".")
        .order_by()
        .values("attributes", "metric")
        .annotate(count=Sum("n"), sum=Sum("total"), squares=Sum("total_sq"))
    )
    return _by_group((row["attributes"], row["metric"], Sums(row["count"], row["sum"], row["squares"])) for row in rows)


def marked(deployment: Deployment, window: Window | None = None) -> dict[str, int]:
    """How many predictions were made elsewhere while it was halted, and how many outcomes corrected, in the window."""
    rows = _within(deployment, window) if window else DailyRollup.objects.filter(deployment=deployment)
    found = rows.filter(metric__in=(AFTER_HALT, CORRECTED)).order_by().values_list("metric").annotate(Sum("n"))
    return {AFTER_HALT: 0, CORRECTED: 0} | dict(found)


def outcomes_an_hour(deployment: Deployment, now: datetime) -> float | None:
    """Outcomes told an hour over the last day (or since the first, if that is later); None if there was none."""
    rows = Rollup.objects.filter(deployment=deployment, metric=TOLD, hour__gt=now - DAY, hour__lte=now)
    found: dict[str, Any] = rows.aggregate(count=Sum("n"), first=Min("hour"))
    if not found["count"]:
        return None
    return found["count"] / max(1.0, (now - found["first"]) / HOUR)


def _by_group(rows: Iterable[tuple[dict[str, str], str, Sums]]) -> dict[str, dict[str, dict[str, Rate]]]:
    sums: dict[tuple[str, str, str], Sums] = {}
    for attributes, metric, found in rows:
        for attribute, group in attributes.items():
            key = (attribute, group, metric)
            sums[key] = sums.get(key, Sums(0, 0.0, 0.0)) + found
    out: dict[str, dict[str, dict[str, Rate]]] = {}
    for (attribute, group, metric), found in sorted(sums.items()):
        out.setdefault(attribute, {}).setdefault(group, {})[metric] = rate(found)
    return out


def _within(deployment: Deployment, window: Window) -> QuerySet[Any]:
    table: Any = Rollup if window.hourly else DailyRollup
    rows = table.objects.filter(deployment=deployment, hour__gte=window.since, hour__lt=window.until)
    return rows.filter(site=window.site) if window.site else rows


def _binned(deployment: Deployment, window: Window, size: timedelta) -> QuerySet[Any]:
    start = Func(Value(size), F("hour"), Value(MONDAY), function="date_bin", output_field=DateTimeField())
    return _within(deployment, window).order_by().annotate(bin=start)


def _first_day(deployment: Deployment) -> datetime | None:
    """The first day with an event, by the index."""
    return DailyRollup.objects.filter(deployment=deployment).order_by("hour").values_list("hour", flat=True).first()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
