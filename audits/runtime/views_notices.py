from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import requires
from accounts.models import Institution
from audits.runtime import notices, webhooks
from audits.runtime.models import Halt, Notice, Reinstatement, WebhookSubscription
from core import artefacts
from core.errors import ApplicationError

PAGE = 25
STATES = [("", "All"), ("dead", "Gave up"), ("queued", "Queued"), ("sent", "Sent")]


class SubscriptionForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80, help_text="Of the system that is told.")
    url = forms.CharField(label="Address", max_length=webhooks.MOST_URL, help_text="https://… of a public host.")
    institution = forms.ModelChoiceField(
        Institution.objects.filter(is_active=True), label="Whose deployments?", required=False,
        empty_label="All deployments",
    )  # fmt: skip


@require_GET
@requires("notice.view")
def notice_list(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("state", "")
    rows = Notice.objects.for_user(request.user)
    counted = rows.order_by().aggregate(
        **{state: Count("id", filter=Q(state=state), distinct=True) for state, _ in STATES[1:]}
    )
    if wanted in Notice.State.values:
        rows = rows.filter(state=wanted)
    related = rows.select_related("halt__deployment", "recipient", "subscription")
    tabs = [
        {"label": label, "url": f"?state={key}", "current": key == wanted, "count": counted.get(key)}
        for key, label in STATES
    ]
    context = {
        "page": Paginator(related, PAGE).get_page(request.GET.get("page")), "tabs": tabs,
        "no_mail_server": not settings.EMAIL_HOST,
        "may_send": request.user.may("notice.send"), "may_manage": request.user.may("webhook.manage"),  # type: ignore[union-attr]
    }  # fmt: skip
    return render(request, "audits_runtime/notices.html", context)


@require_POST
@requires("notice.send")
def notice_again(request: HttpRequest, notice_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Notice.objects.for_user(request.user), id=notice_id)
    notices.notice_send_again(notice=found, actor=request.user)
    messages.success(request, "It is tried again.")
    return redirect("notices")


@require_http_methods(["GET", "POST"])
@requires("webhook.manage")
def webhook_list(request: HttpRequest) -> HttpResponse:
    """The secret of a new subscription is shown in the answer to this very request, and nowhere else."""
    form, made, status = SubscriptionForm(), None, 200
    if request.method == "POST":
        form, status = SubscriptionForm(request.POST), 400
        if form.is_valid():
            try:
                made = webhooks.subscription_create(actor=request.user, **form.cleaned_data)
                form, status = SubscriptionForm(), 200
            except ApplicationError as error:
                form.add_error(None, error.message)
    page = Paginator(WebhookSubscription.objects.select_related("institution"), PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {"page": page, "form": form, "made": made}
    response = render(request, "audits_runtime/webhooks.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@requires("webhook.manage")
def webhook_revoke(request: HttpRequest, subscription_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(WebhookSubscription, id=subscription_id)
    webhooks.subscription_revoke(subscription=found, actor=request.user)
    messages.success(request, _("%(who)s is told nothing more.") % {"who": found})
    return redirect("webhooks")


@require_GET
@requires("deployment.view")
def vote_evidence(request: HttpRequest, vote_id: uuid.UUID) -> HttpResponse:
    """The document that a vote names, as it was brought, checked against its digest."""
    vote = get_object_or_404(
        Reinstatement, id=vote_id, halt__in=Halt.objects.for_user(request.user), evidence_kind="document"
    )
    try:
        data = artefacts.get(vote.evidence_digest)
    except artefacts.ArtefactError as error:
        raise ApplicationError(_("The document cannot be shown: %(error)s.") % {"error": error}) from error
    response = HttpResponse(data, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="evidence-{vote.evidence_digest[:12]}"'
    return response
