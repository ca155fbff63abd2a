"""What every page shows around its content."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from accounts.inbox import counted
from accounts.personal import chosen
from federation.models import Federation

_NAVIGATION = (  # label, url name, icon, action that the role matrix must allow, first part of the path
    ("Home", "home", "home", "home.view", ""),
    ("Federations", "federations", "federation", "federation.view", "federations runs"),
    ("Quantum devices", "quantum", "atom", "quantum.view", "quantum"),
    ("Models", "models", "model", "model.view", "models versions"),
    ("Audits", "audits", "audit", "audit.view", "audits"),
    ("External audits", "external_audits", "hospital", "external.view", "external-audits"),
    ("Audit policies", "policies", "shield-check", "policy.view", "audit-policies"),
    ("Approvals", "approvals", "approval", "approval.view", "approvals"),
    ("Deployments", "deployments", "pulse", "deployment.view", "deployments"),
    ("Incidents", "incidents", "alert", "incident.view", "incidents"),
    ("Notices", "notices", "inbox", "notice.view", "notices webhooks"),
    ("Appeals", "appeals", "inbox", "appeal.view", "appeals"),
    ("Ledger", "ledger", "chain", "ledger.view", "ledger"),
    ("Reports", "reports", "report", "report.view", "reports"),
    ("Board reviews", "board_reviews", "shield-check", "board.view", "boards"),
    ("Controls", "controls", "shield-check", "control.view", "controls"),
    ("Risks", "risks", "alert", "control.view", "risks"),
    ("People", "people", "user", "people.view", "people"),
)


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
            "role": user.role_label,
            "institution": str(user.institution or "All institutions"),
            "links": _links() if user.may("account.own") else [],
        },
        "unread": counted(user) if user.may("account.own") else 0,
        "shortcuts": chosen(request).get("shortcuts", True),
        "synthetic_data": Federation.objects.for_user(user).filter(synthetic=True).exists(),
        "request_id": getattr(request, "id", ""),
        "version": settings.VERSION,
        "live_base": live_base(request),
    }


def _links() -> list[dict[str, str]]:
    return [
        {"url": reverse("account"), "label": "Your account"},
        {"url": reverse("preferences"), "label": "Preferences"},
    ]


def live_base(request: HttpRequest) -> str:
    """Origin of the live streams: this one behind a proxy, another port without."""
    if not settings.LIVE_PORT:
        return ""
    host = request.get_host().rsplit(":", 1)[0]
    return f"{request.scheme}://{host}:{settings.LIVE_PORT}"
