"""What an approval binds, and whether a version may be requested at all. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core.spoken import inside
from core.tones import look_of
from federation.domain.messages import digest
from federation.models import Reconsideration
from models_registry import fails
from models_registry.assessments import lacks_assessment
from models_registry.fails import AUDIT
from models_registry.models import ApprovalRequest, Card, Evidence, Version
from models_registry.origins import line_before

PERMISSION = "reconsideration"  # the data that it learned from are lent no more
OUTSIDE = "external_"  # how the kinds begin of what outside boards found: shown to those who approve, never bound
BOARD = OUTSIDE + "board"  # findings of a board's review that block: open until one that answers it passes
PARTS = {  # what is bound, in words
    "weights": gettext_noop("the weights of the quantum model"),
    "baseline": gettext_noop("the weights of the model beside it"),
    "config": gettext_noop("the configuration of the training run"),
    "manifests": gettext_noop("the data manifests of the sites"),
    "card": gettext_noop("the model card"),
    "audit": gettext_noop("the audit evidence"),
    "fails": gettext_noop("the checks that failed in earlier audits"),
    "policy": gettext_noop("the policy"),
}


@dataclass(frozen=True)
class Gate:
    """Whether a kind of use may be requested, and if not, why not."""

    kind: str
    label: str
    allowed: bool
    reason: str  # empty if allowed
    lacks: str  # what has to be there before it is deployed, though it may be requested without; empty if all is


def latest_audit(version: Version) -> Evidence | None:
    return version.evidence.filter(kind=AUDIT).order_by("-created_at").first()


def latest_card(version: Version) -> Card | None:
    return version.cards.order_by("-edition").first()


def content_of(version: Version, policy: Mapping[str, Any]) -> dict[str, str]:
    """The digest of each thing that is reviewed, as it stands now; empty where there is none.

    Of fails in earlier audits only where there are some: whoever decides signs that they were shown.
    """
    audit, card, failed = latest_audit(version), latest_card(version), fails.fails_of(version)
    content = {
        "weights": version.weights_digest,
        "baseline": version.baseline_digest,
        "config": version.config_hash,
        "manifests": digest(version.manifests),
        "card": digest(card.content) if card else "",
        "audit": audit.digest if audit else "",
        "policy": digest(policy),
    }
    return content | ({"fails": fails.digest_of(failed)} if failed else {})


def changes(request: ApprovalRequest) -> list[str]:
    """Which parts are no longer what the request was made on, in words. Empty: all stands."""
    version = Version.objects.select_related("model").get(id=request.version_id)
    now = content_of(version, request.policy)
    names = [*now, *(name for name in request.content if name not in now)]  # what is not bound at all has changed too
    changed = [PARTS.get(name, name) for name in names if now.get(name) != request.content.get(name)]
    if not changed and digest(request.content) != request.content_digest:
        changed.append(gettext_noop("the list of what is bound"))
    return changed


def refusal(version: Version, kind: str) -> str:
    """Why this kind of use cannot be requested now; empty if it can."""
    audit = latest_audit(version)
    if audit is None:
        return _("This version was never audited. Start its pre-deployment audit first.")
    said = Evidence.Verdict(audit.verdict)
    if said == Evidence.Verdict.FAIL:
        return _("The audit's verdict is fail, which allows no use. Train a new version that passes.")
    if standing := fails.standing_of(version):
        return fails.words_of(standing)
    if kind == ApprovalRequest.Kind.CLINICAL and said != Evidence.Verdict.PASS:
        return _(
            "The audit's verdict is %(verdict)s, which blocks clinical use; a shadow deployment may be requested."
        ) % {"verdict": inside(look_of(said).label)}
    if kind == ApprovalRequest.Kind.CLINICAL and _needs_certification(audit):
        return _(
            "A quick audit cannot certify a model of high risk. Start a certification audit of this version first."
        )
    if lost := lost_permission(version):
        return lost
    if blocked := blocked_by_board(version):
        return blocked
    if version.approval_requests.filter(kind=kind, state=ApprovalRequest.State.UNDER_REVIEW).exists():
        return _("A request for %(kind)s is already under review.") % {"kind": inside(ApprovalRequest.Kind(kind).label)}
    return ""


def lost_permission(version: Version) -> str:
    """Whether it, or a version that it began from, learned from data that are lent no more, and what was decided."""
    runs = [version.run_id, *(one.run_id for one in line_before(version))]
    matters = list(Reconsideration.objects.filter(run__in=runs))
    if not matters:
        return ""
    if any(matter.is_open for matter in matters):
        return _(
            "It learned from data that are lent no more. It is to be decided first whether it is retrained or retired."
        )
    if any(matter.choice == Reconsideration.Choice.RETIRE for matter in matters):
        return _("It learned from data that are lent no more, and it was decided to retire it.")
    return _(
        "It learned from data that are lent no more, and it was decided to retrain it. Train a new version without "
        "them."
    )


def blocked_by_board(version: Version) -> str:
    """Why a board's finding stands in the way of any new use; empty if none does."""
    found = list(version.evidence.filter(kind=BOARD).order_by("created_at"))
    answered = {row.summary["finding"] for row in found if row.verdict == Evidence.Verdict.PASS}
    standing = [row for row in found if row.summary["finding"] not in answered]
    if not standing:
        return ""
    last = standing[-1].summary
    return _(
        "A %(severity)s finding of %(board)s blocks this version. Its owner has to mend it, and an auditor to verify "
        "that."
    ) % {"severity": _(str(last["severity"])), "board": last["board"]}


def _needs_certification(audit: Evidence) -> bool:
    """Attacks that take minutes can fail a model, not clear it; for a class of high risk that is not enough."""
    return audit.summary.get("risk_class") == "high" and audit.summary.get("tier") != "certification"


def gate(version: Version) -> list[Gate]:
    """Each kind of use with the refusal that stands in its way, if any."""
    refusals, lacks = {kind: refusal(version, kind) for kind in ApprovalRequest.Kind}, lacks_assessment(version)
    return [Gate(kind, kind.label, not reason, reason, lacks) for kind, reason in refusals.items()]
