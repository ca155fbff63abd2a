"""What the pages of policies show: each policy by principle, how far a proposal is, and what it would change."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from audits.predeployment import policies
from audits.predeployment.checks.base import Check, Parameter, Principle
from audits.predeployment.models import AuditPolicy, AuditRun
from audits.predeployment.policy import Decides
from audits.predeployment.policy_difference import WORDS, difference, direction_of, installed
from models_registry.four_eyes import standing_of

State = AuditPolicy.State


def by_class(user: User) -> list[dict[str, Any]]:
    """For each class of risk the policy in force, proposals under review and everything before."""
    shown = AuditPolicy.objects.for_user(user).select_related("requested_by").prefetch_related("decisions")
    classes = []
    for value, label in AuditPolicy.RiskClass.choices:
        now = policies.in_force(value)
        rows = list(shown.filter(risk_class=value))
        open_ones = [row for row in rows if row.state == State.UNDER_REVIEW]
        classes.append(
            {
                "value": value, "label": label, "in_force": now, "counts": _counts(now),
                "open": [{"policy": row, "missing": standing_of(row).missing, "mine": policies.awaits(row, user)}
                         for row in open_ones],
                "history": [row for row in rows if row.state != State.UNDER_REVIEW and row != now],
            }
        )  # fmt: skip
    return classes


def _counts(policy: AuditPolicy) -> dict[str, int]:
    decided = [part["decides"] for part in policy.content["checks"].values()]
    return {"checks": len(decided), "certify": decided.count(Decides.CERTIFIES), "refute": decided.count("refutes")}


def page_of(policy: AuditPolicy, user: User) -> dict[str, Any]:
    """The context of one policy's page."""
    now = policies.in_force(policy.risk_class)
    is_open = policy.state == State.UNDER_REVIEW
    why_not = policies.why_not(policy, user) if is_open and user.may("policy.decide") else ""
    return {
        "policy": policy,
        "is_open": is_open,
        "is_in_force": policy == now,
        "in_force": now,
        "principles": by_principle(policy.content),
        "changes": difference(now.content, policy.content) if policy != now else [],
        "decisions": policy.decisions.select_related("decided_by", "institution"),
        "missing": standing_of(policy).missing if is_open else [],
        "why_not": why_not,
        "may_decide": is_open and user.may("policy.decide") and not why_not,
        "may_withdraw": is_open and user.may("policy.propose"),
        "may_propose": user.may("policy.propose"),
        "audits": AuditRun.objects.for_user(user).filter(approved_policy=policy).count(),
    }


def by_principle(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The checks of a policy under their principles; those that are not installed here come last, by name."""
    rows: dict[str, list[dict[str, Any]]] = {principle.value: [] for principle in Principle}
    unknown = []
    for name, part in content["checks"].items():
        check = installed(name)
        if check is None:
            unknown.append({"id": name, "title": name, "question": _("Not installed here."), **_shown(part, None)})
            continue
        rows[check.principle.value].append(
            {"id": name, "title": check.title, "question": check.question, **_shown(part, check)}
        )
    found = [{"name": name.capitalize(), "checks": checks} for name, checks in rows.items() if checks]
    return [*found, {"name": _("Not installed here"), "checks": unknown}] if unknown else found


def _shown(part: dict[str, Any], check: Check | None) -> dict[str, Any]:
    known = {parameter.name: parameter for parameter in check.parameters} if check else {}
    settings = [_setting(name, value, check, known.get(name)) for name, value in part["settings"].items()]
    return {"decides": WORDS[Decides(part["decides"])], "tiers": ", ".join(part["tiers"]), "settings": settings}


def _setting(name: str, value: Any, check: Check | None, parameter: Parameter | None) -> dict[str, Any]:
    return {
        "name": name.replace("_", " "), "value": value, "meaning": parameter.meaning if parameter else None,
        "range": range_of(parameter) if parameter else None,
        "stricter": {"down": "lower", "up": "higher"}.get(direction_of(check, parameter), "")
        if check and parameter else "",
    }  # fmt: skip


def range_of(parameter: Parameter) -> str:
    """The allowed values of a setting, in words."""
    if parameter.choices:
        return ", ".join(parameter.choices)
    if isinstance(parameter.default, bool):
        return _("yes or no")
    low, high = parameter.low, parameter.high
    if low is None and high is None:
        return _("any")
    return _("%(low)s to %(high)s") % {
        "low": _("any") if low is None else f"{low:g}", "high": _("any") if high is None else f"{high:g}",
    }  # fmt: skip
