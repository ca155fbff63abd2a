"""The history of a deployment as a page: its window, the links that widen it, and the charts within it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from audits.runtime import history
from audits.runtime.declared import declared_by
from audits.runtime.forms_history import RANGES, HistoryForm
from audits.runtime.history import DAY, Window
from audits.runtime.models import AmberDecision, Halt
from audits.runtime.rollups import SERVED, Rate
from audits.runtime.streams import METRICS
from core.charts import Chart, Mark, Series, line_chart
from federation.domain.round_metrics import gated_metrics
from federation.models import Participant
from models_registry.models import Deployment

MOST_MARKS = 20  # drawn, the newest
DECIDED = {"continue": gettext_noop("continue"), "restrict": gettext_noop("restrict")}  # short: marks stand close


@dataclass(frozen=True)
class GroupRow:
    attribute: str
    group: str
    cells: list[tuple[str, Rate]]  # the metric's name and the rate


@dataclass(frozen=True)
class Choice:
    """What a reader asked to see of the past: the form they filled in and what follows from it."""

    form: HistoryForm
    window: Window
    metric: str
    attribute: str

    @property
    def query(self) -> dict[str, str]:
        """The choice as the address of the page says it."""
        kept = {"site": self.window.site, "metric": self.metric, "attribute": self.attribute}
        if self.window.key == "days":
            first, last = self.form.days()
            kept |= {"since": str(first or ""), "until": str(last or "")}
        elif self.window.key != "week":
            kept["range"] = self.window.key
        return {name: value for name, value in kept.items() if value}


def choose(deployment: Deployment, data: Any, now: datetime | None = None) -> Choice:
    """Read what a reader asked for; what cannot be read leaves its default, and the form says why."""
    now = now or timezone.now()
    declared = declared_by(deployment.version)
    metrics = [*deployment.policy.get("metrics", gated_metrics(declared.task)), SERVED]
    attributes = list(declared.groups)
    named = [(metric, METRICS.get(metric, metric)) for metric in metrics]
    form = HistoryForm(data, sites=_sites(deployment), metrics=named, attributes=attributes, now=now)
    metric = form.chosen("metric", metrics[0])
    attribute = form.chosen("attribute", attributes[0] if attributes else "")
    return Choice(form, history.window_of(deployment, form, now), metric, attribute)


def controls(choice: Choice) -> dict[str, Any]:
    """The links and the form above the history. They stay as they are while the charts below are swapped."""
    kept = {name: value for name, value in choice.query.items() if name not in ("range", "since", "until")}
    ranges = [(label, f"?{urlencode({**kept, 'range': key})}#history", key) for key, label in RANGES]
    return {
        "history_form": choice.form if choice.form.errors else _filled(choice),
        "history_ranges": [
            {"label": label, "url": url, "current": choice.window.key == key} for label, url, key in ranges
        ],
        "history_steps": _steps(choice.window, kept),
    }


def charts(deployment: Deployment, choice: Choice) -> dict[str, Any]:
    """Everything below the controls."""
    window = choice.window
    marks = marks_of(deployment, window)
    return {
        "window_marked": history.marked(deployment, window),
        "window": window,
        "window_last": window.until - timedelta(minutes=1),
        "traffic": traffic_chart(deployment, window, marks),
        "rates": rates_chart(deployment, choice, marks) if choice.attribute else None,
        **group_table(deployment, window),
    }


def traffic_chart(deployment: Deployment, window: Window, marks: list[Mark]) -> Chart:
    found = history.traffic(deployment, window)
    served, told = sum(t.predictions for t in found), sum(t.outcomes for t in found)
    lines = [
        Series(_("Predictions"), [(t.at, t.predictions) for t in found]),
        Series(_("Outcomes"), [(t.at, t.outcomes) for t in found]),
    ]
    return line_chart(
        lines if served or told else [],
        title=_("Predictions and outcomes %(per)s") % {"per": history.per(window.bucket)},
        x_label="Time (UTC)", y_label="Cases", y_range=(0, 1), marks=marks, key="traffic",
        description=_("%(served)s predictions and %(told)s outcomes in this window.")
        % {"served": f"{served:,}", "told": f"{told:,}"}
        if served or told
        else "",
    )  # fmt: skip


def rates_chart(deployment: Deployment, choice: Choice, marks: list[Mark]) -> Chart:
    found = history.rates_over_time(deployment, choice.window, metric=choice.metric, attribute=choice.attribute)
    lines = [
        Series(group, [(at, rate.mean) for at, rate in points], [(at, rate.lower, rate.upper) for at, rate in points])
        for group, points in found.items()
    ]
    name = _(METRICS.get(choice.metric, choice.metric))
    return line_chart(
        lines, title=_("%(metric)s by %(attribute)s %(per)s")
        % {"metric": name, "attribute": _(choice.attribute), "per": history.per(choice.window.coarse)},
        x_label="Time (UTC)", y_label=name, y_range=(0, 1), marks=marks, key="rates",
    )  # fmt: skip


def marks_of(deployment: Deployment, window: Window) -> list[Mark]:
    """What happened within the window: halts, reinstatements, warnings that asked for a decision, and the decisions."""
    marks = [*_halt_marks(deployment, window), *_amber_marks(deployment, window)]
    within = [mark for mark in marks if window.since <= mark.at <= window.until]  # type: ignore[operator]
    return sorted(within, key=lambda mark: mark.at)[-MOST_MARKS:]


def _halt_marks(deployment: Deployment, window: Window) -> Iterator[Mark]:
    rows = Halt.objects.filter(deployment=deployment).filter(
        Q(created_at__range=(window.since, window.until)) | Q(closed_at__range=(window.since, window.until))
    )
    if window.site:
        rows = rows.filter(site__in=("", window.site))
    for created_at, closed_at, site in rows.values_list("created_at", "closed_at", "site")[:MOST_MARKS]:
        where = {"site": site}
        yield Mark(created_at, _("Halted at %(site)s") % where if site else _("Halted"), "halt")
        if closed_at:
            yield Mark(closed_at, _("Reinstated at %(site)s") % where if site else _("Reinstated"), "pass")


def _amber_marks(deployment: Deployment, window: Window) -> Iterator[Mark]:
    rows = AmberDecision.objects.filter(deployment=deployment).filter(
        Q(created_at__range=(window.since, window.until)) | Q(decided_at__range=(window.since, window.until))
    )
    for created_at, decided_at, decision in rows.values_list("created_at", "decided_at", "decision")[:MOST_MARKS]:
        yield Mark(created_at, "Amber", "warn")
        if decided_at and decision != AmberDecision.Decision.HALT:  # that one is a halt, and marked so
            yield Mark(
                decided_at, _("Decided: %(decision)s") % {"decision": _(DECIDED.get(decision, decision))}, "info"
            )


def group_table(deployment: Deployment, window: Window) -> dict[str, Any]:
    """Rates by group, in the order of the metrics."""
    rates = history.group_rates(deployment, window)
    known = {metric for groups in rates.values() for found in groups.values() for metric in found}
    metrics = [metric for metric in METRICS if metric in known]
    nobody = Rate(0, None, None, None)
    rows = [
        GroupRow(attribute, group, [(METRICS[metric], found.get(metric, nobody)) for metric in metrics])
        for attribute, groups in rates.items()
        for group, found in groups.items()
    ]
    return {"group_metrics": [METRICS[metric] for metric in metrics], "group_rows": rows}


def _filled(choice: Choice) -> HistoryForm:
    """The form with what is shown, also where nothing was chosen."""
    form = choice.form
    first, last = form.days()
    form.data = {
        "range": "" if choice.window.key == "days" else choice.window.key, "site": choice.window.site,
        "metric": choice.metric, "attribute": choice.attribute, "since": first or "", "until": last or "",
    }  # fmt: skip
    return form


def _steps(window: Window, kept: dict[str, str]) -> list[dict[str, str]]:
    """Links to the window before and the one after, of the same whole number of days."""
    if window.key == "all":
        return []
    days = max(1, round((window.until - window.since) / DAY))
    first, today = window.since.date(), timezone.localdate()
    if window.key == "days":
        last = (window.until - timedelta(minutes=1)).date()
    else:
        first, last = today - timedelta(days=days - 1), today
    out = []
    for label, offset in (("Earlier", -days), ("Later", days)):
        since, until = first + timedelta(days=offset), last + timedelta(days=offset)
        if since <= today:
            query = urlencode({**kept, "since": since, "until": min(until, today)})
            out.append({"label": label, "url": f"?{query}#history"})
    return out


def _sites(deployment: Deployment) -> list[str]:
    rows = Participant.objects.filter(federation_id=deployment.version.model.federation_id)
    return list(rows.order_by("site").values_list("site", flat=True))
