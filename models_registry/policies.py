"""What a request asks for: the limits and the monitor's settings. They are approved with the rest and cannot drift.

The keys that name the monitor's settings are those of `audits.domain.monitor.policy.MonitorPolicy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from core.errors import ApplicationError
from federation.domain.data.dataset import UNKNOWN
from federation.domain.round_metrics import gated_metrics
from federation.models import DataManifest
from models_registry.models import ApprovalRequest, Version
from models_registry.scope import SCOPE
from models_registry.watched import CHOICES, watched

# A shadow deployment is limited by the board; a clinical one is looked at again after this many predictions.
MAX_PREDICTIONS = {ApprovalRequest.Kind.SHADOW: 1_000, ApprovalRequest.Kind.CLINICAL: 100_000}
AMBER_DAYS = 14  # in which a person must decide on the monitor's warnings
MONITOR = {
    "alpha": 0.05,
    "arl": 10_000.0,
    "bets": [0.02, 0.05, 0.1, 0.2, 0.35, 0.5],
    "detectors": ["betting", "e_sr"],
    "min_pairs": 100,
    "window": 100,
    "queue": 64,
    "amber_days": AMBER_DAYS,
    "min_group": 10,  # patients of a group, over all sites, from which on it is compared
    "min_crossed": 200,  # the same of an intersection
}
_RANGES: dict[str, tuple[type, float, float]] = {  # what a requester may set: kind of number, lowest, highest
    "amber_days": (int, 1, 90),
    "min_group": (int, 1, 1_000_000),
    "min_crossed": (int, 1, 1_000_000),
    "label_delay_days": (float, 0, 3_650),
    "patients_per_day": (float, 0.01, 1e6),
    "alpha": (float, 1e-6, 0.2),
    "arl": (float, 100, 1e9),
    "min_pairs": (int, 1, 100_000),
    "window": (int, 10, 100_000),
    "max_predictions": (int, 1, 10_000_000),
    "chain_max_age_s": (int, 15, 86_400),
    "appeal_days": (int, 1, 90),
}
# Whether predictions need the officers' approval on the chain: refused without it, served with a warning, not asked.
CHAIN = ("required", "alarm", "off")
# Whether outcomes that appeals told count in the monitor: contested cases are no random sample.
APPEAL_OUTCOMES = ("excluded", "counted")
APPEAL_DAYS = 30  # by when an appeal against a prediction is decided (GDPR Art. 12(3): a month)
MOST_PLAN = 4000  # characters of a downtime plan
CHAIN_MAX_AGE_S = 60  # how old the chain's word may be; the anchor worker reads it every 5 s


def policy_of(*, version: Version, kind: str, chosen: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The policy of a request: the platform's, with what the requester chose in its place.

    Raises
    ------
    ApplicationError
        If a key is unknown or a value is out of its range. The bias threshold can be tightened, never loosened.
    """
    watch = {name: value for name, value in (chosen or {}).items() if name in CHOICES}
    chosen = {name: value for name, value in (chosen or {}).items() if name not in CHOICES}
    policy: dict[str, Any] = {
        "threshold": settings.BIAS_THRESHOLD,
        **MONITOR,
        "metrics": list(gated_metrics(version.config["task"])),
        "max_predictions": MAX_PREDICTIONS[ApprovalRequest.Kind(kind)],
        "appeal_outcomes": "excluded",
    }
    ranges = {
        **_RANGES,
        "threshold": (float, 1e-3, settings.BIAS_THRESHOLD),
        "retention_months": (int, settings.RETENTION_MIN_MONTHS, 1200),
    }
    known = ", ".join(sorted([*ranges, *SCOPE, *CHOICES, *_CHECKS, "chain"]))
    for name, value in chosen.items():
        if name == "chain":
            policy[name] = _checked_chain(value)
        elif name in _CHECKS:
            policy[name] = _CHECKS[name](value)
        elif name in SCOPE:
            policy[name] = SCOPE[name](version, kind, value)
        elif name in ranges:
            policy[name] = _checked(name, value, *ranges[name])
        else:
            raise ApplicationError(
                _("Expected policy keys among %(known)s; got %(name)s.") % {"known": known, "name": f"{name!r}"}
            )
    return watched(version, policy, counts_of(version), {**chosen, **watch})


def _checked_chain(value: Any) -> str:
    if value not in CHAIN:
        raise ApplicationError(
            _("Policy chain: expected one of %(chain)s; got %(value)s.")
            % {"chain": ", ".join(CHAIN), "value": f"{value!r}"}
        )
    return str(value)


def _checked_regimes(value: Any) -> list[str]:
    """The laws that the deployment is under, among the platform's: they decide which clocks an incident may start."""
    known = settings.REGULATORY_REGIMES
    if not isinstance(value, list) or any(name not in known for name in value):
        raise ApplicationError(
            _("Policy regimes: expected a list of names among %(known)s; got %(value)s.")
            % {"known": ", ".join(known), "value": f"{value!r}"}
        )
    return sorted(set(value))


def _checked_plan(value: Any) -> str:
    """What the ward does while the deployment is halted."""
    text = value.strip() if isinstance(value, str) else ""
    if not 10 <= len(text) <= MOST_PLAN or not text.replace("\n", "").replace("\r", "").isprintable():
        raise ApplicationError(
            _("Policy downtime_plan: expected a text of 10 to %(most_plan)s printable characters.")
            % {"most_plan": MOST_PLAN}
        )
    return text


def _checked_appeals(value: Any) -> str:
    if value not in APPEAL_OUTCOMES:
        raise ApplicationError(
            _("Policy appeal_outcomes: expected one of %(appeal_outcomes)s; got %(value)s.")
            % {"appeal_outcomes": ", ".join(APPEAL_OUTCOMES), "value": f"{str(value)[:80]!r}"}
        )
    return str(value)


_CHECKS = {"regimes": _checked_regimes, "downtime_plan": _checked_plan, "appeal_outcomes": _checked_appeals}


def _checked(name: str, value: Any, number: type, low: float, high: float) -> float:
    allowed = (int,) if number is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or not low <= value <= high:
        words = _("a whole number") if number is int else _("a number")
        raise ApplicationError(
            _("Policy %(name)s: expected %(words)s from %(low)s to %(high)s, got %(value)s.")
            % {"name": name, "words": words, "low": f"{low:g}", "high": f"{high:g}", "value": f"{value!r}"}
        )
    return number(value)


def counts_of(version: Version) -> dict[str, dict[str, int]]:
    """Patients of each attribute's groups over all sites, as their manifests count them; "unknown" is no group."""
    found: dict[str, dict[str, int]] = {}
    for manifest in manifests_of(version):
        for attribute, groups in manifest.content.get("groups", {}).items():
            counts = found.setdefault(attribute, {})
            for name, n in groups.items():
                if n and name != UNKNOWN:
                    counts[name] = counts.get(name, 0) + n
    return dict(sorted(found.items()))


def manifests_of(version: Version) -> list[DataManifest]:
    """The data manifests on which the version was trained, by site."""
    return list(
        DataManifest.objects.filter(
            participant__federation_id=version.model.federation_id, digest__in=version.manifests.values()
        )
        .select_related("participant__institution")
        .order_by("participant__site")
    )
