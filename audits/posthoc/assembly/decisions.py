"""Decisions of the period: approvals, withdrawals, revocations."""

from __future__ import annotations

from typing import Any

from django.db.models import Max

from audits.posthoc.assembly.window import (
    PLATFORM,
    History,
    Moment,
    Window,
    history,
    identifier,
    instant,
    label,
    newest_entries,
    transitions,
)
from models_registry.models import ApprovalDecision, ApprovalRequest, Deployment
from provenance.models import Anchor

_WORDS = {
    ApprovalDecision.Decision.APPROVE: "approved",
    ApprovalDecision.Decision.REJECT: "rejected",
    ApprovalDecision.Decision.ABSTAIN: "abstained",
    ApprovalDecision.Decision.REQUEST_CHANGE: "change requested",
}


def approvals(window: Window) -> list[dict[str, Any]]:
    """Every decision of the period: for, against, requests withdrawn, deployments revoked."""
    told = [*_decisions(window), *_withdrawn(window), *_revoked(window)]
    entries, anchored = newest_entries(str(row.pk) for row, _ in told), _anchored_size()
    found = [
        approval | {"anchored_as": "commitment" if entries.get(str(row.pk), anchored) < anchored else "not anchored"}
        for row, approval in told
    ]
    return sorted(found, key=lambda approval: approval["decided_at"])


def _anchored_size() -> int:
    """How many entries lie under a final anchor."""
    return Anchor.objects.filter(state=Anchor.State.FINAL).aggregate(most=Max("checkpoint_id"))["most"] or 0


def requests_of(window: Window) -> list[ApprovalRequest]:
    rows = ApprovalRequest.objects.filter(created_at__lt=window.until, **window.of("version__model__federation"))
    return list(rows.select_related("version__model").order_by("created_at"))


def deployments_of(window: Window) -> list[Deployment]:
    rows = Deployment.objects.filter(created_at__lt=window.until, **window.of("version__model__federation"))
    related = rows.select_related("version__model__federation", "approval")
    return list(
        related.prefetch_related("version__model__federation__participants__institution").order_by("created_at")
    )


def request_histories(window: Window) -> History:
    return history(window.once(requests_of), window.until)


def deployment_histories(window: Window) -> History:
    return history(window.once(deployments_of), window.until)


def _decisions(window: Window) -> list[tuple[Any, dict[str, Any]]]:
    rows = ApprovalDecision.objects.filter(
        **window.during("created_at"), **window.of("request__version__model__federation")
    ).select_related("request__version__model", "institution")
    return [
        (
            row,
            {
                **window.person(row.decided_by_id),
                "id": identifier("DEC", row.id),
                "subject": label(row.request),
                "role": label(row.get_capacity_display()),
                "institution": label(row.institution or PLATFORM),
                "decision": _WORDS[ApprovalDecision.Decision(row.decision)],
                "decided_at": instant(row.created_at),
                "content_sha256": row.content_digest,
            },
        )
        for row in rows
    ]


def _withdrawn(window: Window) -> list[tuple[Any, dict[str, Any]]]:
    past = window.once(request_histories)
    return [
        _outcome(window, "WDR", request, request, request.content_digest, "withdrawn", moment)
        for request in window.once(requests_of)
        for moment, _, after in transitions(request, past, window)
        if after == "withdrawn"
    ]


def _revoked(window: Window) -> list[tuple[Any, dict[str, Any]]]:
    past = window.once(deployment_histories)
    return [
        _outcome(window, "RVK", row, f"{row} of {row.version}", row.approval.content_digest, "revoked", moment)
        for row in window.once(deployments_of)
        for moment, _, after in transitions(row, past, window)
        if after == "revoked"
    ]


def _outcome(
    window: Window, prefix: str, row: Any, subject: object, content: str, decision: str, moment: Moment
) -> tuple[Any, dict[str, Any]]:
    return row, {
        **window.person(moment.actor),
        "id": identifier(prefix, row.id),
        "subject": label(subject),
        "decision": decision,
        "decided_at": instant(moment.at),
        "content_sha256": content,
    }
