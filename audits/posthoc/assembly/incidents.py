"""Halts that stood at some time of the period, and how they ended."""

from __future__ import annotations

import math
from typing import Any

from django.db.models import Q

from audits.posthoc.assembly.records import deployment_id
from audits.posthoc.assembly.window import Window, identifier, instant, label, prose
from audits.runtime.models import Halt
from audits.runtime.streams import metric_words

_KINDS = {"officer": "manual halt", "chain": "halt by chain"}
_LARGEST_LOG = 700.0  # e^700 is the largest power that a double holds with room to spare


def halts(window: Window) -> list[Halt]:
    rows = Halt.objects.filter(
        created_at__lt=window.until, **window.of("deployment__version__model__federation")
    ).filter(Q(closed_at__isnull=True) | Q(closed_at__gte=window.since))
    if (sites := window.sites()) is not None:  # of halts at one site, only its own
        rows = rows.filter(site__in=["", *sites])
    related = rows.select_related("deployment").prefetch_related("reinstatements__institution")
    return list(related.order_by("created_at"))


def incidents(window: Window) -> list[dict[str, Any]]:
    return [_incident(halt, window) for halt in halts(window)]


def _incident(halt: Halt, window: Window) -> dict[str, Any]:
    figures = _figures(halt.alarm) if halt.automatic else {}
    complete = halt.automatic and all(figures.get(k) is not None for k in ("metric", "gap", "wealth", "threshold"))
    kind = _KINDS[halt.source] if not halt.automatic else "automatic halt" if complete else "incident"
    description = halt.reason + (f" At {halt.site} alone." if halt.site else "")
    if kind == "incident":
        description = f"Automatic halt whose detector figures are not on record. {description}"
    back = _reinstatement(halt, window)
    if back is None and halt.closed_at is not None and halt.closed_at < window.until:
        description += " It ended without a reinstatement: the deployment was not put back into service."
    return {
        "id": identifier("HLT", halt.id),
        "kind": kind,
        "deployment": deployment_id(halt.deployment),
        "at": instant(halt.created_at),
        "description": prose(description),
        **figures,
        "reinstatement": back,
    }


def _figures(alarm: dict[str, Any]) -> dict[str, Any]:
    """What the detector saw. It counts evidence by its logarithm; the report shows the wealth itself."""
    gap = alarm.get("gap")
    attribute = f"{alarm['attribute']} " if alarm.get("attribute") else ""
    named = [alarm.get("higher"), alarm.get("lower")]
    groups = alarm.get("groups") or [f"{attribute}{name}" for name in named if name]
    return {
        "metric": label(metric_words(alarm["metric"])) if alarm.get("metric") else None,
        "groups": [label(group) for group in groups],
        "gap": min(abs(float(gap)), 1.0) if isinstance(gap, int | float) else None,
        "wealth": _evidence(alarm, "wealth", "log_evidence"),
        "threshold": _evidence(alarm, "threshold", "log_limit"),
    }


def _evidence(alarm: dict[str, Any], plain: str, logarithm: str) -> float | None:
    if isinstance(alarm.get(plain), int | float):
        return float(alarm[plain])
    if logarithm not in alarm:
        return None
    value = alarm[logarithm]
    return 0.0 if value is None else math.exp(min(float(value), _LARGEST_LOG))


def _reinstatement(halt: Halt, window: Window) -> dict[str, Any] | None:
    votes = [vote for vote in halt.votes if vote.created_at < window.until]
    if halt.closed_at is None or halt.closed_at >= window.until or len(votes) < 2:
        return None
    return {
        "at": instant(halt.closed_at),
        "by": [label(f"Ethics officer, {vote.institution}") for vote in votes],
        "reason": prose(" ".join(dict.fromkeys(vote.reason for vote in votes))),
    }
