"""What a request asks for: the limits and the monitor's settings. They are approved with the rest and cannot drift.

The keys that name the monitor's settings are those of `audits.domain.monitor.policy.MonitorPolicy`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from math import prod
from typing import Any

from django.conf import settings

from core.errors import ApplicationError
from federation.domain.data.dataset import UNKNOWN
from federation.domain.round_metrics import gated_metrics
from federation.models import DataManifest
from models_registry.models import ApprovalRequest, Version

DETECTORS = ("betting", "e_sr")  # the first one keeps the promise of alpha, the second finds what begins late
SELECTION, CALIBRATION = "selection_rate", "calibration"
AMBER_DAYS = 14  # in which a person must decide on the monitor's warnings
MIN_GROUP = 10  # patients of a group, over all sites, from which on it is compared
MIN_CROSSED = (
    200  # the same of an intersection; its patients are estimated from its parts, as if these were independent
)
MOST_CROSSED = 12  # intersections of two attributes: each pair of them is a stream of every metric
CROSS = " × "  # as in audits.domain.monitor.policy

# A shadow deployment is limited by the board; a clinical one is looked at again after this many predictions.
MAX_PREDICTIONS = {ApprovalRequest.Kind.SHADOW: 1_000, ApprovalRequest.Kind.CLINICAL: 100_000}
MONITOR = {
    "alpha": 0.05,
    "arl": 10_000.0,
    "bets": [0.02, 0.05, 0.1, 0.2, 0.35, 0.5],
    "detectors": ["betting", "e_sr"],
    "min_pairs": 100,
    "window": 100,
    "queue": 64,
}
_RANGES: dict[str, tuple[type, float, float]] = {  # what a requester may set: kind of number, lowest, highest
    "alpha": (float, 1e-6, 0.2),
    "arl": (float, 100, 1e9),
    "min_pairs": (int, 1, 100_000),
    "window": (int, 10, 100_000),
    "max_predictions": (int, 1, 10_000_000),
    "amber_days": (int, 1, 90),
    "min_group": (int, 1, 1_000_000),
    "min_crossed": (int, 1, 1_000_000),
    "label_delay_days": (float, 0, 3_650),
    "patients_per_day": (float, 0.01, 1e6),
    "chain_max_age_s": (int, 15, 86_400),
}
# Whether predictions need the officers' approval on the chain: refused without it, served with a warning, not asked.
CHAIN = ("required", "alarm", "off")
CHAIN_MAX_AGE_S = 60  # how old the chain's word may be; the anchor worker reads it every 5 s


Extension = Callable[[Version, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
_extensions: list[Extension] = []


def extend_policies(extension: Extension) -> None:
    """Let a higher floor add to the policy of each new request, or refuse it.

    It is given the version, the policy so far and what the requester chose, and returns what it adds.
    """
    if extension not in _extensions:
        _extensions.append(extension)


def policy_of(*, version: Version, kind: str, chosen: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The policy of a request: the platform's, with what the requester chose in its place.

    Raises
    ------
    ApplicationError
        If a key is unknown or a value is out of its range. The bias threshold can be tightened, never loosened.
    """
    chosen = dict(chosen or {})
    task = version.config["task"]
    advisory = [SELECTION, CALIBRATION] if task == "classification" else [SELECTION]
    policy: dict[str, Any] = {
        "threshold": settings.BIAS_THRESHOLD,
        **MONITOR,
        "metrics": [*gated_metrics(task), *advisory],
        "advisory": advisory,
        "amber_days": AMBER_DAYS,
        "min_group": MIN_GROUP,
        "min_crossed": MIN_CROSSED,
        "max_predictions": MAX_PREDICTIONS[ApprovalRequest.Kind(kind)],
    }
    ranges = {**_RANGES, "threshold": (float, 1e-3, settings.BIAS_THRESHOLD)}
    known = sorted([*ranges, "advisory", "chain", "detectors", "intersections"])
    for name, value in chosen.items():
        if name == "chain":
            policy[name] = _checked_chain(value)
        elif name == "advisory":
            policy[name] = _some_of(name, value, advisory)
        elif name == "detectors":
            policy[name] = _some_of(name, value, DETECTORS)
        elif name in ranges:
            policy[name] = _checked(name, value, *ranges[name])
        elif name != "intersections":
            raise ApplicationError(f"Expected policy keys among {', '.join(known)}; got {name!r}.")
    policy |= _compared(version, policy, chosen.get("intersections"))
    for extension in _extensions:
        policy |= extension(version, policy, chosen)
    return policy


def _compared(version: Version, policy: Mapping[str, Any], wanted: Any) -> dict[str, Any]:
    """The groups and the intersections that are large enough to be compared, and which are not."""
    counts = counts_of(version)
    groups, small = {}, []
    for attribute, found in counts.items():
        kept = sorted(name for name, n in found.items() if n >= policy["min_group"])
        small += [f"{attribute} = {name} ({n})" for name, n in sorted(found.items()) if n < policy["min_group"]]
        if len(kept) > 1:
            groups[attribute] = kept
    pairs = list(combinations(sorted(groups), 2)) if wanted is None else _checked_pairs(wanted, groups)
    crossed = {}
    for parts in pairs:
        names = sorted(_crossed(parts, groups, counts, policy["min_crossed"]))
        if len(names) > 1 and (wanted is not None or len(names) <= MOST_CROSSED):
            crossed[CROSS.join(parts)] = names
    return {"groups": {**groups, **crossed}, "not_compared": small}


def _crossed(
    parts: Sequence[str], groups: Mapping[str, Sequence[str]], counts: Mapping[str, Mapping[str, int]], least: int
) -> Iterator[str]:
    totals = {part: sum(counts[part].values()) for part in parts}
    for names in product(*(groups[part] for part in parts)):
        shares = [counts[part][name] / totals[part] for part, name in zip(parts, names, strict=True)]
        if prod(shares) * min(totals.values()) >= least:
            yield CROSS.join(names)


def _checked_pairs(wanted: Any, groups: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """What the requester wants crossed: lists of two or three attributes."""
    expected = f"expected lists of two or three attributes among {', '.join(sorted(groups)) or 'none'}"
    if not isinstance(wanted, list):
        raise ApplicationError(f"Policy intersections: {expected}; got {wanted!r}.")
    found = []
    for parts in wanted:
        names = parts if isinstance(parts, list) else []
        if not (2 <= len(names) <= 3 and all(isinstance(n, str) and n in groups for n in names)) or (
            len(set(names)) < len(names)
        ):
            raise ApplicationError(f"Policy intersections: {expected}; got {parts!r}.")
        found.append(tuple(sorted(names)))
    return sorted(set(found))


def _some_of(key: str, value: Any, possible: Sequence[str]) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name in possible for name in value):
        raise ApplicationError(f"Policy {key}: expected a list of some of {', '.join(possible)}; got {value!r}.")
    return sorted(set(value), key=list(possible).index)


def _checked_chain(value: Any) -> str:
    if value not in CHAIN:
        raise ApplicationError(f"Policy chain: expected one of {', '.join(CHAIN)}; got {value!r}.")
    return str(value)


def _checked(name: str, value: Any, number: type, low: float, high: float) -> float:
    allowed = (int,) if number is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or not low <= value <= high:
        words = "a whole number" if number is int else "a number"
        raise ApplicationError(f"Policy {name}: expected {words} from {low:g} to {high:g}, got {value!r}.")
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
