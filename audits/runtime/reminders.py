"""Who is reminded of what waits: warnings of the monitor, appeals, regulators' clocks; when asked, and when overdue.

Each is told once, to the people who can answer it: in their inbox, by e-mail, and warnings also to subscribed systems.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts import inbox
from accounts.models import Membership
from audits.runtime import notices, webhooks
from audits.runtime.incident_state import clocks_of, with_details
from audits.runtime.models import AmberDecision, Appeal, Incident, WebhookSubscription
from audits.runtime.models_appeals import today
from core import jobs
from core.roles import Role
from federation.models import Participant
from models_registry.models import Deployment

ASKED, OVERDUE = "monitor.amber", "monitor.amber_overdue"
_ADVICE = {
    ASKED: "An ethics officer answers it by the day named: continue with reasons, restrict, or halt.",
    OVERDUE: "The day has passed and nobody has answered. Predictions go on until an ethics officer decides.",
}


def officers_of(deployment: Deployment) -> list[uuid.UUID]:
    """The ethics officers of the institutions that take part: whoever may answer a warning."""
    places = Participant.objects.filter(federation=deployment.version.model.federation_id, is_active=True)
    return _holders(places.values("institution"), Role.ETHICS_OFFICER)


def _holders(institutions: Any, *roles: Role) -> list[uuid.UUID]:
    held = Membership.objects.filter(is_active=True, user__is_active=True, role__in=roles, institution__in=institutions)
    return sorted(set(held.values_list("user_id", flat=True)))


# --- warnings of the monitor ---------------------------------------------------------------------------------------


def amber_asked(payload: dict) -> jobs.Effects | None:
    """Handler of the event: officers are told, and systems that subscribed."""
    row = _amber().get(id=payload["decision"])
    return None if row.decided_at is not None else lambda: _amber_tell(row, ASKED)


def _amber() -> Any:
    return AmberDecision.objects.select_related("deployment__version__model")


def _amber_tell(row: AmberDecision, event: str) -> None:
    late = event == OVERDUE
    name = row.deployment.name
    inbox.people_tell(
        users=officers_of(row.deployment), kind="overdue" if late else "amber", key=f"{event}:{row.id}",
        title=f"{name}: a decision on a warning is overdue" if late else f"{name}: the monitor is amber",
        text=f"Due by {row.due_at:%d %b %Y}. {next(iter(row.warnings.values()), '')} {_ADVICE[event]}",
        path=reverse("deployment", args=[row.deployment_id]),
    )  # fmt: skip
    for subscription in notices.subscribed(row.deployment):
        jobs.enqueue(
            "webhook.post",
            {"subscription": str(subscription.id), "event": event, "decision": str(row.id)},
            key=f"webhook:{subscription.id}:{event}:{row.id}",
        )


def webhook_post(payload: dict) -> jobs.Effects | None:
    """Handler of the job: tell one system of one warning. A job is tried five times; then its end shows as dead."""
    subscription = WebhookSubscription.objects.get(id=payload["subscription"])
    if subscription.revoked_at is not None:
        return None
    row = _amber().get(id=payload["decision"])
    body = json.dumps(amber_content(row, payload["event"]), sort_keys=True, separators=(",", ":")).encode()
    number = uuid.uuid5(subscription.id, f"{payload['event']}:{row.id}")
    webhooks.post(url=subscription.url, secret=str(subscription.secret), message_id=f"msg_{number.hex}", body=body)
    return None


def amber_content(row: AmberDecision, event: str) -> dict[str, Any]:
    """What a system is told of a warning: the monitor's own sentences, and nothing that a person wrote."""
    deployment = row.deployment
    path = reverse("deployment", args=[deployment.id])
    return {
        "type": event,
        "timestamp": (row.created_at if event == ASKED else row.due_at).isoformat(),
        "data": {
            "deployment": {"id": str(deployment.id), "name": deployment.name, "kind": deployment.kind},
            "model": str(deployment.version),
            "warnings": list(row.warnings.values()),
            "due_at": row.due_at.isoformat(),
            "advice": _ADVICE[event],
            "url": f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else None,
        },
    }


# --- appeals -------------------------------------------------------------------------------------------------------


def appeal_filed(payload: dict) -> jobs.Effects | None:
    """Handler of the event: those who could decide are told, without the case."""
    appeal = Appeal.objects.select_related("deployment", "institution").get(id=payload["appeal"])
    return lambda: _appeal_tell(appeal, late=False)


def _appeal_tell(appeal: Appeal, *, late: bool) -> None:
    people = _holders([appeal.institution_id], Role.CLINICIAN, Role.ETHICS_OFFICER)
    inbox.people_tell(
        users=[person for person in people if late or person != appeal.filed_by_id],
        kind="overdue" if late else "appeal", key=f"appeal{'.overdue' if late else ''}:{appeal.id}",
        title="An appeal is overdue" if late else "An appeal was filed",
        text=f"Against {appeal.deployment.name} at {appeal.institution}, to be decided by {appeal.due_on:%d %b %Y}.",
        path=reverse("appeal", args=[appeal.id]),
    )  # fmt: skip


# --- what is overdue -----------------------------------------------------------------------------------------------


def overdue_tell() -> int:
    """Remind of everything whose day has passed; asked for every hour, told once each. Returns how many matters."""
    ambers = list(_amber().open().filter(due_at__lt=timezone.now(), deployment__state=Deployment.State.ACTIVE))
    for row in ambers:
        _amber_tell(row, OVERDUE)
    appeals = list(Appeal.objects.overdue(today()).select_related("deployment", "institution"))
    for appeal in appeals:
        _appeal_tell(appeal, late=True)
    return len(ambers) + len(appeals) + _clocks_tell(with_details(Incident.objects.not_closed()))


def _clocks_tell(incidents: Iterable[Incident]) -> int:
    found = 0
    for incident in incidents:
        late = [view for view in clocks_of(incident) if view.overdue]
        found += len(late)
        officers = officers_of(incident.deployment) if late else []
        for view in late:
            inbox.people_tell(
                users=officers, kind="overdue", key=f"clock:{incident.id}:{view.clock.key}",
                title=f"{incident.deployment.name}: a regulator's clock is overdue",
                text=f"{view.clock.article}, {view.clock.title}: until {view.due:%d %b %Y, %H:%M} UTC. "
                "Say whether it applies, and report.",
                path=reverse("incident", args=[incident.id]),
            )  # fmt: skip
    return found
