"""What an audit costs: an estimate before, from what the same checks took before, and the bill after."""

from __future__ import annotations

from statistics import median
from typing import Any

from audits.predeployment.checks.base import Runtime
from audits.predeployment.checks.registry import UnknownCheck, check_of
from audits.predeployment.models import AuditPolicy, AuditRun, CheckResult
from models_registry.models import Version

# What is assumed of a check that never ran here, in seconds at one site.
_ASSUMED = {Runtime.SECONDS: 5.0, Runtime.MINUTES: 90.0, Runtime.HOURS: 7200.0}
_LOOK_BACK = 200  # results; older ones were taken on other machines


def estimate(version: Version, policy: AuditPolicy, tier: str) -> dict[str, Any]:
    """How long one site would work, before the audit is started.

    Returns
    -------
    dict
        policy, tier, checks (their number), seconds (of one site), measured (share of the checks whose time is known
        from earlier audits of the same task; the rest is assumed from their class).
    """
    known = _history(version.config["task"])
    parts = [name for name, part in policy.content["checks"].items() if tier in part["tiers"]]
    counted: set[str] = set()
    seconds, found = 0.0, 0
    for name in parts:
        try:
            check = check_of(name)
        except UnknownCheck:
            continue
        source = check.measured_by or name
        found += source in known or not check.at_sites
        if check.at_sites and source not in counted:
            counted.add(source)
            seconds += known.get(source, _ASSUMED[check_of(source).runtime])
    return {
        "policy": policy, "tier": AuditRun.Tier(tier), "checks": len(parts), "seconds": round(seconds),
        "words": words_of(seconds),
        "measured": found / len(parts) if parts else 0.0,
    }  # fmt: skip


def words_of(seconds: float) -> str:
    """A length of time to one digit or two: an estimate is not more exact."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1, round(seconds))} s"


def _history(task: str) -> dict[str, float]:
    """Median seconds at one site, by measurement."""
    rows = CheckResult.objects.filter(audit__version__config__task=task).order_by("-created_at")
    times: dict[str, list[float]] = {}
    for check_id, seconds in rows.values_list("check_id", "seconds")[:_LOOK_BACK]:
        times.setdefault(check_id, []).extend(float(v) for site, v in seconds.items() if site != "platform")
    return {name: median(values) for name, values in times.items() if values}


def spent(audit: AuditRun) -> dict[str, Any]:
    """What a finished audit took: by site, on the platform, and from start to end."""
    sites: dict[str, float] = {}
    counted: set[tuple[str, str]] = set()
    for row in audit.checks.all():
        source = _source(row.check_id)
        for site, seconds in row.seconds.items():
            if site == "platform" or (site, source) not in counted:
                counted.add((site, source))
                sites[site] = sites.get(site, 0.0) + float(seconds)
    platform = sites.pop("platform", 0.0)
    whole = (audit.finished_at - audit.created_at).total_seconds() if audit.finished_at else None
    return {"sites": dict(sorted(sites.items())), "platform": platform, "whole": whole}


def _source(check_id: str) -> str:
    """Whose answers it rests on: several checks conclude from one measurement, which is paid once."""
    try:
        return check_of(check_id).measured_by or check_id
    except UnknownCheck:
        return check_id
