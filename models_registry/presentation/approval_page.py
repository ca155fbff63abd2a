"""What the pages of approvals show."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from core.errors import Forbidden
from core.spoken import inside, spoken
from federation.presentation.model_words import labels_of
from models_registry import approvals, binding, fails
from models_registry.assessments import in_force, lacks_words, newest_assessment
from models_registry.card_facts import privacy_words
from models_registry.cards import completeness
from models_registry.delegations import stands_in
from models_registry.models import ApprovalRequest, Deployment
from models_registry.policies import APPEAL_DAYS
from models_registry.presentation.figures import headline, title_of
from models_registry.presentation.links import evidence_link, link, outside
from models_registry.scope import scope_words

State = ApprovalRequest.State
_DETECTORS = {"betting": "betting", "e_sr": "e-SR (Shiryaev-Roberts)"}  # their names elsewhere on the pages
_POLICY = (  # key, words, what it means
    ("threshold", "Largest tolerated gap between groups"),
    ("alpha", "Chance of ever halting a model within the limit (betting detector)"),
    ("arl", "Average number of pairs until a model within the limit is halted (e-SR detector)"),
    ("min_pairs", "Pairs before the amber warnings speak"),
    ("window", "Pairs in the moving window (warnings only)"),
    ("amber_days", "Days in which a person must decide on a warning"),
    ("min_group", "Patients from which on a group is compared"),
    ("min_crossed", "The same of an intersection (estimated)"),
    ("label_delay_days", "Days until an outcome is told"),
    ("patients_per_day", "Patients a day"),
    ("max_predictions", "Predictions granted"),
)


def context(approval: ApprovalRequest, user: User) -> dict[str, Any]:
    version = approval.version
    audit, card = binding.latest_audit(version), binding.latest_card(version)
    standing = approvals.standing_of(approval)
    is_open = approval.state == State.UNDER_REVIEW
    deployment = Deployment.objects.filter(approval=approval).first()
    decides = user.may("approval.decide") or stands_in(user)
    waiting = is_open or (approval.state == State.APPROVED and deployment is None)
    assessment = newest_assessment(version)
    return {
        "approval": approval,
        "subject": version,
        "beside": labels_of(version.config)["baseline"],
        "audit": audit,
        "audit_url": evidence_link(audit) if audit and user.may("audit.view") else "",
        "assessment": assessment,
        "assessed": in_force(assessment),
        "lacks": lacks_words(version, assessment) if waiting else "",
        "assessments_url": link("assessments") if user.may("protection.view") else "",
        "card": card,
        "completeness": completeness(card.content) if card else None,
        "headline": headline(version),
        "privacy": privacy_words(version),
        "outside": outside(version, user),
        "fails": fails.fails_of(version),
        "opens_audits": user.may("audit.view"),
        "bound": _bound(approval, compare=waiting),
        "changed": binding.changes(approval) if waiting else [],
        "policy": _policy(approval),
        "decisions": approval.decisions.select_related("decided_by", "institution", "key", "delegation__officer"),
        "comments": approval.comments.select_related("author"),
        "may_comment": user.may("approval.view") or stands_in(user),
        "standing": standing,
        "missing": standing.missing if is_open else [],
        "is_open": is_open,
        "may_decide": is_open and decides and not _never(approval, user),
        "why_not": why_not(approval, user) if is_open and decides else "",
        "may_withdraw": is_open and user.may("approval.request"),
        "may_deploy": approval.state == State.APPROVED and deployment is None and user.may("deployment.create"),
        "deployment": deployment,
        "deployment_url": link("deployment", deployment.id) if deployment else "",
    }


def why_not(approval: ApprovalRequest, user: User) -> str:
    """Why this person, whose role decides, cannot approve now; empty if they can."""
    if approvals.may_decide(approval, user):
        return ""
    return _never(approval, user) or _(
        "The officers decide first. Until then you can reject, abstain or ask for a change."
    )


def _never(approval: ApprovalRequest, user: User) -> str:
    """Why this person cannot decide on this request, now or later; empty if they can."""
    if approval.requested_by_id == user.id:
        return _("You made this request; other people decide on it.")
    if any(d.decided_by_id == user.id for d in approval.decisions.all()):
        return _("You have decided. A decision is never changed.")
    try:
        approvals.acting_of(approval, user)
    except Forbidden as error:
        return str(spoken(error.message))
    return ""


def _bound(approval: ApprovalRequest, *, compare: bool) -> list[dict[str, Any]]:
    now = binding.content_of(approval.version, approval.policy) if compare else approval.content
    rows = []
    for name, words in binding.PARTS.items():  # in this order; the database keeps none
        if name not in approval.content and name not in now:
            continue  # nothing failed before
        digest = approval.content.get(name, "")
        rows.append({"words": words.capitalize(), "digest": digest, "changed": now.get(name, "") != digest})
    return rows


def _policy(approval: ApprovalRequest) -> list[tuple[str, object]]:
    policy = approval.policy
    rows: list[tuple[str, object]] = [(words, _number(policy[name])) for name, words in _POLICY if name in policy]
    groups = "; ".join(f"{name}: {', '.join(found)}" for name, found in policy.get("groups", {}).items())
    advisory = ", ".join(inside(title_of(name)) for name in policy.get("advisory", []))
    return [
        *rows,
        ("Metrics watched", ", ".join(inside(title_of(name)) for name in policy.get("metrics", []))),
        ("Of these, warn and do not halt", advisory or _("none")),
        ("Detectors that halt", ", ".join(_DETECTORS.get(name, name) for name in policy.get("detectors", []))),
        ("Groups compared", groups),
        ("Too small to be compared", ", ".join(policy.get("not_compared", [])) or _("none")),
        (
            "Outcomes from appeals",
            _("counted") if policy.get("appeal_outcomes") == "counted" else _("left out"),
        ),
        ("Days to decide an appeal", policy.get("appeal_days", APPEAL_DAYS)),
        *scope_words(policy),
    ]


def _number(value: object) -> object:
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
