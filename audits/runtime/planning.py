"""What an approval is told of the monitor: how many patients pass before a gap is found, and how many to allow.

Called when a request is made (`models_registry.watched.extend_policies`), so that it stands in the policy, and every
signature covers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from audits.domain.monitor.planning import EXPOSURE_GAP, GAPS, CaseMix, exposure, forecast
from audits.domain.monitor.policy import MonitorPolicy, PolicyError
from core.errors import ApplicationError
from models_registry.models import Version
from models_registry.policies import counts_of

PREVALENCE = RATE = 0.5  # where nothing is known: the variance is the largest, so the forecast is the longest
NAMES = (
    "metrics", "groups", "threshold", "alpha", "arl", "bets", "detectors", "min_pairs", "window", "queue", "advisory",
)  # fmt: skip


def forecast_of(version: Version, policy: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What the registry adds to a policy; a policy under which no monitor can work is refused."""
    if not policy["groups"]:
        return {"forecast": {"streams": 0, "gaps": [], "assumed": [], "note": "No two groups are compared."}}
    try:
        monitor = MonitorPolicy.from_dict({name: policy[name] for name in NAMES})
    except PolicyError as error:
        raise ApplicationError(_("The monitor cannot work under this policy: %(error)s.") % {"error": error}) from error
    mix, assumed = case_mix(version, policy)
    found = forecast(monitor, mix, GAPS)
    told = {
        "streams": len(monitor.streams),
        "gaps": [one.as_dict() | {"days": None if one.days is None else round(one.days, 1)} for one in found],
        "prevalence": mix.prevalence,
        "assumed": assumed,
        "exposure_gap": EXPOSURE_GAP,
        "note": "",
    }
    proposed = exposure(found, most=policy["max_predictions"])
    granted = {} if "max_predictions" in chosen else {"max_predictions": proposed}
    return {"forecast": {**told, "proposed": proposed}, **granted}


def case_mix(version: Version, policy: Mapping[str, Any]) -> tuple[CaseMix, list[str]]:
    """The patients to come, taken from the sites' manifests and the version's figures; what had to be assumed."""
    overall = version.metrics.get("primary", {}).get("overall", {})
    assumed = []
    ill, healthy = (overall.get(name, {}).get("n", 0) for name in ("tpr", "fpr"))
    prevalence = ill / (ill + healthy) if ill and healthy else PREVALENCE
    if not (ill and healthy):
        assumed.append(f"prevalence {PREVALENCE:g}")
    rates = {}
    for metric in policy["metrics"]:
        mean = overall.get(metric, {}).get("mean")
        rates[metric] = RATE if mean is None else mean
        if mean is None and metric not in policy.get("advisory", ()):
            assumed.append(f"{metric} {RATE:g}")
    for name, words in (("label_delay_days", "no delay of labels"), ("patients_per_day", "no count of patients a day")):
        if name not in policy:
            assumed.append(words)
    shares = {}
    for attribute, counts in counts_of(version).items():
        total = sum(counts.values())
        shares[attribute] = {name: n / total for name, n in counts.items()}
    return CaseMix(
        prevalence, shares, rates, policy.get("label_delay_days", 0.0), policy.get("patients_per_day", 0.0)
    ), assumed
