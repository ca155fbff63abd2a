"""Approvals and changes of the period."""

from __future__ import annotations

from typing import Any

from audits.posthoc.assembly.window import (
    PLATFORM,
    Window,
    history,
    identifier,
    instant,
    label,
    person,
    transitions,
)
from models_registry.models import ApprovalDecision, ApprovalRequest, Deployment, Version
from provenance.models import Anchor, Entry

_WORDS = {
    ApprovalDecision.Decision.APPROVE: "approved",
    ApprovalDecision.Decision.REJECT: "rejected",
    ApprovalDecision.Decision.ABSTAIN: "abstained",
    ApprovalDecision.Decision.REQUEST_CHANGE: "change requested",
}


def approvals(window: Window) -> list[dict[str, Any]]:
    """Every decision of the period: for, against, requests withdrawn, deployments revoked."""
    found = [*_decisions(window), *_withdrawn(window), *_revoked(window)]
    return sorted(found, key=lambda approval: approval["decided_at"])


def requests_of(window: Window) -> list[ApprovalRequest]:
    rows = ApprovalRequest.objects.filter(created_at__lt=window.until, **window.of("version__model__federation"))
    return list(rows.select_related("version__model"))


def deployments_of(window: Window) -> list[Deployment]:
    rows = Deployment.objects.filter(created_at__lt=window.until, **window.of("version__model__federation"))
    return list(rows.select_related("version__model", "approval"))


def _decisions(window: Window) -> list[dict[str, Any]]:
    rows = ApprovalDecision.objects.filter(
        **window.during("created_at"), **window.of("request__version__model__federation")
    ).select_related("request__version__model", "institution")
    return [
        {
            **person(row.decided_by_id),
            "id": identifier("DEC", row.id),
            "subject": label(row.request),
            "role": label(row.get_capacity_display()),
            "institution": label(row.institution or PLATFORM),
            "decision": _WORDS[ApprovalDecision.Decision(row.decision)],
            "decided_at": instant(row.created_at),
            "content_sha256": row.content_digest,
            "anchored_as": anchored_as(row),
        }
        for row in rows
    ]


def _withdrawn(window: Window) -> list[dict[str, Any]]:
    rows = requests_of(window)
    past = history(rows, window.until)
    return [
        _outcome("WDR", request, request, request.content_digest, "withdrawn", moment)
        for request in rows
        for moment, _, after in transitions(request, past, window)
        if after == "withdrawn"
    ]


def _revoked(window: Window) -> list[dict[str, Any]]:
    rows = deployments_of(window)
    past = history(rows, window.until)
    return [
        _outcome("RVK", row, f"{row} of {row.version}", row.approval.content_digest, "revoked", moment)
        for row in rows
        for moment, _, after in transitions(row, past, window)
        if after == "revoked"
    ]


def _outcome(prefix: str, row: Any, subject: object, content: str, decision: str, moment: Any) -> dict[str, Any]:
    return {
        **person(moment.actor),
        "id": identifier(prefix, row.id),
        "subject": label(subject),
        "decision": decision,
        "decided_at": instant(moment.at),
        "content_sha256": content,
        "anchored_as": anchored_as(row),
    }


def anchored_as(row: Any) -> str:
    """Whether the commitment of the row's newest entry lies under a final anchor."""
    entry = Entry.objects.filter(object_id=str(row.pk)).order_by("-seq").first()
    if entry is None:
        return "not anchored"
    anchored = Anchor.objects.filter(checkpoint_id__gt=entry.seq, state=Anchor.State.FINAL).exists()
    return "commitment" if anchored else "not anchored"


def changes(window: Window) -> list[dict[str, Any]]:
    """New versions, and every change of state of a request or a deployment, as the ledger recorded them."""
    found: list[dict[str, Any]] = []
    for version in Version.objects.filter(
        **window.during("created_at"), **window.of("model__federation")
    ).select_related("model"):
        before = f"version {version.number - 1}" if version.number > 1 else "no version"
        found.append(
            {
                "at": instant(version.created_at),
                "subject": label(version.model),
                "before": before,
                "after": f"version {version.number}",
            }
        )
    named: tuple[tuple[list[Any], str], ...] = (
        (requests_of(window), "Request: {}"), (deployments_of(window), "Deployment {}")
    )  # fmt: skip
    for rows, name in named:
        past = history(rows, window.until)
        for row in rows:
            for moment, before, after in transitions(row, past, window):
                subject = label(name.format(row))
                told = {"at": instant(moment.at), "subject": subject, "before": before, "after": after}
                found.append(told | {"entry": moment.seq})
    return sorted(found, key=lambda change: change["at"])
