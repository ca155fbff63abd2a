"""Certificates with which hospitals' machines come in: shown and revoked."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import requires
from federation import door
from federation.models import Federation, SitePass
from federation.presentation import federation_map, passes


@requires("federation.view")
@require_safe
def site_passes(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    person: Any = request.user
    found = get_object_or_404(Federation.objects.for_user(person), id=federation_id)
    context = {
        "federation": found, "tabs": federation_map.tabs("site_passes", found),
        **passes.page_of(found, person, request.GET.get("page")),
    }  # fmt: skip
    return render(request, "federation/site_passes.html", context)


@requires("federation.manage")
@require_POST
def pass_revoke(request: HttpRequest, pass_id: uuid.UUID) -> HttpResponse:
    person: Any = request.user
    reachable = SitePass.objects.filter(participant__federation__in=Federation.objects.for_user(person))
    row = get_object_or_404(reachable.select_related("participant__institution"), id=pass_id)
    door.revoke(row=row, actor=person)
    messages.success(
        request, _("The certificate of %(participant)s opens nothing any more.") % {"participant": row.participant}
    )
    return redirect("site_passes", row.participant.federation_id)
