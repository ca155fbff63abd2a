"""What stands beside the pooled streams: each site alone, what scores tell without labels, and the privacy leg."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from django.db.models import Sum

from audits.domain.monitor.policy import CROSS
from audits.runtime import feeds, history
from audits.runtime.models import DailyRollup, MonitorState
from audits.runtime.monitoring import policy_of
from federation.domain.group_rates import Sums
from models_registry.binding import latest_audit
from models_registry.card_facts import privacy_words
from models_registry.models import Deployment

Z_95 = 1.959963984540054
ROWS = 60  # of the table of sites
LEAST = 5  # patients of each group at the site, below which one patient's outcome could be read off
TITLES = {"tpr": "TPR", "fpr": "FPR", "accuracy": "Accuracy", "dice": "Dice", "selection_rate": "Flagged share"}


@dataclass(frozen=True)
class SiteGap:
    """One metric compared between two groups at one site, with a plain 95 % interval of the difference."""

    site: str
    attribute: str
    higher: str
    lower: str
    title: str
    n_higher: int
    n_lower: int
    gap: float
    low: float
    high: float


def beside(deployment: Deployment) -> dict[str, Any]:
    """The context of `audits_runtime/drift.html`."""
    monitor = MonitorState.objects.filter(deployment=deployment).first()
    drift = dict(monitor.summary.get("drift", {})) if monitor else {}
    drift["classifies"] = deployment.version.config["task"] == "classification"
    return {
        "drift": drift, "site_gaps": site_gaps(deployment), "privacy": privacy_leg(deployment),
        "marked": history.marked(deployment), "appealed": len(feeds.appealed(deployment.id)),
    }  # fmt: skip


def privacy_leg(deployment: Deployment) -> dict[str, Any]:
    """The epsilon that was spent, and what the audit's attacks found."""
    audit = latest_audit(deployment.version)
    checks = audit.summary.get("checks", []) if audit else []
    attacks = [check for check in checks if check.get("principle") == "privacy"]
    return {"words": privacy_words(deployment.version), "attacks": attacks}


def site_gaps(deployment: Deployment) -> list[SiteGap]:
    """At each site, the gaps of the declared pairs, the largest first."""
    policy = policy_of(deployment)
    if policy is None:
        return []
    sums: dict[tuple[str, str, str, str], Sums] = {}
    rows = (
        DailyRollup.objects.filter(deployment=deployment, metric__in=[m for m in policy.metrics if m in TITLES])
        .order_by()
        .values("site", "attributes", "metric")
        .annotate(count=Sum("n"), sum=Sum("total"), squares=Sum("total_sq"))
    )
    for row in rows:
        for attribute, group in policy.groups_of(row["attributes"]).items():
            key = (row["site"], row["metric"], attribute, group)
            sums[key] = sums.get(key, Sums(0, 0.0, 0.0)) + Sums(row["count"], row["sum"], row["squares"])
    found = []
    for site in sorted({key[0] for key in sums}):
        for metric in policy.metrics:
            for attribute, names in policy.groups.items():
                for first, second in combinations(sorted(names), 2):
                    pair = [sums.get((site, metric, attribute, name), Sums(0, 0.0, 0.0)) for name in (first, second)]
                    if min(pair[0].n, pair[1].n) >= LEAST:
                        found.append(_gap(site, metric, attribute, first, second, pair))
    return sorted(found, key=lambda row: (-row.gap, row.site, row.title, row.attribute.count(CROSS)))[:ROWS]


def _gap(site: str, metric: str, attribute: str, first: str, second: str, pair: list[Sums]) -> SiteGap:
    means = [s.mean or 0.0 for s in pair]
    if means[0] < means[1]:
        first, second, pair, means = second, first, pair[::-1], means[::-1]
    # A group in which all are alike has a variance of 0 by chance: never less than Wilson's centre would give.
    spread = math.sqrt(sum(max(s.variance or 0.0, 1.0 / (s.n + 2.0)) / s.n for s in pair))
    gap = means[0] - means[1]
    return SiteGap(
        site, attribute, first, second, TITLES[metric], pair[0].n, pair[1].n, gap, max(-1.0, gap - Z_95 * spread),
        min(1.0, gap + Z_95 * spread),
    )  # fmt: skip
