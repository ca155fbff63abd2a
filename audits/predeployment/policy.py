"""What an audit measures and where it draws the line: plain JSON, fixed before any site opens its data.

A policy says for each check how much it decides and with which settings. It is approved like a model is; whoever starts
an audit may tighten single settings and loosen none. No Django here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from audits.predeployment.checks.base import Check
from audits.predeployment.checks.not_installed import check_or_stand_in
from audits.predeployment.checks.registry import UnknownCheck, check_of
from audits.predeployment.checks.running import SettingError, settings_of, tightened

FORMAT = 2
# One seed for every audit: who may choose the seed may repeat the audit until it passes.
SEED = 20_260_101
QUICK, CERTIFICATION = "quick", "certification"
TIERS = (QUICK, CERTIFICATION)


class Decides(StrEnum):
    """How much a check decides."""

    CERTIFIES = "certifies"  # it must pass
    REFUTES = "refutes"  # a fail is the audit's; anything else is evidence for people
    INFORMS = "informs"


# check: what it decides in a limited and in a high class of risk, and the tiers it belongs to.
# Only measures with bounds and a limit that people agreed on certify. Attacks can refute. A p-value is no
# magnitude, and an explanation score depends on its settings, so these inform.
_SHIPPED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "bias_score": ("certifies", "certifies", TIERS),
    "bias_score_baseline": ("informs", "informs", TIERS),
    "mdss": ("informs", "informs", TIERS),
    "calibration": ("informs", "informs", TIERS),
    "thresholds": ("informs", "informs", TIERS),
    "fairlearn": ("informs", "informs", TIERS),
    "aif360": ("informs", "informs", TIERS),
    "representation": ("informs", "informs", TIERS),
    "target_population": ("informs", "informs", TIERS),
    "quantum_mmd": ("informs", "informs", TIERS),
    "leakage": ("informs", "informs", TIERS),
    "amplitude": ("informs", "informs", TIERS),
    "epsilon": ("certifies", "certifies", TIERS),
    "membership": ("refutes", "refutes", (QUICK,)),
    "membership_certified": ("refutes", "certifies", (CERTIFICATION,)),
    "reconstruction": ("refutes", "refutes", (QUICK,)),
    "reconstruction_certified": ("refutes", "certifies", (CERTIFICATION,)),
    "model_inversion": ("informs", "informs", TIERS),
    "attribute_inference": ("informs", "refutes", TIERS),
    "adversarial": ("informs", "informs", TIERS),
    "shot_attack": ("informs", "informs", TIERS),
    "lime": ("informs", "informs", TIERS),
    "glass_box": ("informs", "informs", TIERS),
    "circuit": ("informs", "informs", TIERS),
    "performance": ("informs", "informs", TIERS),
    "corruption": ("informs", "informs", TIERS),
    "boundaries": ("informs", "informs", TIERS),
    "consents": ("refutes", "certifies", TIERS),
    "lineage": ("refutes", "certifies", TIERS),
    "trail": ("refutes", "certifies", TIERS),
    "card": ("informs", "informs", TIERS),
}


class PolicyError(ValueError):
    """A policy that is not allowed. The text says what was expected and what came."""


def shipped(risk_class: str, *, threshold: float, only: Collection[str] | None = None) -> dict[str, Any]:
    """The policy that comes with the platform.

    Parameters
    ----------
    risk_class : "limited" or "high"
    threshold : float in (0, 1)
        The largest gap between groups that the platform tolerates.
    only : collection of str or None
        Leave out every other check (an installation without some of their libraries, say).
    """
    place = {"limited": 0, "high": 1}[risk_class]
    checks = {}
    for check_id, row in _SHIPPED.items():
        if only is not None and check_id not in only:
            continue
        settings = settings_of(check_of(check_id), {"threshold": threshold} if check_id == "bias_score" else None)
        checks[check_id] = {"decides": row[place], "tiers": list(row[2]), "settings": settings}
    return {"format": FORMAT, "seed": SEED, "checks": checks}


def checked(content: Any) -> dict[str, Any]:
    """A proposed policy in its full form: every setting of every check written out.

    Raises
    ------
    PolicyError
        If it is malformed, names a check that is not installed, or has a setting out of its range.
    """
    if not isinstance(content, Mapping) or not isinstance(content.get("checks"), Mapping):
        raise PolicyError('expected an object with "checks", a mapping of check to its part of the policy')
    if strange := sorted(set(content) - {"format", "seed", "checks"}):
        raise PolicyError(f"expected format, seed and checks; got also {', '.join(map(str, strange))}")
    if (content.get("format", FORMAT), content.get("seed", SEED)) != (FORMAT, SEED):
        raise PolicyError(f"expected format {FORMAT} and the one seed of all audits, {SEED}")
    checks = {str(name): _part(str(name), part) for name, part in content["checks"].items()}
    if not any(part["decides"] == Decides.CERTIFIES for part in checks.values()):
        raise PolicyError("expected at least one check that must pass; a policy without one would certify anything")
    return {"format": FORMAT, "seed": SEED, "checks": checks}


def _part(check_id: str, part: Any) -> dict[str, Any]:
    try:
        check = check_of(check_id)
        if not isinstance(part, Mapping) or not set(part) <= {"decides", "tiers", "settings"}:
            raise PolicyError(f"{check_id}: expected decides, tiers and settings; got {part!r}")
        decides, tiers = part.get("decides"), part.get("tiers", list(TIERS))
        if decides not in list(Decides):
            raise PolicyError(f"{check_id}: expected decides among {', '.join(Decides)}; got {decides!r}")
        if not isinstance(tiers, list) or not tiers or not all(tier in TIERS for tier in tiers):
            raise PolicyError(f"{check_id}: expected tiers among {', '.join(TIERS)}; got {tiers!r}")
        settings = part.get("settings", {})
        if not isinstance(settings, Mapping):
            raise PolicyError(f"{check_id}: expected settings to be an object; got {settings!r}")
        chosen = [tier for tier in TIERS if tier in tiers]
        return {"decides": str(decides), "tiers": chosen, "settings": settings_of(check, settings)}
    except (UnknownCheck, SettingError) as error:
        raise PolicyError(str(error)) from error


def resolve(
    content: Mapping[str, Any],
    *,
    tier: str,
    config: Mapping[str, Any],
    reference_groups: Mapping[str, str],
    chosen: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The policy of one audit.

    Parameters
    ----------
    content : an approved policy
    tier : "quick" or "certification"
    config : frozen configuration of the run that is audited
        Decides whether a privacy budget was promised: one that was not cannot decide anything.
    reference_groups : mapping of attribute to the group that the others are held against
    chosen : mapping of "check.setting" to a value, e.g. ``{"bias_score.threshold": 0.05}``
        In place of the approved values. Limits can be tightened, never loosened.

    Raises
    ------
    PolicyError
        For a setting that cannot be chosen, or a tier that has no check.
    """
    private = config["local"]["dp"] is not None
    checks: dict[str, dict[str, Any]] = {}
    for name, part in content["checks"].items():
        if tier in part["tiers"]:
            decides = Decides.INFORMS if name == "epsilon" and not private else Decides(part["decides"])
            try:  # a setting that a release has added since takes its default
                settings = settings_of(check_of(name), part["settings"])
            except (UnknownCheck, SettingError) as error:
                raise PolicyError(f"expected a policy that this release can follow: {error}") from error
            checks[name] = {"decides": decides.value, "settings": settings}
    if not any(part["decides"] == Decides.CERTIFIES for part in checks.values()):
        raise PolicyError(f"expected a check that must pass in the tier {tier!r}; the policy has none there")
    for name, value in (chosen or {}).items():
        check_id, _, setting = name.partition(".")
        if check_id not in checks or not setting:
            raise PolicyError(f"expected check.setting with a check among {', '.join(sorted(checks))}; got {name!r}")
        try:
            settings = checks[check_id]["settings"]
            settings[setting] = tightened(check_of(check_id), settings, setting, value)
        except SettingError as error:
            raise PolicyError(str(error)) from error
    return {
        "format": FORMAT, "tier": tier, "task": config["task"], "seed": content["seed"],
        "reference_groups": dict(reference_groups),
        "privacy": {"declared": private, "budget": config["epsilon_budget"]}, "checks": checks,
    }  # fmt: skip


def plan(policy: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What every site is asked, in this order: (measurement, shard). What is quick comes first.

    Several checks may conclude from one measurement; it is asked for once. What is not for the task, and what was
    uninstalled since, is not asked.
    """
    order = {"seconds": 0, "minutes": 1, "hours": 2}
    measured: dict[str, Check] = {}
    for name in policy["checks"]:
        check = check_or_stand_in(name)
        if check.at_sites and policy["task"] in check.tasks:
            source = check_or_stand_in(check.measured_by or name)
            if source.at_sites:
                measured.setdefault(source.id, source)
    ranked = sorted(measured.items(), key=lambda pair: order[pair[1].runtime])
    return [(name, shard) for name, check in ranked for shard in range(check.shards(settings_in(policy, name)))]


def settings_in(policy: Mapping[str, Any], check_id: str) -> dict[str, Any]:
    """A check's settings in an audit's policy; its defaults if only others conclude from what it measures."""
    part = policy["checks"].get(check_id)
    return dict(part["settings"]) if part else settings_of(check_or_stand_in(check_id))
