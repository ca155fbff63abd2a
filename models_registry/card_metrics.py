"""The key metrics of a card: performance beside the classical twin, and the checks of the audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from federation.domain.round_metrics import headline_metric
from federation.presentation.model_words import beside
from models_registry.models import Evidence, Version

VERDICTS = {
    "pass": "Pass: the whole interval is inside the limit.",
    "fail": "Fail: the whole interval is outside the limit.",
    "inconclusive": "Inconclusive: the interval contains the limit, so more data are needed.",
    "not_assessable": "Not assessable: the data do not allow this to be measured. This is not a pass.",
}


def key_metrics(version: Version, audit: Evidence | None) -> dict[str, dict[str, Any]]:
    """The three key metrics of the schema, each with its six elements; an element that is not known is None."""
    checks = list(checks_of(audit))
    fair = [check for check in checks if is_fairness(check)]
    other = [check for check in checks if not is_fairness(check)]
    limit = f"The gap between any two groups is at most {settings.BIAS_THRESHOLD:g}."
    return {
        "UsefulnessUsabilityEfficacy": _usefulness(version),
        "FairnessEquity": _audited(audit, fair, goal=limit, overall=True),
        "SafetyReliability": _audited(audit, other, goal="Each check is inside its own limit.", overall=False),
    }


def checks_of(audit: Evidence | None) -> Iterable[Mapping[str, Any]]:
    """The checks in the summary that the audit passed down."""
    found = audit.summary.get("checks", []) if audit else []
    return [check for check in found if isinstance(check, Mapping)] if isinstance(found, list) else []


def is_fairness(check: Mapping[str, Any]) -> bool:
    return check.get("principle") == "fairness"


def _usefulness(version: Version) -> dict[str, Any]:
    task = version.config["task"]
    headline = headline_metric(task)
    means = {}
    results = []
    twin = beside(version.config).partition(" ")[2]
    for name, title in (("primary", "quantum model"), ("baseline", twin)):
        for metric, figure in version.metrics.get(name, {}).get("overall", {}).items():
            results.append({"label": f"{metric}, {title}", "value": figure})
            if metric == headline:
                means[name] = figure.get("mean")
    return {
        "MetricGoal": f"{headline.capitalize()} no worse than the {twin}'s; no other target was set.",
        "Results": results if any(row["value"].get("mean") is not None for row in results) else None,
        "Interpretation": _compared(headline, means.get("primary"), means.get("baseline"), twin),
        "TestType": "Internal, on patients of the training sites that were held out of training.",
        "TestingDataDescription": _tested_on(version, headline),
        "ValidationProcessAndJustification": _scored_how(version),
    }


def _scored_how(version: Version) -> str:
    config = version.config
    if config["local"].get("dp") is not None and config.get("scores") is None:
        return "No scores left the sites under differential privacy; the audit before deployment scores the model."
    noise = (
        "; under differential privacy with noise, whose standard deviation stands beside each figure"
        if config.get("scores") is not None
        else ""
    )
    return (
        f"Each site scores the averaged weights on its own held-out patients and sends counts and sums{noise}; the "
        "coordinator adds them. No external validation is on record."
    )


def _compared(metric: str, primary: float | None, baseline: float | None, twin: str) -> str | None:
    if primary is None or baseline is None:
        return None
    side = "equal to" if primary == baseline else "over" if primary > baseline else "under"
    return (
        f"{metric.capitalize()} {primary:.3f}, {side} the {twin}'s {baseline:.3f}. These are point figures: "
        "they alone do not show that one model is better."
    )


def _tested_on(version: Version, metric: str) -> str | None:
    sites = version.metrics.get("primary", {}).get("site", {})
    found = {site: figures[metric] for site, figures in sorted(sites.items()) if metric in figures}
    counts = [f"{site}: {_count(figure)}" for site, figure in found.items()]
    return f"Held-out cases by site ({metric}): {', '.join(counts)}." if counts else None


def _count(figure: Mapping[str, Any]) -> str:
    if figure["n"] is None:
        return "lost in the noise" if figure.get("noisy") else "too few to show"
    return f"about {figure['n']}" if "noise_sd" in figure else str(figure["n"])


def _audited(audit: Evidence | None, checks: list[Mapping[str, Any]], *, goal: str, overall: bool) -> dict[str, Any]:
    if audit is None or not (checks or overall):
        return {"MetricGoal": goal, **dict.fromkeys(_AUDITED)}
    results = [{"label": str(c.get("title", "check")), "value": _figures(c)} for c in checks]
    verdict = Evidence.Verdict(audit.verdict)
    said = [str(c["sentence"]) for c in checks if c.get("sentence")]
    return {
        "MetricGoal": goal,
        "Results": results or [{"label": "Verdict of the audit", "value": {"verdict": verdict.value}}],
        "Interpretation": " ".join(said) or VERDICTS[verdict],
        "TestType": "Pre-deployment audit, with a verdict from confidence bounds.",
        "TestingDataDescription": "Held-out patients of the sites; only counts and sums leave a site.",
        "ValidationProcessAndJustification": (
            f"Audit {audit.source_id}, digest {audit.digest}: three-valued verdicts, so that missing data never pass."
        ),
    }


_AUDITED = ("Results", "Interpretation", "TestType", "TestingDataDescription", "ValidationProcessAndJustification")
_FIGURES = ("verdict", "value", "lower", "upper", "threshold")


def _figures(check: Mapping[str, Any]) -> dict[str, Any]:
    return {name: check[name] for name in _FIGURES if check.get(name) is not None}
