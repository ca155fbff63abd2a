"""What every page shows around its content."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.inbox import counted
from accounts.personal import chosen
from core.roles import Role
from federation.models import Federation

_NAVIGATION = (  # label, url name, icon, action that the role matrix must allow, first part of the path
    (_("Home"), "home", "home", "home.view", ""),
    (_("Federations"), "federations", "federation", "federation.view", "federations runs"),
    (_("Quantum devices"), "quantum", "atom", "quantum.view", "quantum"),
    (_("Models"), "models", "model", "model.view", "models versions"),
    (_("Audits"), "audits", "audit", "audit.view", "audits"),
    (_("External audits"), "external_audits", "hospital", "external.view", "external-audits"),
    (_("Audit policies"), "policies", "shield-check", "policy.view", "audit-policies"),
    (_("Approvals"), "approvals", "approval", "approval.view", "approvals"),
    (_("Deployments"), "deployments", "pulse", "deployment.view", "deployments"),
    (_("Incidents"), "incidents", "alert", "incident.view", "incidents"),
    (_("Notices"), "notices", "inbox", "notice.view", "notices webhooks"),
    (_("Appeals"), "appeals", "inbox", "appeal.view", "appeals"),
    (_("Ledger"), "ledger", "chain", "ledger.view", "ledger"),
    (_("Reports"), "reports", "report", "report.view", "reports"),
    (_("Board reviews"), "board_reviews", "shield-check", "board.view", "boards"),
    (_("External findings"), "samples", "list", "sample.view", "samples"),
    (_("Controls"), "controls", "shield-check", "control.view", "controls"),
    (_("Risks"), "risks", "alert", "control.view", "risks"),
    (_("Data protection"), "protection", "lock", "protection.view", "protection"),
    (_("People"), "people", "user", "people.view", "people"),
    (_("Emergency access"), "emergencies", "lock", "emergency.view", "emergency"),
)


_ROLES = {
    Role.ADMINISTRATOR: _("Administrator"),
    Role.ETHICS_OFFICER: _("Ethics officer"),
    Role.AUDITOR: _("Auditor"),
    Role.SITE_OPERATOR: _("Site operator"),
    Role.CLINICIAN: _("Clinician"),
    Role.EXTERNAL_AUDITOR: _("External auditor"),
}


def chrome(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"request_id": getattr(request, "id", "")}
    first = request.path.strip("/").split("/")[0]
    navigation = []
    for label, name, icon, action, starts in _NAVIGATION:
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        if user.may(action):
            current = first in (starts.split() or [""])
            navigation.append({"label": label, "url": url, "icon": icon, "current": current, "place": name})
    return {
        "navigation": navigation,
        "viewer": {
            "name": user.name,
            "role": ", ".join(str(_ROLES[role]) for role in Role if role in user.roles) or gettext("No role"),
            "institution": str(user.institution or gettext("All institutions")),
            "links": _links() if user.may("account.own") else [],
        },
        "unread": SimpleLazyObject(lambda: counted(user) if user.may("account.own") else 0),  # a fragment has no frame
        "shortcuts": chosen(request).get("shortcuts", True),
        "synthetic_data": Federation.objects.for_user(user).filter(synthetic=True).exists(),
        "emergency": getattr(request, "emergency", None),
        "request_id": getattr(request, "id", ""),
        "version": settings.VERSION,
        "live_base": live_base(request),
    }


def _links() -> list[dict[str, str]]:
    return [
        {"url": reverse("account"), "label": gettext("Your account")},
        {"url": reverse("preferences"), "label": gettext("Preferences")},
    ]


def live_base(request: HttpRequest) -> str:
    """Origin of the live streams: this one behind a proxy, another port without."""
    if not settings.LIVE_PORT:
        return ""
    host = request.get_host().rsplit(":", 1)[0]
    return f"{request.scheme}://{host}:{settings.LIVE_PORT}"
