from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import emergency
from accounts.access import requires
from accounts.identity_forms import EmergencyForm, ReviewForm
from accounts.models import User
from accounts.reauthentication import reauthenticate
from core.errors import ApplicationError, Forbidden

PER_PAGE = 25


@requires("emergency.view")
@require_http_methods(["GET", "HEAD", "POST"])
def emergencies(request: HttpRequest) -> HttpResponse:
    """What was asked for and how it ended; and to ask."""
    actor = _person(request)
    asks = actor.may("emergency.request") and bool(actor.institution_ids)
    form = EmergencyForm(request.POST or None, user=actor) if asks else None
    if request.method == "POST":
        if form is None:
            raise Forbidden("Emergency access is asked for by a member of the institution that it is for.")
        if form.is_valid():
            try:
                reauthenticate(request, actor, form.cleaned_data["password"])
                emergency.emergency_request(
                    actor=actor, institution=form.cleaned_data["institution"], reason=form.cleaned_data["reason"],
                    session=request.session,
                )  # fmt: skip
            except ApplicationError as error:
                form.add_error(None, error.message)
            else:
                messages.success(
                    request, "Asked. Have a second person confirm it now: it stands on the home page of each of them."
                )
                return redirect("emergencies")
    page = Paginator(emergency.visible_to(actor), PER_PAGE).get_page(request.GET.get("page"))
    found = emergency.open_for(actor)
    context = {
        "page": page, "form": form, "to_confirm": {row.pk for row in found.to_confirm},
        "to_review": {row.pk for row in found.to_review}, "review_form": ReviewForm(),
        "may_end": actor.may("emergency.confirm"),
    }  # fmt: skip
    return render(request, "accounts/emergencies.html", context, status=400 if form and form.errors else 200)


@requires("emergency.confirm")
@require_POST
def emergency_confirm(request: HttpRequest, access_id: uuid.UUID) -> HttpResponse:
    row = emergency.emergency_confirm(actor=_person(request), access_id=access_id)
    assert row.ends_at is not None  # from the confirmation on
    messages.success(
        request,
        _("Confirmed: it is on until %(ends_at)s UTC, and everybody who must know is told.")
        % {"ends_at": date_format(row.ends_at, "H:i")},
    )
    return redirect("emergencies")


@requires("emergency.view")
@require_POST
def emergency_end(request: HttpRequest, access_id: uuid.UUID) -> HttpResponse:
    emergency.emergency_end(actor=_person(request), access_id=access_id)
    messages.success(request, "The emergency access is over.")
    return redirect("emergencies")


@requires("emergency.review")
@require_POST
def emergency_review(request: HttpRequest, access_id: uuid.UUID) -> HttpResponse:
    given = {name: request.POST.get(name, "") for name in ("verdict", "review")}
    emergency.emergency_review(actor=_person(request), access_id=access_id, **given)
    messages.success(request, "Judged. It stands in the ledger.")
    return redirect("emergencies")


def _person(request: HttpRequest) -> User:
    user: User = request.user  # type: ignore[assignment]  # `requires` lets nobody else in
    return user
