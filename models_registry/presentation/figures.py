"""The figures of a version as tables and charts: the quantum model always beside the one trained with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from core.charts import Chart, interval_chart, line_chart
from federation.domain.round_metrics import gated_metrics, headline_metric, reported_metrics
from federation.domain.run_config import MODEL_NAMES
from federation.models import Round
from federation.presentation.charts import LAST_WORDS
from federation.presentation.model_words import labels_of
from models_registry.card_metrics import checks_of, is_fairness
from models_registry.models import Evidence, Version

TITLES = {
    "accuracy": "Accuracy",
    "dice": "Dice",
    "tpr": "True positive rate",
    "fpr": "False positive rate",
    **LAST_WORDS,
}


def title_of(metric: str) -> str:
    return TITLES.get(metric, metric.replace("_", " ").capitalize())


def all_of(version: Version) -> dict[str, Any]:
    """What the page of a version shows of its figures."""
    return {
        "headline": headline(version), "noised": are_noised(version), "overall": overall(version),
        "by_site": by_site(version), "by_group": by_group(version), "round_charts": round_charts(version),
    }  # fmt: skip


def overall(version: Version) -> list[dict[str, Any]]:
    """A row for each metric: both means, their difference and the cases counted. None where not measured."""
    return [_pair(title_of(metric), version.metrics, metric, "overall") for metric in _metrics(version)]


def are_noised(version: Version) -> bool:
    """Whether scores left the sites with noise, under differential privacy."""
    return version.config.get("scores") is not None


def headline(version: Version) -> dict[str, Any]:
    metric = headline_metric(version.config["task"])
    return _pair(title_of(metric), version.metrics, metric, "overall")


def by_site(version: Version) -> list[dict[str, Any]]:
    return _split(version, "site")


def by_group(version: Version) -> list[dict[str, Any]]:
    """One table for each attribute: its title and rows."""
    attributes = version.metrics.get("primary", {}).get("groups", {})
    return [
        {"title": attribute.replace("_", " ").capitalize(), "rows": _split(version, "groups", attribute)}
        for attribute in sorted(attributes)
    ]


def round_charts(version: Version) -> list[Chart]:
    """One chart for each metric: its course over the rounds, for the model and its twin."""
    rounds, labels = list(version.run.rounds.filter(state=Round.State.DONE)), labels_of(version.config)
    return [
        line_chart(
            {title: [(r.number, _mean(r.metrics, name, metric)) for r in rounds] for name, title in labels.items()},
            title=_("%(metric)s by round") % {"metric": _(title_of(metric))},
            x_label="Round", y_label=title_of(metric), y_range=(0, 1), size="s",
        )
        for metric in gated_metrics(version.config["task"])
    ]  # fmt: skip


def checks_chart(evidence: Evidence | None) -> Chart | None:
    """The audit's gaps between groups against the platform's limit; None if no check measured one with an interval."""
    limit = settings.BIAS_THRESHOLD
    rows = [
        (str(c.get("title", "check")), c.get("value"), c["lower"], c["upper"], str(c.get("verdict", "")))
        for c in checks_of(evidence)
        if is_fairness(c) and c.get("threshold") == limit and None not in (c.get("lower"), c.get("upper"))
    ]
    if not rows:
        return None
    return interval_chart(rows, threshold=limit, title="Gaps between groups against the limit", x_label="Gap")


def _metrics(version: Version, *path: str) -> Iterable[str]:
    """What is judged, measured or not, and what is only told where it was measured."""
    task, measured = version.config["task"], _at(version.metrics, "primary", *(path or ("overall",)))
    return [metric for metric in reported_metrics(task) if metric in measured or metric in gated_metrics(task)]


def _split(version: Version, *path: str) -> list[dict[str, Any]]:
    names = _at(version.metrics, "primary", *path)
    return [
        {
            "name": name,
            "cells": [_pair(title_of(m), version.metrics, m, *path, name) for m in _metrics(version, *path, name)],
        }
        for name in sorted(names)
    ]


def _pair(title: str, metrics: Mapping[str, Any], metric: str, *path: str) -> dict[str, Any]:
    primary, baseline = (_at(metrics, name, *path, metric) for name in MODEL_NAMES)
    model, twin = primary.get("mean"), baseline.get("mean")
    difference = None if model is None or twin is None else model - twin
    return {
        "title": title, "primary": model, "baseline": twin, "difference": difference, "n": primary.get("n"),
        "noise": primary.get("noise_sd"), "twin_noise": baseline.get("noise_sd"),
        "lost": "noisy" in primary and primary.get("n") is None,
    }  # fmt: skip


def _at(metrics: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for name in path:
        metrics = metrics.get(name) or {}
    return metrics


def _mean(metrics: Mapping[str, Any], name: str, metric: str) -> float | None:
    return _at(metrics, name, "overall", metric).get("mean")
