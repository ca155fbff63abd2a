"""Pages of requests for approval: read, decide and sign, comment, withdraw, deploy."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST, require_safe

from accounts.access import requires
from accounts.reauthentication import WrongPassword, reauthenticate
from core.errors import ApplicationError, Conflict
from core.spoken import inside
from models_registry import approvals, services, signatures, webauthn
from models_registry.delegations import stands_in
from models_registry.domain.statement import StatementError, in_words, read_statement
from models_registry.forms import CommentForm, DecisionForm, DeployForm, SignForm
from models_registry.models import ApprovalRequest, ReviewerKey
from models_registry.presentation import approval_page
from models_registry.signatures import Signed
from models_registry.views import PER_PAGE, person
from models_registry.webauthn import Site

DONE = {
    "approve": gettext_noop("You have approved this request as %(capacity)s."),
    "reject": gettext_noop("You have rejected this request as %(capacity)s."),
    "abstain": gettext_noop("You have abstained on this request as %(capacity)s."),
    "request_change": gettext_noop("You have asked to change this request as %(capacity)s."),
}


def requires_or_stands_in(action: str) -> Callable:
    """As `requires`, and for whoever stands in for an officer now."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        guarded = requires(action)(view)

        @wraps(view)
        def checked(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            answering = view if stands_in(request.user) else guarded
            return answering(request, *args, **kwargs)

        checked.action = action  # type: ignore[attr-defined]
        return checked

    return decorate


@requires_or_stands_in("approval.view")
@require_safe
def approvals_list(request: HttpRequest) -> HttpResponse:
    user = person(request)
    found = (
        ApprovalRequest.objects.filter(id__in=ApprovalRequest.objects.for_user(user).values("id"))
        .select_related("version__model__federation", "requested_by")
        .prefetch_related("decisions", "version__model__federation__participants")
        .order_by("-created_at")
    )
    prefetch_related_objects([user], "memberships__institution")  # who decides is asked of each request
    decides = user.may("approval.decide") or stands_in(user)
    waiting = found.filter(state=ApprovalRequest.State.UNDER_REVIEW) if decides else ()
    mine = [approval for approval in waiting if approvals.may_decide(approval, user)]
    others = found.exclude(id__in=[approval.id for approval in mine])
    page = Paginator(others, PER_PAGE).get_page(request.GET.get("page"))
    for approval in [*mine, *page]:
        approval.missing = approvals.standing_of(approval).missing  # type: ignore[attr-defined]
    context = {
        "mine": mine, "page": page, "decides": decides, "others_title": "Others" if mine else "All requests",
        "may_delegate": user.may("approval.delegate"),
    }  # fmt: skip
    return render(request, "models_registry/approvals.html", context)


@requires_or_stands_in("approval.view")
@require_safe
def approval(request: HttpRequest, approval_id: uuid.UUID) -> HttpResponse:
    return _approval_page(request, _approval(request, approval_id))


def _approval_page(
    request: HttpRequest, found: ApprovalRequest, *, decide: DecisionForm | None = None,
    deploy: DeployForm | None = None, comment: CommentForm | None = None, status: int = 200,
) -> HttpResponse:  # fmt: skip
    user = person(request)
    context = {
        **approval_page.context(found, user),
        "decide_form": decide or DecisionForm(signs=_signs(user)),
        "deploy_form": deploy or DeployForm(),
        "comment_form": comment or CommentForm(),
        "signs": _signs(user),
    }
    return render(request, "models_registry/approval.html", context, status=status)


@requires_or_stands_in("approval.decide")
@require_POST
def approval_decide(request: HttpRequest, approval_id: uuid.UUID) -> HttpResponse:
    """Decide; whoever has a key is shown the statement first, and signs it on the next page."""
    found, user = _approval(request, approval_id), person(request)
    signs = _signs(user)
    form = DecisionForm(request.POST, signs=signs)
    if not form.is_valid():
        return _approval_page(request, found, decide=form, status=400)
    decision, reason = form.cleaned_data["decision"], form.cleaned_data["reason"]
    try:
        if signs:
            return _to_sign(request, found, decision, reason)
        reauthenticate(request, user, form.cleaned_data["password"])
        made = services.approval_decide(request=found, actor=user, decision=decision, reason=reason)
    except WrongPassword as error:
        form.add_error("password", error.message)
        return _approval_page(request, found, decide=form, status=400)
    except Conflict as error:
        messages.error(request, error.message)
        return _approval_page(request, _approval(request, approval_id), decide=form, status=409)
    return _decided(request, found, made.decision, made.get_capacity_display())


def _to_sign(request: HttpRequest, found: ApprovalRequest, decision: str, reason: str) -> HttpResponse:
    user = person(request)
    acting = approvals.acting_of(found, user)
    statement, salt = signatures.statement_for(
        request=found, decision=decision, reason=reason, actor=user, acting=acting
    )  # fmt: skip
    form = SignForm(initial={"decision": decision, "reason": reason, "statement": statement, "salt": salt})
    return _sign_page(request, found, form, statement)


@requires_or_stands_in("approval.decide")
@require_POST
def approval_sign(request: HttpRequest, approval_id: uuid.UUID) -> HttpResponse:
    """Record a decision with the signature under its statement."""
    found, user = _approval(request, approval_id), person(request)
    form = SignForm(request.POST)
    if not form.is_valid():
        return _sign_page(request, found, form, request.POST.get("statement", ""), status=400)
    given = form.cleaned_data
    signed = Signed(given["statement"], given["salt"], given["signature"].strip(), site_of(request))
    try:
        reauthenticate(request, user, given["password"])
        made = services.approval_decide(
            request=found, actor=user, decision=given["decision"], reason=given["reason"], signed=signed
        )  # fmt: skip
    except WrongPassword as error:
        form.add_error("password", error.message)
        return _sign_page(request, found, form, given["statement"], status=400)
    except Conflict as error:
        form.add_error(None, error.message)
        return _sign_page(request, found, form, given["statement"], status=409)
    return _decided(request, found, made.decision, made.get_capacity_display())


def _sign_page(
    request: HttpRequest, found: ApprovalRequest, form: SignForm, statement: str, status: int = 200
) -> HttpResponse:
    try:
        words = in_words(read_statement(statement))
    except StatementError as error:
        raise ApplicationError(_("The statement cannot be used: %(error)s. Begin again.") % {"error": error}) from None
    keys = list(signatures.live_keys(person(request)))
    security = [key for key in keys if key.kind == ReviewerKey.Kind.WEBAUTHN]
    options = webauthn.request_options(security, statement, site_of(request)) if security else None
    context = {
        "approval": found, "form": form, "statement": statement, "words": words, "programs": len(keys) > len(security),
        "options": json.dumps(options) if options else "",
    }  # fmt: skip
    return render(request, "models_registry/approval_sign.html", context, status=status)


def _decided(request: HttpRequest, found: ApprovalRequest, decision: str, capacity: str) -> HttpResponse:
    messages.success(request, _(DONE[decision]) % {"capacity": inside(capacity)})
    return redirect("approval", found.id)


@requires_or_stands_in("key.hold")
@require_POST
def approval_text(request: HttpRequest) -> HttpResponse:
    """A text to be signed, as a file for the signing program: the person's own, given back."""
    headers = {"Content-Disposition": 'attachment; filename="to-sign.txt"', "Cache-Control": "no-store"}
    text = request.POST.get("text", "").replace("\r\n", "\n")[:100_000]
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


@requires_or_stands_in("approval.view")
@require_POST
def approval_comment(request: HttpRequest, approval_id: uuid.UUID) -> HttpResponse:
    found = _approval(request, approval_id)
    form = CommentForm(request.POST)
    if not form.is_valid():
        return _approval_page(request, found, comment=form, status=400)
    services.approval_comment(request=found, text=form.cleaned_data["text"], actor=person(request))
    return redirect("approval", found.id)


@requires("approval.request")
@require_POST
def approval_withdraw(request: HttpRequest, approval_id: uuid.UUID) -> HttpResponse:
    found = _approval(request, approval_id)
    services.approval_withdraw(request=found, actor=person(request))
    messages.success(request, "The request is withdrawn.")
    return redirect("approval", found.id)


@requires("deployment.create")
@require_POST
def approval_deploy(request: HttpRequest, approval_id: uuid.UUID) -> HttpResponse:
    found = _approval(request, approval_id)
    form = DeployForm(request.POST)
    if not form.is_valid():
        return _approval_page(request, found, deploy=form, status=400)
    made = services.deployment_create(request=found, actor=person(request), **form.cleaned_data)
    messages.success(request, _("“%(name)s” is deployed under the approved policy.") % {"name": made.name})
    return redirect("approval", found.id)


def site_of(request: HttpRequest) -> Site:
    """Where the person's browser is: security keys are bound to it."""
    host = request.get_host()
    return Site(host.rpartition(":")[0] if ":" in host else host, f"{request.scheme}://{host}")


def _signs(user) -> bool:
    return signatures.live_keys(user).exists()


def _approval(request: HttpRequest, approval_id: uuid.UUID) -> ApprovalRequest:
    scoped = ApprovalRequest.objects.for_user(request.user).select_related(
        "version__model__federation", "version__run", "requested_by"
    )
    return get_object_or_404(scoped, id=approval_id)
