"""Pages of policies: what is in force, what is proposed, who decides."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import requires
from accounts.models import User
from audits.predeployment import policies, policy_pages
from audits.predeployment.models import AuditPolicy
from audits.predeployment.policy_forms import PolicyDecisionForm, PolicyJsonForm, PolicyRowsForm
from core.errors import ApplicationError, Forbidden
from core.spoken import inside
from federation.domain.messages import canonical


@requires("policy.view")
@require_safe
def policy_list(request: HttpRequest) -> HttpResponse:
    user = _person(request)
    context = {"classes": policy_pages.by_class(user), "may_propose": user.may("policy.propose")}
    return render(request, "audits_predeployment/policies.html", context)


@requires("policy.view")
@require_safe
def policy_detail(request: HttpRequest, policy_id: uuid.UUID) -> HttpResponse:
    return _page(request, _policy(request, policy_id), PolicyDecisionForm())


@requires("policy.view")
@require_safe
def policy_content(request: HttpRequest, policy_id: uuid.UUID) -> HttpResponse:
    """The content as the canonical JSON whose SHA-256 the decisions are bound to."""
    policy = _policy(request, policy_id)
    response = HttpResponse(canonical(policy.content), content_type="application/json")
    name = f"audit-policy-{policy.risk_class}-{policy.number}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@requires("policy.propose")
@require_http_methods(["GET", "HEAD", "POST"])
def policy_new(request: HttpRequest, risk_class: str) -> HttpResponse:
    """Propose another policy: by rows, or as JSON (the button says which). What was entered stays on an error."""
    if risk_class not in AuditPolicy.RiskClass.values:
        raise Http404("no such class of risk")
    now = policies.in_force(risk_class)
    by_json = "json" in request.POST or "json" in request.GET
    data = request.POST if request.method == "POST" else None
    form = _form(by_json, now.content, now.number, data, request.FILES or None)
    told: dict[str, object] = {}
    if form.is_valid():
        try:
            made = policies.policy_propose(
                risk_class=risk_class, content=form.content, justification=form.cleaned_data["justification"],
                actor=_person(request), base=form.cleaned_data["base"],
            )  # fmt: skip
        except Forbidden:
            raise
        except policies.PolicyChanged as error:  # both changes in one form, on top of what is in force now
            why = form.cleaned_data["justification"]
            now, form = error.now, _form(by_json, error.both.content, error.now.number, why=why)
            told = {"refused": error.message, "clashes": error.both.clashes}
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The proposal is under review. Two officers of two institutions decide first.")
            return redirect("policy", made.id)
    context = {"form": form, "by_json": by_json, "in_force": now, "risk_class": risk_class, **told}
    status = 409 if told else 400 if form.errors else 200
    return render(request, "audits_predeployment/policy_new.html", context, status=status)


def _form(
    by_json: bool, content: Mapping[str, Any], base: int, data: Any = None, files: Any = None, why: str = ""
) -> PolicyRowsForm | PolicyJsonForm:
    initial = {"base": base, "justification": why}
    if by_json:
        return PolicyJsonForm(data, files, initial={**initial, "text": json.dumps(content, indent=2)})
    return PolicyRowsForm(data, content=content, initial=initial)


@requires("policy.decide")
@require_POST
def policy_decide(request: HttpRequest, policy_id: uuid.UUID) -> HttpResponse:
    found = _policy(request, policy_id)
    form = PolicyDecisionForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, status=400)
    made = policies.policy_decide(policy=found, actor=_person(request), **form.cleaned_data)
    said = (
        _("You have approved this proposal as %(capacity)s.")
        if made.decision == "approve"
        else _("You have rejected this proposal as %(capacity)s.")
    )
    messages.success(request, said % {"capacity": inside(made.get_capacity_display())})
    return redirect("policy", found.id)


@requires("policy.propose")
@require_POST
def policy_withdraw(request: HttpRequest, policy_id: uuid.UUID) -> HttpResponse:
    found = _policy(request, policy_id)
    policies.policy_withdraw(policy=found, actor=_person(request))
    messages.success(request, "The proposal is withdrawn.")
    return redirect("policy", found.id)


def _page(request: HttpRequest, found: AuditPolicy, form: PolicyDecisionForm, status: int = 200) -> HttpResponse:
    context = {**policy_pages.page_of(found, _person(request)), "form": form}
    return render(request, "audits_predeployment/policy.html", context, status=status)


def _policy(request: HttpRequest, policy_id: uuid.UUID) -> AuditPolicy:
    shown = AuditPolicy.objects.for_user(_person(request)).select_related("requested_by").prefetch_related("decisions")
    return get_object_or_404(shown, id=policy_id)


def _person(request: HttpRequest) -> User:
    """Who looks; pages are for signed-in people only (LoginRequiredMiddleware)."""
    return request.user  # type: ignore[return-value]
