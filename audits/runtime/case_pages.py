"""What the pages of a prediction and of an appeal show."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_noop

from accounts.models import User
from audits.runtime.appeals import prediction_of, why_not
from audits.runtime.case_forms import ContestForm, DecideForm, ReviewForm, WithdrawForm
from audits.runtime.cases import outcome_of
from audits.runtime.declared import declared_by, site_of
from audits.runtime.models import Appeal, Prediction, Review
from audits.runtime.operating import operating_of
from audits.runtime.presentation import ledger_seqs
from models_registry.models import ApprovalRequest, Deployment, Evidence

_SAID = {
    "classification": {True: gettext_noop("Ill"), False: gettext_noop("Not ill")},
    "segmentation": {True: gettext_noop("A lesion is marked"), False: gettext_noop("No lesion is marked")},
}


def said(deployment: Deployment, flagged: bool) -> str:
    """What the model said, in words."""
    return _SAID[deployment.version.config["task"]][flagged]


def prediction_context(deployment: Deployment, row: Prediction, user: User) -> dict[str, Any]:
    """One prediction: what was said, what explains it, what people did about it, and what this person may do."""
    shadow = deployment.kind == ApprovalRequest.Kind.SHADOW
    review = Review.objects.filter(deployment=deployment, event_key=row.event_key).first()
    appeals = list(Appeal.objects.filter(deployment=deployment, event_key=row.event_key).order_by("-created_at"))
    mine, outcome = site_of(user, deployment) == row.site, outcome_of(row)
    contested = any(appeal.state != Appeal.State.DECIDED for appeal in appeals)
    return {
        "deployment": deployment,
        "row": row,
        "shadow": shadow,
        "said": said(deployment, row.flagged),
        "review": review,
        "outcome": outcome,
        "truth": said(deployment, outcome.stratum > 0) if outcome else "",
        "appeals": appeals,
        "batch_seq": ledger_seqs([row.batch_id]).get(str(row.batch_id)),
        "review_form": ReviewForm() if mine and not (shadow or review) and user.may("review.record") else None,
        "contest_form": ContestForm() if mine and not (shadow or contested) and user.may("appeal.file") else None,
        **explanation_context(deployment),
    }


def explanation_context(deployment: Deployment) -> dict[str, Any]:
    """What explains the model, from the card and the audit that were approved."""
    content, version = deployment.approval.content, deployment.version
    card = version.cards.filter(digest=content.get("card")).first()
    audit = Evidence.objects.filter(version=version, digest=content.get("audit")).first()
    operating = operating_of(deployment)
    return {
        "card": card,
        "card_url": reverse("card_edition", args=[version.id, card.edition]) if card else "",
        "checks": [
            check for check in (audit.summary.get("checks") or [] if audit else [])
            if check.get("principle") == "transparency"
        ],
        "operating": operating.told(declared_by(version)),
        "ranges": [{"input": name, "low": low, "high": high} for name, (low, high) in operating.ranges.items()],
    }  # fmt: skip


def appeal_context(appeal: Appeal, user: User) -> dict[str, Any]:
    """One appeal, and what this person may do about it."""
    deployment, row = appeal.deployment, prediction_of(appeal)
    review = Review.objects.filter(deployment=deployment, event_key=appeal.event_key).first()
    outcome, open_ = outcome_of(row), appeal.state != Appeal.State.DECIDED
    refusal = why_not(appeal, user) if open_ and user.may("appeal.decide") else ""
    decides = open_ and user.may("appeal.decide") and not refusal
    task = deployment.version.config["task"]
    return {
        "appeal": appeal,
        "deployment": deployment,
        "row": row,
        "said": said(deployment, appeal.flagged),
        "review": review,
        "outcome": outcome,
        "truth": said(deployment, outcome.stratum > 0) if outcome else "",
        "refusal": refusal,
        "may_take": decides and appeal.state == Appeal.State.OPEN,
        "decide_form": DecideForm(task=task) if decides and appeal.state == Appeal.State.UNDER_REVIEW else None,
        "masks": task != "classification",
        "withdraw_form": WithdrawForm() if open_ and appeal.filed_by_id == user.id else None,
    }
