"""Every check that this installation knows: ours, and those that other distributions add by entry point.

A check is loaded when it is asked for, since some of them need minutes of imports that a page does not.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from audits.predeployment.checks.base import Check

GROUP = "qflethics.checks"
_HERE = "audits.predeployment.checks"
# In the order in which they are shown within their principle. One line a check: "module:class".
_BUILT_IN: dict[str, str] = {
    "bias_score": "bias_score:BiasScore",
    "bias_score_baseline": "bias_score_baseline:BiasScoreBaseline",
    "aif360": "aif360:Aif360",
    "representation": "representation:Representation",
    "mdss": "mdss:SubgroupSearch",
    "calibration": "calibration:Calibration",
    "thresholds": "thresholds:Thresholds",
    "target_population": "target_population:TargetPopulation",
    "fairlearn": "fairlearn:Fairlearn",
    "epsilon": "epsilon:Epsilon",
    "membership": "membership:Membership",
    "membership_certified": "membership_certified:CertifiedMembership",
    "reconstruction": "reconstruction:Reconstruction",
    "reconstruction_certified": "reconstruction_certified:CertifiedReconstruction",
    "model_inversion": "model_inversion:ModelInversion",
    "attribute_inference": "attribute_inference:AttributeInference",
    "quantum_mmd": "quantum_mmd:QuantumMMD",
    "leakage": "leakage:LeakageCheck",
    "amplitude": "amplitude:Amplitude",
    "lime": "lime:Lime",
    "glass_box": "glass_box:PriceOfOpacity",
    "circuit": "circuit:Circuit",
    "performance": "performance:Performance",
    "adversarial": "adversarial:Adversarial",
    "shot_attack": "shot_attack:ShotAttack",
    "corruption": "corruption:Corruption",
    "boundaries": "boundaries:Boundaries",
    "card": "card:Card",
    "trail": "trail:Trail",
    "consents": "consents:Consents",
    "lineage": "lineage:Lineage",
}


class UnknownCheck(LookupError):
    """No check of that name is installed here."""


@cache
def _added() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=GROUP) if point.name not in _BUILT_IN}


def known() -> tuple[str, ...]:
    """Ids of all checks, ours first."""
    return (*_BUILT_IN, *sorted(_added()))


@cache
def check_of(check_id: str) -> Check:
    """The check of that id.

    Raises
    ------
    UnknownCheck
        If it is not installed, or what is installed under its name is no check.
    """
    where = _BUILT_IN.get(check_id)
    place = f"{_HERE}.{where}" if where else _added().get(check_id)
    if place is None:
        raise UnknownCheck(f"expected a check among {', '.join(known())}; got {check_id!r}. Install it here first")
    module, _, name = place.partition(":")
    try:
        found = getattr(import_module(module), name)()
    except Exception as error:  # others' code: whatever it does wrong costs this check alone
        raise UnknownCheck(f"the check {check_id!r} cannot be loaded from {place}: {error}") from error
    if not isinstance(found, Check) or found.id != check_id:
        raise UnknownCheck(f"{place} is installed as the check {check_id!r}, but it is not one")
    return found
