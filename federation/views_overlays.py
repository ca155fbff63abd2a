from __future__ import annotations

import uuid
from typing import cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import requires
from accounts.models import User
from core.errors import ApplicationError
from federation import overlays
from federation.models import SiteOrder, TrainingRun
from federation.presentation.model_words import label_of
from federation.presentation.overlays import drawn

PER_PAGE = 12


@requires("federation.view")
@never_cache
@require_safe
def run_overlays(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Held-out patients of the person's own site, with the outlines of truth and prediction."""
    run = _run(request, run_id)
    user = cast(User, request.user)
    own = overlays.own_site(run, user, request.GET.get("site", ""))
    order = overlays.latest_order(run, own) if own else None
    context = {
        "run": run, "own": own, "order": order, "beside": _(label_of(run.config, "baseline")),
        "segments": run.config["task"] == "segmentation",
        "sites": overlays.own_sites(run, user),
        "may_ask": own is not None and overlays.may_ask(own, user),
    }  # fmt: skip
    if order is not None and order.state == SiteOrder.State.ANSWERED:
        try:
            page = Paginator(overlays.overlays_read(order), PER_PAGE).get_page(request.GET.get("page"))
            context |= {"page": page, "drawings": [drawn(overlay) for overlay in page]}
        except ApplicationError as error:
            context["problem"] = str(error)
    return render(request, "federation/overlays.html", context)


@requires("consent.give")
@require_POST
def run_overlays_ask(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    run, user = _run(request, run_id), cast(User, request.user)
    order = overlays.overlays_ask(run=run, actor=user, site=request.POST.get("site", ""))
    messages.success(request, "Your site's worker is asked. It answers if its configuration lets pictures out.")
    return redirect(f"{reverse('run_overlays', args=[run.id])}?site={order.participant.site}")


def _run(request: HttpRequest, run_id: uuid.UUID) -> TrainingRun:
    return get_object_or_404(TrainingRun.objects.for_user(request.user).select_related("federation"), id=run_id)
