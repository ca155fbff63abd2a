"""Which events of the platform become messages, and whose. Imported once, when the application starts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts import inbox
from accounts.models import Membership
from audits.predeployment.models import AuditRun
from core import events, jobs
from core.roles import Role
from federation.models import Participant, Reconsideration
from models_registry.models import ApprovalRequest

_OFFICE = (Role.ETHICS_OFFICER, Role.ADMINISTRATOR)


def _office_of(federation_id: uuid.UUID) -> list[uuid.UUID]:
    """Officers and administrators of the institutions that take part, and the platform's own."""
    places = Participant.objects.filter(federation=federation_id, is_active=True).values("institution")
    return _people(Q(institution__in=places) | Q(institution__isnull=True), *_OFFICE)


def _people(where: Q, *roles: Role) -> list[uuid.UUID]:
    held = Membership.objects.filter(where, is_active=True, user__is_active=True, role__in=roles)
    return sorted(set(held.values_list("user_id", flat=True)))


def _approval_requested(payload: dict) -> dict[str, Any]:
    request = ApprovalRequest.objects.select_related("version__model").get(id=payload["request"])
    people = _office_of(request.version.model.federation_id)
    return {
        "users": [person for person in people if person != request.requested_by_id],
        "kind": "approval", "key": f"approval:{request.id}",
        "title": f"{request.version} waits for a decision",
        "text": f"{request.get_kind_display()}. Two ethics officers of two institutions decide, then an administrator.",
        "path": reverse("approval", args=[request.id]),
    }  # fmt: skip


def _audit_finished(payload: dict) -> dict[str, Any]:
    audit = AuditRun.objects.select_related("version__model").get(id=payload["audit"])
    words = {"pass": "passed", "fail": "failed"}.get(payload["verdict"], "is not conclusive")
    return {
        "users": _office_of(audit.version.model.federation_id), "kind": "audit", "key": f"audit:{audit.id}",
        "title": f"The audit of {audit.version} {words}", "text": f"{audit.get_tier_display()} audit.",
        "path": reverse("audit", args=[audit.id]),
    }  # fmt: skip


def _reconsideration_opened(payload: dict) -> dict[str, Any]:
    matter = Reconsideration.objects.select_related("run", "participant__institution").get(
        id=payload["reconsideration"]
    )
    return {
        "users": _office_of(matter.run.federation_id), "kind": "retrain", "key": f"retrain:{matter.id}",
        "title": f"Retrain or retire: {matter.run.name}",
        "text": f"{matter.participant.institution}. To be decided by {matter.due_at:%d %b %Y}.",
        "path": reverse("run", args=[matter.run_id]),
    }  # fmt: skip


def _ledger_verified(payload: dict) -> dict[str, Any] | None:
    if payload["ok"]:
        return None
    return {
        "users": _people(Q(institution__isnull=True), Role.ADMINISTRATOR, Role.AUDITOR), "kind": "ledger",
        "key": f"ledger:{timezone.now():%Y-%m-%d}",  # once a day, while it lasts
        "title": "A check of the ledger failed",
        "text": "Its proofs do not hold. Nothing should be decided on it until it is known why.",
        "path": reverse("ledger_verification"),
    }  # fmt: skip


def _job_dead(payload: dict) -> dict[str, Any]:
    return {
        "users": _people(Q(institution__isnull=True), Role.ADMINISTRATOR), "kind": "work",
        "key": f"work:{payload['job']}" if "job" in payload else f"work:{uuid.uuid5(uuid.NAMESPACE_OID, str(payload))}",
        "title": f"A background job gave up: {payload['kind']}", "text": "Its error stands on the home page.",
        "path": reverse("home"),
    }  # fmt: skip


def _told(read: Callable[[dict], dict[str, Any] | None]) -> events.Subscriber:
    def write(payload: dict) -> jobs.Effects | None:
        message = read(payload)
        if message is None:
            return None

        def effects() -> None:
            inbox.people_tell(**message)

        return effects

    return write


for _event, _read in {
    "approval.requested": _approval_requested,
    "audit.finished": _audit_finished,
    "reconsideration.opened": _reconsideration_opened,
    "ledger.verified": _ledger_verified,
    "job.dead": _job_dead,
}.items():
    events.on(_event, "home.tell", _told(_read))
