"""What an audit measures and where it draws the line: plain JSON, fixed before any site opens its data.

Only the bias score gates and, where a run declares differential privacy, its epsilon. The quantum kernel test and the
explanations are evidence for people: a p-value is no magnitude, and an explanation score depends on its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from audits.domain.explain.lime_image import ImageSettings
from audits.domain.explain.lime_tabular import TabularSettings
from audits.domain.fairness.quantum_kernel import KernelOrder

VERSION = 1

# One seed for every audit: who may choose the seed may repeat the audit until it passes.
_DEFAULT: dict[str, Any] = {
    "version": VERSION,
    "seed": 20_260_101,
    "bias": {
        "confidence": 0.95, "min_count": 30, "min_patients_site": 20, "draws": 2000,
    },
    "mmd": {
        "alpha": 0.05, "permutations": 499, "max_records": 400, "bandwidth": 0.45, "limit": 4.0, "shots": None,
        "standardised": "training patients of each site",
    },
    "lime": {
        "required": 80.0, "margin": 20.0, "lesion_required": 0.05,
        "tabular": {"records": 8, "samples": 500, "seeds": 5, "top": 3},
        "image": {
            "records": 6, "segmenter": "slic", "parts": 25, "samples": 120, "seeds": 4, "top": 5, "batch": 60,
        },
    },
}  # fmt: skip

# What may be chosen: kind of number, lowest, highest. Everything else is the platform's.
_RANGES: dict[str, tuple[type, float, float]] = {
    "bias.confidence": (float, 0.95, 0.999),
    "bias.min_count": (int, 30, 10_000),
    "bias.min_patients_site": (int, 20, 10_000),
    "bias.draws": (int, 2000, 100_000),
    "mmd.permutations": (int, 99, 9_999),
    "mmd.max_records": (int, 50, 2_000),
    "lime.required": (float, 80.0, 100.0),
    "lime.tabular.records": (int, 2, 50),
    "lime.tabular.samples": (int, 100, 5_000),
    "lime.tabular.seeds": (int, 2, 10),
    "lime.image.records": (int, 2, 50),
    "lime.image.samples": (int, 50, 2_000),
    "lime.image.seeds": (int, 2, 10),
}


class PolicyError(ValueError):
    """A policy that is not allowed."""


def policy_for(
    config: Mapping[str, Any], chosen: Mapping[str, float] | None = None, *, threshold: float
) -> dict[str, Any]:
    """The policy of an audit.

    Parameters
    ----------
    config : frozen configuration of the run that is audited
        Decides whether a privacy budget was promised.
    chosen : mapping of dotted name to number, e.g. ``{"bias.threshold": 0.05}``
        In place of the platform's values. Gates can be tightened, never loosened.
    threshold : float in (0, 1)
        The largest gap that the platform tolerates.

    Raises
    ------
    PolicyError
        For a name that cannot be chosen or a value out of its range.
    """
    policy = deepcopy(_DEFAULT)
    policy["bias"]["threshold"] = threshold
    ranges = {**_RANGES, "bias.threshold": (float, 0.001, threshold)}
    for name, value in (chosen or {}).items():
        _put(policy, name, value, ranges)
    private = config["local"]["dp"] is not None
    policy["privacy"] = {"budget": config["epsilon_budget"], "declared": private}
    policy["gating"] = ["bias_score", "epsilon"] if private else ["bias_score"]
    return policy


def kernel_order(policy: Mapping[str, Any]) -> KernelOrder:
    """How both kernels look at a representation that the site has standardised."""
    return KernelOrder(**{name: policy["mmd"][name] for name in ("bandwidth", "limit", "shots")})


def tabular_settings(policy: Mapping[str, Any]) -> TabularSettings:
    return TabularSettings(**{k: v for k, v in policy["lime"]["tabular"].items() if k != "records"})


def image_settings(policy: Mapping[str, Any]) -> ImageSettings:
    return ImageSettings(**{k: v for k, v in policy["lime"]["image"].items() if k != "records"})


def _put(policy: dict[str, Any], name: str, value: Any, ranges: Mapping[str, tuple[type, float, float]]) -> None:
    if name not in ranges:
        raise PolicyError(f"expected settings among {', '.join(sorted(ranges))}; got {name!r}")
    kind, low, high = ranges[name]
    allowed = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or not low <= value <= high:
        number = "a whole number" if kind is int else "a number"
        raise PolicyError(f"expected {name} to be {number} from {low:g} to {high:g}, got {value!r}")
    *parents, last = name.split(".")
    for parent in parents:
        policy = policy[parent]
    policy[last] = value
