"""The life of a version as steps, from what is on record. Reports cover periods, so no step speaks of them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from core.spoken import inside, spoken
from core.tones import LIFE_OF_A_MODEL, look_of
from federation.models import Consent
from federation.services import consents_of
from models_registry.assessments import lacks_assessment
from models_registry.binding import latest_audit, latest_card
from models_registry.cards import completeness
from models_registry.fails import standing_of
from models_registry.models import ApprovalRequest, Deployment, Evidence, Version
from models_registry.presentation.links import evidence_link, link

Step = dict[str, Any]
_LABELS = {key: label for key, label, _ in LIFE_OF_A_MODEL}
State = ApprovalRequest.State


def steps(version: Version, user: User) -> list[Step]:
    audit = latest_audit(version)
    request = version.approval_requests.order_by("-created_at").first()
    deployment = version.deployments.order_by("-created_at").first()
    found = [
        _training(version, user),
        _step("version", "done", str(version), when=version.created_at),
        _audit(audit, request, user, stands=bool(standing_of(version))),
        _card(version),
        _approvals(audit, request, user),
        *_deployment(version, deployment, request),
    ]
    return [_consent(version), *found]


def _step(key: str, state: str, note: str = "", *, url: str = "", when: object = None) -> Step:
    return {"label": _LABELS[key], "state": state, "note": note, "url": url, "when": when}


def _consent(version: Version) -> Step:
    given = sum(answer == Consent.Decision.GIVEN for answer in consents_of(version.run).values())
    sites = len(version.manifests)
    return _step(
        "consent",
        "done" if given == sites else "blocked",
        _("%(given)s of %(sites)s sites' consent is on record") % {"given": given, "sites": sites},
    )


def _training(version: Version, user: User) -> Step:
    run = version.run
    url = link("run", run.id) if user.may("federation.view") else ""
    return _step("training", "done", run.name, url=url, when=run.finished_at)


def _audit(audit: Evidence | None, request: ApprovalRequest | None, user: User, *, stands: bool) -> Step:
    if audit is None:
        return _step("audit", "current", "No evidence yet")
    url = evidence_link(audit) if user.may("audit.view") else ""
    word = _(Evidence.Verdict(audit.verdict).replace("_", " ").capitalize())
    if stands and audit.verdict != Evidence.Verdict.FAIL:
        return _step(
            "audit",
            "blocked",
            _("%(verdict)s, but an earlier fail stands") % {"verdict": word},
            url=url,
            when=audit.created_at,
        )
    if audit.verdict == Evidence.Verdict.PASS:
        return _step("audit", "done", word, url=url, when=audit.created_at)
    if audit.verdict == Evidence.Verdict.FAIL:
        return _step(
            "audit", "blocked", _("%(verdict)s: no use is possible") % {"verdict": word}, url=url, when=audit.created_at
        )
    state = "done" if request is not None else "blocked"
    return _step(
        "audit", state, _("%(verdict)s: shadow deployment only") % {"verdict": word}, url=url, when=audit.created_at
    )


def _card(version: Version) -> Step:
    card = latest_card(version)
    if card is None:
        return _step("card", "upcoming")
    counted = completeness(card.content)
    state = "done" if counted.stated == counted.required else "current"
    note = _("Edition %(edition)s, %(stated)s of %(required)s elements stated") % {
        "edition": card.edition, "stated": counted.stated, "required": counted.required,
    }  # fmt: skip
    return _step("card", state, note, url=reverse("card", args=[version.id]))


def _approvals(audit: Evidence | None, request: ApprovalRequest | None, user: User) -> Step:
    if request is None:
        blocked = audit is not None and audit.verdict == Evidence.Verdict.FAIL
        return _step("approvals", "blocked" if blocked else "upcoming", "Not requested")
    looks = {State.APPROVED: "done", State.UNDER_REVIEW: "current", State.WITHDRAWN: "upcoming"}
    url = reverse("approval", args=[request.id]) if user.may("approval.view") else ""
    note = f"{spoken(request.get_kind_display())}: {inside(request.get_state_display())}"
    return _step("approvals", looks.get(State(request.state), "blocked"), note, url=url, when=request.closed_at)


def _deployment(version: Version, deployment: Deployment | None, request: ApprovalRequest | None) -> list[Step]:
    if deployment is None:
        ready = request is not None and request.state == State.APPROVED
        lacks = ready and lacks_assessment(version)
        state, note = ("blocked", _("No impact assessment is in force")) if lacks else ("current", "")
        return [_step("deployment", state, note) if ready else _step("deployment", "upcoming"),
                _step("monitor", "upcoming")]  # fmt: skip
    url = link("deployment", deployment.id)
    serving, state = deployment.state == Deployment.State.ACTIVE, inside(look_of(deployment.state).label)
    return [
        _step("deployment", "done" if serving else "blocked", f"{deployment.name}: {state}", url=url,
              when=deployment.created_at),
        _step("monitor", "current" if serving else "blocked", "Watching" if serving else "Nothing is served", url=url),
    ]  # fmt: skip
